/* Command lines, an argument a line: of the service (first byte 's'), of the job, addresses. */
#include "fuzz.h"

#include "config/job_options.h"
#include "config/service_options.h"
#include "files/driver.h"
#include "files/faulty/spec.h"
#include "files/s3/location.h"

#define ARGUMENTS_MAX 64

static int arguments_split(char *text, char **arguments)
{
    int count = 0;
    for (char *line; count < ARGUMENTS_MAX && (line = strsep(&text, "\n"));)
        arguments[count++] = line;
    return count;
}

static void service_try(int count, char **arguments)
{
    struct service_options options = {0};
    struct error error;
    bool help = false;
    if (options_read(&service_option_table, count, arguments, &options, &help, &error) < 0 ||
        help || service_options_settle(&options, &error) < 0)
        return;
    FUZZ_HOLDS(2 * options.files_timeout < options.lease);
    FUZZ_HOLDS(options.second_look >= options.upload_guard);
    FUZZ_HOLDS(options.avatar_max >= 1024);
}

static void addresses_try(const char *text)
{
    struct error error;
    struct faulty_spec spec;
    struct s3_location location;
    char decoded[128];
    if (s3_location_parse(text, &location, &error) == 0) {
        struct buffer url;
        buffer_init(&url, S3_URL_BYTES_MAX);
        FUZZ_HOLDS(location.bucket[0] && location.region[0] && location.authority[0]);
        FUZZ_HOLDS(s3_location_url(&location, "avatars/key", NULL, 0, &url) == 0);
        buffer_deinit(&url);
    }
    faulty_spec_parse(text, &spec, &error);
    if (files_url_decode(text, strlen(text), decoded, sizeof decoded) == 0)
        FUZZ_HOLDS(strlen(decoded) < sizeof decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    char *arguments[ARGUMENTS_MAX];
    struct job_options job;
    struct error error;
    bool help = false;
    if (length == 0)
        return 0;
    char *text = fuzz_text(bytes + 1, length - 1);
    if (*bytes == 'a')
        addresses_try(text);
    else if (*bytes == 's')
        service_try(arguments_split(text, arguments), arguments);
    else
        job_options_read(arguments_split(text, arguments), arguments, &job, &help, &error);
    free(text);
    return 0;
}
