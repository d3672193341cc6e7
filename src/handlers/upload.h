/*
 * upload: an image in a request's body, whichever route it comes by.
 */
#ifndef HANDLERS_UPLOAD_H
#define HANDLERS_UPLOAD_H

#include "handlers/service.h"

/*
 * Cleans the image in `bytes` in place (images/image.h) and describes what is left as a new
 * avatar with a key of its own: its length and digest are the cleaned image's. `ret_sent`, if
 * it is not NULL, gets the digest of the bytes as they were sent.
 *
 * False, with a reply: no image (415), a damaged one (422), one of too many pixels (413), or no
 * store that takes one now (503).
 */
bool upload_clean(struct request *request, unsigned char *bytes, size_t length,
                  struct avatar *avatar, char ret_sent[SHA256_TEXT_SIZE]);

/*
 * Adds to the faults of a form (handlers/fields.h) what is wrong with its image, if anything
 * is; the image is spoilt. Returns 0, or -1 without memory.
 */
int upload_add_fault(unsigned char *bytes, size_t length, json_t *faults);

/* The SHA-256 of `bytes` in hexadecimal; -1 if it cannot be had. */
int upload_digest(const void *bytes, size_t length, char text[static SHA256_TEXT_SIZE]);

#endif
