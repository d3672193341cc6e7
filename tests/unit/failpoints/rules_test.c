/* What a text says, and what it does at a pass. */
#include "failpoints/rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct failpoint_rules rules_of(const char *text)
{
    struct failpoint_rules rules;
    struct error error = {0};
    if (failpoint_rules_parse(text, &rules, &error) < 0)
        fail_msg("%s", error.text);
    return rules;
}

/* One letter a pass: '.' nothing, 't' trace, 'd' delay, 'r' return, 'a' abort. */
static const char *passes(const char *text, const char *name, size_t count)
{
    static char done[4096];
    struct failpoint_rules rules = rules_of(text);
    assert_true(count < sizeof done);
    for (size_t i = 0; i < count; i++) {
        struct failpoint_effect effect = failpoint_rules_pass(&rules, name);
        done[i] = effect.aborts     ? 'a'
                  : effect.returns  ? 'r'
                  : effect.delay_ms ? 'd'
                  : effect.traces   ? 't'
                                    : '.';
    }
    done[count] = '\0';
    return done;
}

static void test_a_term_without_a_number_is_for_good(void **state)
{
    (void)state;
    assert_string_equal(passes("x=return", "x", 4), "rrrr");
}

static void test_a_number_is_of_passes_and_nothing_follows_the_last_term(void **state)
{
    (void)state;
    assert_string_equal(passes("x=2*return", "x", 4), "rr..");
    assert_string_equal(passes("x=0*return", "x", 2), "..");
}

static void test_terms_follow_one_another(void **state)
{
    (void)state;
    assert_string_equal(passes("x=2*off->1*return->3*trace->delay(5ms)->abort", "x", 8),
                        "..rtttdd");
    assert_string_equal(passes("x=3*off->abort", "x", 5), "...aa");
}

static void test_other_points_are_not_counted(void **state)
{
    (void)state;
    struct failpoint_rules rules = rules_of("x=1*off->return");
    assert_int_equal(failpoint_rules_pass(&rules, "y").returns, 0);
    assert_int_equal(failpoint_rules_pass(&rules, "x").returns, 0);
    assert_int_equal(failpoint_rules_pass(&rules, "y").returns, 0);
    assert_int_equal(failpoint_rules_pass(&rules, "x").returns, 1);
}

static void test_patterns_match_whole_names(void **state)
{
    (void)state;
    assert_string_equal(passes("files/*.before=return", "files/local/object.f.fsync.before", 1),
                        "r");
    assert_string_equal(passes("files/*.before=return", "files/local/object.f.fsync.after", 1),
                        ".");
    assert_string_equal(passes("fsync=return", "object.fsync", 1), ".");
    assert_string_equal(passes("fsyn?=return", "fsync", 1), "r");
}

static void test_every_rule_that_matches_acts(void **state)
{
    (void)state;
    struct failpoint_rules rules =
        rules_of("*=delay(3ms);x=delay(7ms);x=trace;x=return;y=abort");
    struct failpoint_effect effect = failpoint_rules_pass(&rules, "x");
    assert_int_equal(effect.delay_ms, 7);
    assert_int_equal(effect.traces, 1);
    assert_int_equal(effect.returns, 1);
    assert_int_equal(effect.aborts, 0);
}

static void test_chances_are_drawn_from_the_seed(void **state)
{
    (void)state;
    char first[1001];
    strcpy(first, passes("seed=7;x=25%return", "x", 1000));
    assert_string_equal(passes("x=25%return;seed=7", "x", 1000), first);
    assert_string_not_equal(passes("x=25%return;seed=8", "x", 1000), first);
    size_t returned = 0;
    for (size_t i = 0; i < 1000; i++)
        returned += first[i] == 'r';
    assert_in_range(returned, 200, 300);
    assert_string_equal(passes("x=0%return", "x", 3), "...");
    assert_string_equal(passes("x=100%return", "x", 3), "rrr");
}

static void test_a_pass_counts_whether_or_not_it_is_drawn(void **state)
{
    (void)state;
    assert_string_equal(passes("x=0%3*return->abort", "x", 5), "...aa");
}

static void test_blanks_and_nothing_are_allowed_between_rules(void **state)
{
    (void)state;
    assert_int_equal(rules_of("").count, 0);
    assert_int_equal(rules_of(" ; \n;").count, 0);
    assert_int_equal(rules_of("x=off; y=off;\nz=off").count, 3);
}

static void test_what_is_no_rule_is_refused_and_named(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "x",           "=off",         "x=",
        "x=explode",   "x=101%off",    "x=-1*off",
        "x=%off",      "x=.%off",      "x=1.2.3%off",
        "x=x*off",     "x=*off",       "x=delay(5)",
        "x=delay(5ms", "x=delay()",    "x=delay(2m)",
        "x=off->",     "x=off->->off", "seed=x",
        "seed=",       "x=1*2*off",    "x=off->off->off->off->off->off->off->off->off",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct failpoint_rules rules = {.count = 99};
        struct error error = {0};
        if (failpoint_rules_parse(wrong[i], &rules, &error) == 0)
            fail_msg("'%s' was taken", wrong[i]);
        assert_int_equal(error.class, ERROR_USAGE);
        assert_non_null(strstr(error.text, wrong[i]));
        assert_int_equal(rules.count, 99);
    }
}

static void test_too_many_and_too_long_are_refused(void **state)
{
    (void)state;
    struct failpoint_rules rules;
    char text[FAILPOINT_PATTERN_SIZE + 16] = "";
    for (int i = 0; i < FAILPOINT_RULES_MAX; i++)
        strcat(text, "x=off;");
    assert_int_equal(failpoint_rules_parse(text, &rules, NULL), 0);
    strcat(text, "x=off");
    assert_int_equal(failpoint_rules_parse(text, &rules, NULL), -1);
    memset(text, 'x', FAILPOINT_PATTERN_SIZE);
    strcpy(text + FAILPOINT_PATTERN_SIZE, "=off");
    assert_int_equal(failpoint_rules_parse(text, &rules, NULL), -1);
    assert_int_equal(failpoint_rules_parse(text + 1, &rules, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_term_without_a_number_is_for_good),
        cmocka_unit_test(test_a_number_is_of_passes_and_nothing_follows_the_last_term),
        cmocka_unit_test(test_terms_follow_one_another),
        cmocka_unit_test(test_other_points_are_not_counted),
        cmocka_unit_test(test_patterns_match_whole_names),
        cmocka_unit_test(test_every_rule_that_matches_acts),
        cmocka_unit_test(test_chances_are_drawn_from_the_seed),
        cmocka_unit_test(test_a_pass_counts_whether_or_not_it_is_drawn),
        cmocka_unit_test(test_blanks_and_nothing_are_allowed_between_rules),
        cmocka_unit_test(test_what_is_no_rule_is_refused_and_named),
        cmocka_unit_test(test_too_many_and_too_long_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
