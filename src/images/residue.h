/*
 * residue: what must not be left in a cleaned image: the marks by which other programs would
 * take it for something else.
 *
 * Pixels may spell anything, and are not touched. So an image whose pixels spell an archive or
 * a script is refused. The marks are long or stand in fixed places, so that no photograph of
 * the permitted size has one by chance more often than once in a million.
 */
#ifndef IMAGES_RESIDUE_H
#define IMAGES_RESIDUE_H

#include <stddef.h>

/* What the image is as well, in constant words that follow "the image"; NULL: nothing. */
const char *residue_find(const unsigned char *bytes, size_t length);

#endif
