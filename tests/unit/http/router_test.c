/* From a method and a path to a route. */
#include "http/router.h"
#include "support/check.h"

#include <string.h>

static const struct route routes[] = {
    {.method = "GET", .pattern = "/api/users"},
    {.method = "POST", .pattern = "/api/users"},
    {.method = "DELETE", .pattern = "/api/users/fallback"},
    {.method = "GET", .pattern = "/api/users/{id}"},
    {.method = "PUT", .pattern = "/api/users/{id}"},
    {.method = "DELETE", .pattern = "/api/users/{id}"},
    {.method = "GET", .pattern = "/api/users/{id}/avatar"},
    {.method = "PUT", .pattern = "/api/users/{id}/avatar"},
    {.method = "GET", .pattern = "/api/users/{id}/avatar/{part}"},
    {.method = "GET", .pattern = "/"},
};

static const struct route *find(const char *method, const char *path, const char **parameters,
                                char *allow)
{
    return router_find(routes, COUNT_OF(routes), method, path, parameters, allow, 64);
}

static void router__finds_the_route_of_a_method_and_a_path(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        int route;
        const char *parameter;
    } rows[] = {{"GET", "/api/users", 0, NULL},
                {"HEAD", "/api/users", 0, NULL},
                {"POST", "/api/users", 1, NULL},
                {"DELETE", "/api/users/fallback", 2, NULL},
                {"GET", "/api/users/7", 3, "7"},
                {"HEAD", "/api/users/7", 3, "7"},
                {"PUT", "/api/users/7", 4, "7"},
                {"DELETE", "/api/users/fallbacks", 5, "fallbacks"},
                {"DELETE", "/api/users/fall", 5, "fall"},
                {"GET", "/api/users/7/avatar", 6, "7/avatar"},
                {"PUT", "/api/users/fallback/avatar", 7, "fallback/avatar"},
                {"GET", "/api/users/%2F", 3, "%2F"},
                {"GET", "/api/users/{id}", 3, "{id}"},
                {"DELETE", "/api/users/{id}", 5, "{id}"},
                {"GET", "/api/users/{id}/avatar", 6, "{id}/avatar"},
                {"GET", "/", 9, NULL}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *parameters[2] = {0};
        char allow[64] = "x";
        const struct route *route = find(rows[i].method, rows[i].path, parameters, allow);
        if (route != &routes[rows[i].route])
            fail_msg("%s %s", rows[i].method, rows[i].path);
        if (rows[i].parameter)
            assert_string_equal(parameters[0], rows[i].parameter);
        else
            assert_null(parameters[0]);
    }
}

static void router__gives_out_each_part_in_braces(void **state)
{
    (void)state;
    const char *parameters[2] = {0};
    char allow[64];
    assert_ptr_equal(find("GET", "/api/users/7/avatar/8", parameters, allow), &routes[8]);
    assert_string_equal(parameters[0], "7/avatar/8");
    assert_string_equal(parameters[1], "8");
}

static void router__lists_the_methods_of_a_path(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *allow;
    } rows[] = {{"PATCH", "/api/users", "GET, HEAD, POST"},
                {"DELETE", "/api/users", "GET, HEAD, POST"},
                {"get", "/api/users", "GET, HEAD, POST"},
                {"", "/api/users", "GET, HEAD, POST"},
                {"GET", "/api/users/fallback", "DELETE"},
                {"POST", "/api/users/7", "GET, HEAD, PUT, DELETE"},
                {"POST", "/api/users/{id}", "GET, HEAD, PUT, DELETE"},
                {"DELETE", "/api/users/7/avatar", "GET, HEAD, PUT"},
                {"OPTIONS", "/", "GET, HEAD"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *parameters[2] = {0};
        char allow[64] = "x";
        assert_null(find(rows[i].method, rows[i].path, parameters, allow));
        assert_string_equal(allow, rows[i].allow);
    }
}

static void router__finds_nothing_at_other_paths(void **state)
{
    (void)state;
    static const char *const paths[] = {"",
                                        "*",
                                        "//",
                                        "/api",
                                        "/api/",
                                        "/api/user",
                                        "/api/users/",
                                        "/api/users//",
                                        "/api/users//avatar",
                                        "/api/users/7/",
                                        "/api/users/7/avatar/",
                                        "/api/users/7/avatars",
                                        "/api/users/7/avata",
                                        "/api/users/7/avatar/8/9",
                                        "/API/users",
                                        "api/users",
                                        "/api/users/7/avatar/8/"};
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        const char *parameters[2] = {0};
        char allow[64] = "x";
        if (find("GET", paths[i], parameters, allow))
            fail_msg("found: %s", paths[i]);
        assert_string_equal(allow, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(router__finds_the_route_of_a_method_and_a_path),
        CHECK(router__gives_out_each_part_in_braces),
        CHECK(router__lists_the_methods_of_a_path),
        CHECK(router__finds_nothing_at_other_paths),
    };
    return cmocka_run_group_tests_name("http: router", tests, NULL, NULL);
}
