/* What gives credentials: 'p' a profile of the shared files, 'j' a JSON grant, 's' one of STS.
 */
#include "fuzz.h"

#include "files/s3/grant.h"
#include "files/s3/profile.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* Of a header's value: anything else would write headers of its own. */
static void value_judge(const char *value, size_t size)
{
    FUZZ_HOLDS(memchr(value, '\0', size));
    for (; *value; value++)
        FUZZ_HOLDS(*value > ' ' && *value <= '~');
}

static void credentials_judge(const struct s3_credentials *credentials)
{
    value_judge(credentials->key_id, sizeof credentials->key_id);
    value_judge(credentials->secret, sizeof credentials->secret);
    value_judge(credentials->token, sizeof credentials->token);
}

static void profile_try(const uint8_t *bytes, size_t length)
{
    struct s3_profile *profile = calloc(1, sizeof *profile);
    struct error error;
    char path[64];
    int file = memfd_create("profile", MFD_CLOEXEC);
    if (!profile)
        abort();
    FUZZ_HOLDS(file >= 0 && write(file, bytes, length) == (ssize_t)length);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (s3_profile_read(path, "default", profile, &error) == 0)
        credentials_judge(&profile->credentials);
    close(file);
    s3_profile_clear(profile);
    free(profile);
}

static void grant_try(const uint8_t *bytes, size_t length, bool sts)
{
    struct s3_grant grant;
    struct files_answer answer = {0};
    char *copy = fuzz_text(bytes, length);
    int failed = sts ? s3_grant_read_sts(copy, length, &grant, &answer)
                     : s3_grant_read_json(copy, length, &grant, &answer);
    if (!failed) {
        credentials_judge(&grant.credentials);
        FUZZ_HOLDS(s3_credentials_are_whole(&grant.credentials));
    }
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    if (length == 0)
        return 0;
    if (*bytes == 'p')
        profile_try(bytes + 1, length - 1);
    else
        grant_try(bytes + 1, length - 1, *bytes == 's');
    return 0;
}
