/* A table of options, read from flags, variables and defaults. */
#include "config/options.h"
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct target {
    const char *name, *level, *none;
    struct option_texts texts;
    int64_t wait, size, count;
    bool use_inline, once;
};

#define MEMBER(member) offsetof(struct target, member)

static const struct option rows[] = {
    {"name", OPTION_TEXT, MEMBER(name), "NAME", "preset", .prose = "A name."},
    {"none", OPTION_TEXT, MEMBER(none), "TEXT", NULL, .prose = "Nothing by default."},
    {"log-level", OPTION_TEXT, MEMBER(level), "LEVEL", "info", .choices = "debug|info|warning",
     .prose = "A level."},
    {"text", OPTION_TEXTS, MEMBER(texts), "TEXT", NULL, .prose = "May be given again."},
    {"wait-time", OPTION_DURATION, MEMBER(wait), "TIME", "2s", 1000, 60000, .prose = "A wait."},
    {"size", OPTION_BYTES, MEMBER(size), "SIZE", "1KiB", 1, 4096, .prose = "A size."},
    {"count", OPTION_INTEGER, MEMBER(count), "N", "5", 0, 10, .prose = "A count."},
    {"inline", OPTION_SWITCH, MEMBER(use_inline), "on|off", "on", .prose = "A switch."},
    {"once", OPTION_FLAG, MEMBER(once), NULL, NULL, .prose = "A flag."},
};

static const struct option_table table = {.program = "program",
                                          .synopsis = "[options]",
                                          .summary = "Does things.",
                                          .environment = "TEST_",
                                          .epilogue = "The end.",
                                          .options = rows,
                                          .count = COUNT_OF(rows)};

static struct target target;
static struct error error;
static bool help;

#define ARGUMENTS_MAX 40

/* The arguments end with NULL. */
static int read_all(const char *const *given)
{
    char *arguments[ARGUMENTS_MAX];
    int count = 0;
    for (; given[count]; count++)
        arguments[count] = (char *)(uintptr_t)given[count];
    target = (struct target){0};
    error = (struct error){0};
    return options_read(&table, count, arguments, &target, &help, &error);
}

#define READ(...) read_all((const char *const[]){__VA_ARGS__, NULL})

static void options__have_their_defaults(void **state)
{
    (void)state;
    assert_int_equal(read_all((const char *const[]){NULL}), 0);
    assert_string_equal(target.name, "preset");
    assert_null(target.none);
    assert_string_equal(target.level, "info");
    assert_int_equal(target.texts.count, 0);
    assert_int_equal(target.wait, 2000);
    assert_int_equal(target.size, 1024);
    assert_int_equal(target.count, 5);
    assert_true(target.use_inline);
    assert_false(target.once);
    assert_false(help);
}

static void options__are_read_after_a_blank_or_an_equals_sign(void **state)
{
    (void)state;
    assert_int_equal(READ("--name", "Ada", "--wait-time=1m", "--size=2KiB", "--count", "10",
                          "--inline=off", "--once", "--log-level", "debug", "--none="),
                     0);
    assert_string_equal(target.name, "Ada");
    assert_int_equal(target.wait, 60000);
    assert_int_equal(target.size, 2048);
    assert_int_equal(target.count, 10);
    assert_false(target.use_inline);
    assert_true(target.once);
    assert_string_equal(target.level, "debug");
    assert_string_equal(target.none, "");
    assert_int_equal(READ("--name=a=b", "--none", "--name"), 0);
    assert_string_equal(target.name, "a=b");
    assert_string_equal(target.none, "--name");
}

static void options__given_again_win(void **state)
{
    (void)state;
    assert_int_equal(READ("--count", "1", "--count", "2"), 0);
    assert_int_equal(target.count, 2);
}

static void options__may_gather_texts(void **state)
{
    (void)state;
    assert_int_equal(READ("--text", "a", "--text=b"), 0);
    assert_int_equal(target.texts.count, 2);
    assert_string_equal(target.texts.items[0], "a");
    assert_string_equal(target.texts.items[1], "b");
    const char *many[2 * OPTION_TEXTS_MAX + 3] = {0};
    for (int i = 0; i <= OPTION_TEXTS_MAX; i++) {
        many[2 * i] = "--text";
        many[2 * i + 1] = "x";
    }
    assert_int_equal(read_all(many), -1);
    assert_int_equal(error.class, ERROR_USAGE);
}

static void options__of_a_flag_win_over_the_environment_and_that_over_the_default(void **state)
{
    (void)state;
    assert_int_equal(setenv("TEST_WAIT_TIME", "3s", 1), 0);
    assert_int_equal(READ("--count", "1"), 0);
    assert_int_equal(target.wait, 3000);
    assert_int_equal(READ("--wait-time", "4s"), 0);
    assert_int_equal(target.wait, 4000);
    assert_int_equal(unsetenv("TEST_WAIT_TIME"), 0);
    assert_int_equal(READ("--count", "1"), 0);
    assert_int_equal(target.wait, 2000);
}

static void options__name_the_variable_that_is_wrong(void **state)
{
    (void)state;
    assert_int_equal(setenv("TEST_WAIT_TIME", "soon", 1), 0);
    assert_int_equal(READ("--count", "1"), -1);
    assert_int_equal(unsetenv("TEST_WAIT_TIME"), 0);
    assert_int_equal(error.class, ERROR_USAGE);
    assert_non_null(strstr(error.text, "TEST_WAIT_TIME"));
    assert_non_null(strstr(error.text, "soon"));
}

static void options__that_are_flags_have_no_variable(void **state)
{
    (void)state;
    assert_int_equal(setenv("TEST_ONCE", "on", 1), 0);
    assert_int_equal(READ("--count", "1"), 0);
    assert_int_equal(unsetenv("TEST_ONCE"), 0);
    assert_false(target.once);
}

/* Each refused as a wrong command line, by a text that names what is wrong and what it takes.
 */
static void options__that_are_wrong_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *arguments[3], *names, *takes;
    } wrong[] = {
        {{"--nam", "x"}, "--nam", "--help"},
        {{"--names", "x"}, "--names", "--help"},
        {{"--nam=x"}, "--nam", "--help"},
        {{"--", "x"}, "--", "--help"},
        {{"-n", "x"}, "-n", "--help"},
        {{"word"}, "word", "--help"},
        {{""}, "argument", "--help"},
        {{"--name"}, "--name", "NAME"},
        {{"--count", "1", "--name"}, "--name", "NAME"},
        {{"--once=on"}, "--once", "no value"},
        {{"--wait-time", "5"}, "--wait-time", "duration"},
        {{"--wait-time", ""}, "--wait-time", "duration"},
        {{"--wait-time", "999ms"}, "--wait-time", "1s to 60s"},
        {{"--wait-time", "61s"}, "--wait-time", "1s to 60s"},
        {{"--size", "0"}, "--size", "1 to 4096"},
        {{"--size", "5KiB"}, "--size", "1 to 4096"},
        {{"--size", "1KB"}, "--size", "size"},
        {{"--count", "11"}, "--count", "0 to 10"},
        {{"--count", "-1"}, "--count", "number"},
        {{"--inline", "yes"}, "--inline", "on nor off"},
        {{"--inline", "ON"}, "--inline", "on nor off"},
        {{"--log-level", "loud"}, "--log-level", "debug|info|warning"},
        {{"--log-level", ""}, "--log-level", "debug|info|warning"},
        {{"--log-level", "inf"}, "--log-level", "debug|info|warning"},
        {{"--log-level", "infos"}, "--log-level", "debug|info|warning"},
        {{"--log-level", "debug|info"}, "--log-level", "debug|info|warning"},
        {{"--log-level", "|"}, "--log-level", "debug|info|warning"},
    };
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        const char *arguments[4] = {wrong[i].arguments[0], wrong[i].arguments[1],
                                    wrong[i].arguments[2], NULL};
        if (read_all(arguments) == 0)
            fail_msg("taken: %s %s", arguments[0], arguments[1] ? arguments[1] : "");
        assert_int_equal(error.class, ERROR_USAGE);
        if (!strstr(error.text, wrong[i].names) || !strstr(error.text, wrong[i].takes))
            fail_msg("says too little: %s", error.text);
    }
}

static void options__take_their_bounds(void **state)
{
    (void)state;
    assert_int_equal(READ("--wait-time", "1s", "--size", "1", "--count", "0"), 0);
    assert_int_equal(READ("--wait-time", "1m", "--size", "4KiB", "--count", "10"), 0);
}

static void options__look_at_nothing_else_when_help_is_wanted(void **state)
{
    (void)state;
    assert_int_equal(READ("--nonsense", "--help"), 0);
    assert_true(help);
    assert_int_equal(READ("-h"), 0);
    assert_true(help);
}

static char *help_print(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    options_print_help(&table, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void help__lists_every_option_with_its_default_bounds_and_variable(void **state)
{
    (void)state;
    char *text = help_print();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char flag[64];
        snprintf(flag, sizeof flag, "\n  --%s", rows[i].name);
        assert_non_null(strstr(text, flag));
        assert_non_null(strstr(text, rows[i].prose));
    }
    static const char *const parts[] = {"usage: program [options]",
                                        "Does things.",
                                        "--wait-time TIME   (default: 2s)",
                                        "From 1s to 60s.",
                                        "Environment: TEST_WAIT_TIME",
                                        "From 1 to 4096.",
                                        "--once\n",
                                        "--help",
                                        "The end."};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (!strstr(text, parts[i]))
            fail_msg("no \"%s\" in:\n%s", parts[i], text);
    }
    assert_null(strstr(text, "TEST_ONCE"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(options__have_their_defaults),
        CHECK(options__are_read_after_a_blank_or_an_equals_sign),
        CHECK(options__given_again_win),
        CHECK(options__may_gather_texts),
        CHECK(options__of_a_flag_win_over_the_environment_and_that_over_the_default),
        CHECK(options__name_the_variable_that_is_wrong),
        CHECK(options__that_are_flags_have_no_variable),
        CHECK(options__that_are_wrong_are_refused_by_name),
        CHECK(options__take_their_bounds),
        CHECK(options__look_at_nothing_else_when_help_is_wanted),
        CHECK(help__lists_every_option_with_its_default_bounds_and_variable),
    };
    return cmocka_run_group_tests_name("config: options", tests, NULL, NULL);
}
