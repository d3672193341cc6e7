/*
 * jpeg: cleans JPEG (ITU-T T.81) of the kinds that browsers show: baseline, extended and
 * progressive, eight bits, Huffman codes.
 *
 * Kept: tables, frame, scans, the marks of JFIF and Adobe that say what the colours are (made
 * anew), a colour profile of one segment (made anew), and Exif with the orientation alone.
 * Dropped: all else, and what follows the end of the image.
 */
#ifndef IMAGES_JPEG_H
#define IMAGES_JPEG_H

#include "images/pass.h"

bool jpeg_clean(struct pass *pass);

#endif
