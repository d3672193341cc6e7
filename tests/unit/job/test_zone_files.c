/* Zone files that cannot be found, opened, read or held in memory. */
#include "job/zone.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* What fails in place of the system. */
static struct {
    int calloc_after; /* 0: the next fails; negative: none does */
    bool malloc_fails, fstat_fails;
    int read_code; /* 0: reading works */
    bool once;     /* it works the second time */
} fault = {.calloc_after = -1};

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
int __real_fstat64(int file, struct stat *status);
int __wrap_fstat64(int file, struct stat *status);
ssize_t __real_read(int file, void *bytes, size_t length);
ssize_t __wrap_read(int file, void *bytes, size_t length);
/* What a build that checks its buffers calls instead. */
ssize_t __wrap___read_chk(int file, void *bytes, size_t length, size_t room);

void *__wrap_calloc(size_t count, size_t size)
{
    if (fault.calloc_after >= 0 && fault.calloc_after-- == 0)
        return NULL;
    return __real_calloc(count, size);
}

void *__wrap_malloc(size_t size)
{
    return fault.malloc_fails ? NULL : __real_malloc(size);
}

int __wrap_fstat64(int file, struct stat *status)
{
    if (!fault.fstat_fails)
        return __real_fstat64(file, status);
    errno = EIO;
    return -1;
}

ssize_t __wrap_read(int file, void *bytes, size_t length)
{
    if (!fault.read_code)
        return __real_read(file, bytes, length);
    errno = fault.read_code;
    fault.read_code = fault.once ? 0 : fault.read_code;
    return -1;
}

ssize_t __wrap___read_chk(int file, void *bytes, size_t length, size_t room)
{
    assert_true(length <= room);
    return __wrap_read(file, bytes, length);
}

static char folder[] = "/tmp/zones.XXXXXX";

static int folder_make(void **state)
{
    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    return mkdtemp(folder) && setenv("TZDIR", folder, 1) == 0 ? 0 : -1;
}

static int folder_remove(void **state)
{
    (void)state;
    char path[64];
    memset(&fault, 0, sizeof fault);
    fault.calloc_after = -1;
    snprintf(path, sizeof path, "%s/Zone", folder);
    unlink(path);
    unsetenv("TZDIR");
    return rmdir(folder);
}

static void file_store(const unsigned char *bytes, size_t length)
{
    char path[64];
    snprintf(path, sizeof path, "%s/Zone", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* New York's rules, and nothing else: an empty list of changes, then the footer. */
static size_t file_fill(unsigned char bytes[static 256], const char *footer)
{
    static const unsigned char header[44] = {
        'T', 'Z', 'i', 'f', '2', [39] = 1, [43] = 4,
    };
    static const unsigned char type[10] = {0, 0, 0, 0, 0, 0, 'L', 'M', 'T', 0};
    size_t length = 0;
    for (int block = 0; block < 2; block++) {
        memcpy(bytes + length, header, sizeof header);
        memcpy(bytes + length + sizeof header, type, sizeof type);
        length += sizeof header + sizeof type;
    }
    strcpy((char *)bytes + length, footer);
    return length + strlen(footer);
}

static enum error_class refusal_of(const char *name)
{
    struct zone *zone = NULL;
    struct error error = {0};
    assert_int_equal(zone_open(name, &zone, &error), -1);
    assert_null(zone);
    return error.class;
}

static void assert_opens(void)
{
    struct zone *zone = NULL;
    struct error error = {0};
    if (zone_open("Zone", &zone, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(zone_offset_at(zone, 1720000000), -4 * 3600);
    zone_close(zone);
}

#define RULE "\nEST5EDT,M3.2.0,M11.1.0\n"

static void zone__is_read_also_when_a_signal_interrupts(void **state)
{
    (void)state;
    unsigned char bytes[256];
    file_store(bytes, file_fill(bytes, RULE));
    assert_opens();
    fault.read_code = EINTR;
    fault.once = true;
    assert_opens();
}

static void zone__that_cannot_be_read_is_a_fault_of_the_machine(void **state)
{
    (void)state;
    unsigned char bytes[256];
    file_store(bytes, file_fill(bytes, RULE));
    fault.read_code = EIO;
    assert_int_equal(refusal_of("Zone"), ERROR_CONFIG);
    fault.read_code = 0;
    fault.fstat_fails = true;
    assert_int_equal(refusal_of("Zone"), ERROR_CONFIG);
}

static void zone__without_memory_says_so(void **state)
{
    (void)state;
    unsigned char bytes[256];
    file_store(bytes, file_fill(bytes, RULE));
    fault.calloc_after = 0;
    assert_int_equal(refusal_of("Zone"), ERROR_NO_MEMORY);
    fault.malloc_fails = true;
    assert_int_equal(refusal_of("Zone"), ERROR_NO_MEMORY);
    fault.malloc_fails = false;
    fault.calloc_after = 1;
    assert_int_equal(refusal_of("Zone"), ERROR_CONFIG);
    zone_close(NULL);
}

static void zone__that_cannot_be_opened_is_no_unknown_one(void **state)
{
    (void)state;
    char path[64], longest[PATH_MAX + 1];
    snprintf(path, sizeof path, "%s/Zone", folder);
    /* It leads to itself. */
    assert_int_equal(symlink("Zone", path), 0);
    assert_int_equal(refusal_of("Zone"), ERROR_CONFIG);
    assert_int_equal(refusal_of("Other"), ERROR_USAGE);
    memset(longest, 'a', PATH_MAX);
    longest[PATH_MAX] = '\0';
    setenv("TZDIR", longest, 1);
    assert_int_equal(refusal_of("Zone"), ERROR_CONFIG);
}

/* A file below a file. */
static void zone__below_another_is_unknown(void **state)
{
    (void)state;
    unsigned char bytes[256];
    file_store(bytes, file_fill(bytes, RULE));
    assert_int_equal(refusal_of("Zone/Zone"), ERROR_USAGE);
    setenv("TZDIR", "", 1);
    struct zone *zone = NULL;
    assert_int_equal(zone_open("Europe/Berlin", &zone, NULL), 0);
    zone_close(zone);
}

static void zone__refuses_files_that_are_not_what_they_say(void **state)
{
    (void)state;
    unsigned char bytes[256], large[70000] = "TZif";
    static const char *const footers[] = {"",          "\n",    "X\n",
                                          "\nEST5EDT", "\nE\n", "\nEST5EDT,M3.2.0,M11.1.0;\n"};
    for (size_t i = 0; i < sizeof footers / sizeof *footers; i++) {
        file_store(bytes, file_fill(bytes, footers[i]));
        assert_int_equal(refusal_of("Zone"), ERROR_CONFIG);
    }
    /* A footer that is too long, and one with a NUL. */
    size_t length = file_fill(bytes, "\n");
    memset(bytes + length, 'E', 140);
    bytes[length + 140] = '\n';
    file_store(bytes, length + 141);
    assert_int_equal(refusal_of("Zone"), ERROR_CONFIG);
    length = file_fill(bytes, RULE);
    bytes[length - 2] = '\0';
    file_store(bytes, length);
    assert_int_equal(refusal_of("Zone"), ERROR_CONFIG);
    /* The first version had no times of eight bytes; ours counts no leap seconds. */
    length = file_fill(bytes, RULE);
    bytes[4] = '1';
    file_store(bytes, length);
    assert_int_equal(refusal_of("Zone"), ERROR_CONFIG);
    length = file_fill(bytes, RULE);
    bytes[54 + 31] = 1;
    file_store(bytes, length);
    assert_int_equal(refusal_of("Zone"), ERROR_CONFIG);
    file_store(large, sizeof large);
    assert_int_equal(refusal_of("Zone"), ERROR_CONFIG);
}

/* An empty footer: what the list says last holds for ever. */
static void zone__without_a_rule_keeps_its_last_offset(void **state)
{
    (void)state;
    unsigned char bytes[256];
    struct zone *zone = NULL;
    file_store(bytes, file_fill(bytes, "\n\n"));
    assert_int_equal(zone_open("Zone", &zone, NULL), 0);
    assert_int_equal(zone_offset_at(zone, 1720000000), 0);
    assert_int_equal(zone_change_after(zone, 1720000000), INT64_MAX);
    assert_true(zone_is_utc(zone));
    zone_close(zone);
    file_store(bytes, file_fill(bytes, "\nUTC0\n"));
    assert_int_equal(zone_open("Zone", &zone, NULL), 0);
    assert_true(zone_is_utc(zone));
    zone_close(zone);
}

int main(void)
{
#define ZONE(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)
    const struct CMUnitTest tests[] = {
        ZONE(zone__is_read_also_when_a_signal_interrupts),
        ZONE(zone__that_cannot_be_read_is_a_fault_of_the_machine),
        ZONE(zone__without_memory_says_so),
        ZONE(zone__that_cannot_be_opened_is_no_unknown_one),
        ZONE(zone__below_another_is_unknown),
        ZONE(zone__refuses_files_that_are_not_what_they_say),
        ZONE(zone__without_a_rule_keeps_its_last_offset),
    };
    return cmocka_run_group_tests_name("job: zone files", tests, NULL, NULL);
}
