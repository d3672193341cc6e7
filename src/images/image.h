/*
 * image: makes an avatar fit to be shown to strangers. What it is is told by its content, never
 * by what it is said to be; what is not needed to show it is taken out, and its pixels are left
 * as they are.
 *
 * Nothing is decoded: the container is walked from its first byte to its end, and what the walk
 * does not know is dropped or refused. Pure: no I/O, any thread.
 */
#ifndef IMAGES_IMAGE_H
#define IMAGES_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum image_verdict {
    IMAGE_CLEAN,
    IMAGE_UNKNOWN,   /* none of the four types */
    IMAGE_DAMAGED,   /* one of them, but cut short, inconsistent, or of a kind not taken */
    IMAGE_TOO_LARGE, /* too many pixels, frames or scans: see config/limits.h */
    IMAGE_NO_MEMORY,
};

struct image {
    const char *content_type; /* constant text; NULL: unknown */
    uint32_t width, height;   /* of the canvas, as far as it was read */
    uint32_t frames;          /* 1: it does not move */
    const char *fault;        /* what is wrong with it, in constant words; NULL: nothing */
};

/*
 * Cleans a PNG, JPEG, GIF or WebP in place. `*length` becomes that of the cleaned image, which
 * is never longer. The outcome, if it is CLEAN, is such that cleaning it again changes nothing;
 * if it is anything else, the bytes are spoilt.
 *
 * What stays: all that decides how the pixels look, the orientation, a colour profile reduced
 * to its numbers, and the timing of an animation.
 */
enum image_verdict image_clean(unsigned char *bytes, size_t *length, struct image *ret_image);

/* True for the content type of an image that is taken. */
bool image_type_is_taken(const char *content_type);

#endif
