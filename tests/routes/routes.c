/*
 * routes: prints what the two listeners of users-service have routes for, from its own tables,
 * a line each: the listener, the method, the path, "open" or "closed", and "body" or "-".
 */
#include "handlers/service.h"

#include <stdio.h>

static void table_print(const char *listener, const struct route *routes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        printf("%s %s %s %s %s\n", listener, routes[i].method, routes[i].pattern,
               routes[i].open ? "open" : "closed", routes[i].body_limit ? "body" : "-");
}

int main(void)
{
    /* Anything but 0, so that a body that is limited by it counts as one. */
    const struct service service = {.avatar_limit = 1, .serves_users = true};
    struct route routes[ROUTES_MAX];
    table_print("public", routes, routes_public(&service, routes));
    table_print("private", routes, routes_private(&service, routes));
    return 0;
}
