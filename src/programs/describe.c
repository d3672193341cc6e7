#include "programs/describe.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define DATE_LENGTH 10

static int64_t today_ms(void)
{
    const char *given = getenv("SOURCE_DATE_EPOCH");
    int64_t seconds;
    return given && number_parse(given, &seconds) == 0 ? seconds * 1000 : clock_wall_ms();
}

int describe_main(const struct manual *manual, int argc, char **argv)
{
    char date[CLOCK_TEXT_SIZE];
    if (argc == 2 && strcmp(argv[1], "completion") == 0) {
        manual_print_completion(manual, stdout);
    } else if (argc == 2 && strcmp(argv[1], "page") == 0) {
        clock_format_utc(today_ms(), date);
        date[DATE_LENGTH] = '\0';
        manual_print_page(manual, date, stdout);
    } else {
        return EX_USAGE;
    }
    return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}
