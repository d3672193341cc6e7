/*
 * router: from a method and a path to a route.
 */
#ifndef HTTP_ROUTER_H
#define HTTP_ROUTER_H

#include "http/server.h"

/*
 * Finds the route of `path` (without its query). Fills `ret_parameters` with the start of each
 * `{…}` segment in `path`; a segment runs up to the next '/' or the end.
 *
 * NULL: no route has this method and path; `ret_allow` then lists the methods of the path's
 * routes ("GET, HEAD, PUT"), or is "" if it has none.
 */
const struct route *router_find(const struct route *routes, size_t count, const char *method,
                                const char *path, const char **ret_parameters, char *ret_allow,
                                size_t allow_size);

#endif
