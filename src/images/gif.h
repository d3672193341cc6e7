/*
 * gif: cleans GIF87a and GIF89a (CompuServe's specification of 1990).
 *
 * Kept: screen, colour tables, frames with their timing, and how often they repeat. Dropped:
 * comments, texts, every other extension, and what follows the trailer.
 */
#ifndef IMAGES_GIF_H
#define IMAGES_GIF_H

#include "images/pass.h"

bool gif_clean(struct pass *pass);

#endif
