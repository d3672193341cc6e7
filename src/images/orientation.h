/*
 * orientation: the one fact of EXIF that decides how an image looks (CIPA DC-008, tag 0x0112).
 */
#ifndef IMAGES_ORIENTATION_H
#define IMAGES_ORIENTATION_H

#include <stddef.h>

/* EXIF that holds nothing but the orientation. Bytes. */
#define ORIENTATION_SIZE 26

/*
 * Writes such EXIF into `exif` if `tiff`, EXIF from its byte order mark on, turns or mirrors
 * the image. Returns its size, or 0: nothing has to be kept, also where there is no room for it
 * in the place of `tiff`. Neither may overlap.
 */
size_t orientation_extract(const unsigned char *tiff, size_t length,
                           unsigned char exif[static ORIENTATION_SIZE]);

#endif
