/*
 * upload: an image in a request's body, whichever route it comes by.
 */
#ifndef HANDLERS_UPLOAD_H
#define HANDLERS_UPLOAD_H

#include "handlers/service.h"

/*
 * Takes a place among the images in memory before a body is read; false, with a 503, if there
 * is none. Each place is given back once.
 */
bool upload_enter(struct request *request);
void upload_leave(struct service *service);

/*
 * Describes `bytes` as a new avatar with a key of its own. False, with a reply: no image (415),
 * a damaged one (422), or no store that takes one now (503).
 */
bool upload_describe(struct request *request, const unsigned char *bytes, size_t length,
                     struct avatar *avatar);

#endif
