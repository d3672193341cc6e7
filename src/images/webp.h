/*
 * webp: cleans WebP, lossy, lossless and animated (RFC 9649).
 *
 * Kept: the image or its frames, alpha, the timing, a colour profile made anew, and EXIF with
 * the orientation alone. Dropped: XMP, every unknown chunk, and what follows the RIFF.
 */
#ifndef IMAGES_WEBP_H
#define IMAGES_WEBP_H

#include "images/pass.h"

bool webp_clean(struct pass *pass);

#endif
