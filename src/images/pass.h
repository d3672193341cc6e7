/*
 * pass: one walk over an image in memory that reads it and writes what is kept over it.
 *
 * What is written never overtakes what was read, so the image needs no second place. Each step
 * says whether the walk may go on; when it may not, the verdict and the fault are in the pass.
 */
#ifndef IMAGES_PASS_H
#define IMAGES_PASS_H

#include "images/image.h"

struct pass {
    unsigned char *bytes;
    size_t length; /* where reading ends */
    size_t at;     /* read so far */
    size_t kept;   /* written so far, never more than `at` */
    struct image *image;
    enum image_verdict verdict; /* CLEAN until a step says otherwise */
};

/* Sets the verdict and its words (constant text); returns false, so that it can be returned. */
bool pass_refuse(struct pass *pass, enum image_verdict verdict, const char *fault);
bool pass_refuse_damaged(struct pass *pass, const char *fault);

size_t pass_left(const struct pass *pass);

/* The next `count` bytes; NULL, refused as cut short, if there are fewer. */
unsigned char *pass_take(struct pass *pass, size_t count);

/* Keeps bytes that were read, or new ones in their place. */
bool pass_keep(struct pass *pass, const void *bytes, size_t count);

/* Takes the size of the canvas, and refuses what is nothing or too large. */
bool pass_measure(struct pass *pass, uint64_t width, uint64_t height);

/* Counts one frame more, up to the bound. */
bool pass_count_frame(struct pass *pass);

/* Numbers of a container, by their order and size in bytes. */
uint32_t pass_read_be16(const unsigned char *bytes);
uint32_t pass_read_be32(const unsigned char *bytes);
uint32_t pass_read_le16(const unsigned char *bytes);
uint32_t pass_read_le24(const unsigned char *bytes);
uint32_t pass_read_le32(const unsigned char *bytes);
void pass_write_be16(unsigned char *bytes, uint32_t value);
void pass_write_be32(unsigned char *bytes, uint32_t value);
void pass_write_le32(unsigned char *bytes, uint32_t value);

#endif
