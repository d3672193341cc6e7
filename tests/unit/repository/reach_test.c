/* Where libpq connects and what it reads, as an address and the environment have it. */
#include "support/check.h"

#include "repository/postgres/reach.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static struct reach reach;

static int reach_close(void **state)
{
    (void)state;
    reach_deinit(&reach);
    unsetenv("PGPORT");
    unsetenv("PGSSLROOTCERT");
    return 0;
}

static bool reads(const char *path)
{
    for (size_t i = 0; i < reach.file_count; i++) {
        if (strcmp(reach.files[i], path) == 0)
            return true;
    }
    return false;
}

static void test_a_port_is_the_addresss_the_environments_or_the_usual_one(void **state)
{
    (void)state;
    struct error error;
    assert_int_equal(reach_find("postgresql://host:6543/name", &reach, &error), 0);
    assert_int_equal(reach.port_count, 1);
    assert_int_equal(reach.ports[0], 6543);
    reach_deinit(&reach);
    assert_int_equal(reach_find("postgresql://host/name", &reach, &error), 0);
    assert_int_equal(reach.ports[0], 5432);
    reach_deinit(&reach);
    setenv("PGPORT", "7654", 1);
    assert_int_equal(reach_find("postgresql://host/name", &reach, &error), 0);
    assert_int_equal(reach.ports[0], 7654);
}

static void test_each_of_several_hosts_has_its_port(void **state)
{
    (void)state;
    struct error error;
    assert_int_equal(reach_find("postgresql://one:6001,two:6002/name", &reach, &error), 0);
    assert_int_equal(reach.port_count, 2);
    assert_int_equal(reach.ports[0], 6001);
    assert_int_equal(reach.ports[1], 6002);
}

static void test_files_are_those_that_are_named_and_the_usual_ones(void **state)
{
    (void)state;
    struct error error;
    setenv("HOME", "/nowhere", 1);
    setenv("PGSSLROOTCERT", "/certs/root", 1);
    assert_int_equal(
        reach_find("postgresql://host/name?sslcert=/certs/own&prepared=off", &reach, &error),
        0);
    assert_true(reads("/certs/own"));
    assert_true(reads("/certs/root"));
    assert_true(reads("/nowhere/.postgresql"));
    assert_true(reads("/nowhere/.pgpass"));
}

static void test_what_is_no_address_is_refused(void **state)
{
    (void)state;
    struct error error;
    assert_int_equal(reach_find("postgresql://host:port/name?no", &reach, &error), -1);
    assert_int_equal(error.class, ERROR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_a_port_is_the_addresss_the_environments_or_the_usual_one,
                                  reach_close),
        cmocka_unit_test_teardown(test_each_of_several_hosts_has_its_port, reach_close),
        cmocka_unit_test_teardown(test_files_are_those_that_are_named_and_the_usual_ones,
                                  reach_close),
        cmocka_unit_test_teardown(test_what_is_no_address_is_refused, reach_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
