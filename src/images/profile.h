/*
 * profile: a colour profile (ICC.1) reduced to the numbers that colours are computed with.
 *
 * Without it a photograph in the colours of a phone's display looks pale. With all of it an
 * image carries the display's name and serial number, dates, and any bytes somebody put there.
 */
#ifndef IMAGES_PROFILE_H
#define IMAGES_PROFILE_H

#include <stddef.h>

/*
 * Makes the profile anew in place, for RGB or grey, from primaries and curves; `*length`
 * becomes that of the new one, which is never longer.
 *
 * Returns 1; 0: it is none of those, or is malformed, and has to go; -1: no memory. Made anew
 * again it does not change.
 */
int profile_clean(unsigned char *bytes, size_t *length);

#endif
