/*
 * page: the status page, GET / and its files GET /web/{name}.
 *
 * They need no credential and hold no data: the page asks the API, which wants one.
 */
#ifndef HANDLERS_PAGE_H
#define HANDLERS_PAGE_H

#include "http/request.h"

void page_get(struct request *request);
void page_file_get(struct request *request);

#endif
