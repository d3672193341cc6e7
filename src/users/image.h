/*
 * image: what an upload is, by its content, never by what it is said to be.
 */
#ifndef USERS_IMAGE_H
#define USERS_IMAGE_H

#include <stddef.h>

enum image_verdict { IMAGE_GOOD, IMAGE_UNKNOWN, IMAGE_DAMAGED };

/*
 * Looks at the frame of a PNG, JPEG, WebP or GIF: signature, headers, chunk lengths and its
 * end.
 *
 * Sets `*ret_content_type` to a constant text. UNKNOWN: none of the four. DAMAGED: one of them,
 * but cut short or inconsistent. Nothing is decoded.
 */
enum image_verdict image_inspect(const unsigned char *bytes, size_t length,
                                 const char **ret_content_type);

#endif
