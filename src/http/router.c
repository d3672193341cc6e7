#include "http/router.h"

#include <stdio.h>
#include <string.h>

static bool pattern_matches(const char *pattern, const char *path, const char **parameters)
{
    size_t found = 0;
    while (*pattern && *path) {
        if (*pattern == '{') {
            size_t length = strcspn(path, "/");
            if (length == 0)
                return false;
            parameters[found++] = path;
            path += length;
            pattern = strchr(pattern, '}') + 1;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return !*pattern && !*path;
}

static bool method_matches(const char *of_route, const char *method)
{
    return strcmp(of_route, method) == 0 ||
           (strcmp(of_route, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static void allow_add(const char *method, char *allow, size_t size)
{
    size_t used = strlen(allow);
    snprintf(allow + used, size - used, "%s%s", used ? ", " : "", method);
    if (strcmp(method, "GET") == 0)
        allow_add("HEAD", allow, size);
}

/* A pattern without braces wins over one with them: /api/users/fallback over /api/users/{id}.
 */
const struct route *router_find(const struct route *routes, size_t count, const char *method,
                                const char *path, const char **ret_parameters, char *ret_allow,
                                size_t allow_size)
{
    const char *exact = NULL;
    const char *ignored[2];
    for (size_t i = 0; i < count && !exact; i++) {
        if (!strchr(routes[i].pattern, '{') && strcmp(routes[i].pattern, path) == 0)
            exact = routes[i].pattern;
    }
    *ret_allow = '\0';
    for (size_t i = 0; i < count; i++) {
        if (exact ? strcmp(routes[i].pattern, exact) != 0
                  : !pattern_matches(routes[i].pattern, path, ignored))
            continue;
        if (!exact)
            pattern_matches(routes[i].pattern, path, ret_parameters);
        if (method_matches(routes[i].method, method))
            return &routes[i];
        allow_add(routes[i].method, ret_allow, allow_size);
    }
    return NULL;
}
