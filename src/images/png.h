/*
 * png: cleans PNG and APNG (the W3C's PNG specification, third edition).
 *
 * Kept: IHDR, PLTE where pixels point into it, tRNS, IDAT, IEND, the chunks that say what the
 * numbers of the pixels mean (cICP, cHRM, gAMA, sRGB, mDCV, cLLI, and iCCP made anew), those of
 * an animation, and eXIf with the orientation alone. Every checksum has to be right.
 */
#ifndef IMAGES_PNG_H
#define IMAGES_PNG_H

#include "images/pass.h"

bool png_clean(struct pass *pass);

#endif
