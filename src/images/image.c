#include "images/image.h"

#include "images/gif.h"
#include "images/jpeg.h"
#include "images/pass.h"
#include "images/png.h"
#include "images/residue.h"
#include "images/webp.h"

#include <string.h>

/* A signature with a gap of `?`, which no signature has in it. */
static const struct kind {
    const char *content_type;
    const char *signature;
    size_t signature_length;
    bool (*clean)(struct pass *pass);
} kinds[] = {
    {"image/png", "\x89PNG\r\n\x1a\n", 8, png_clean},
    {"image/jpeg", "\xff\xd8\xff", 3, jpeg_clean},
    {"image/gif", "GIF87a", 6, gif_clean},
    {"image/gif", "GIF89a", 6, gif_clean},
    {"image/webp", "RIFF????WEBP", 12, webp_clean},
};

static bool signature_matches(const struct kind *kind, const unsigned char *bytes,
                              size_t length)
{
    if (length < kind->signature_length)
        return false;
    for (size_t i = 0; i < kind->signature_length; i++) {
        if (kind->signature[i] != '?' && (unsigned char)kind->signature[i] != bytes[i])
            return false;
    }
    return true;
}

static const struct kind *kind_find(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (signature_matches(&kinds[i], bytes, length))
            return &kinds[i];
    }
    return NULL;
}

enum image_verdict image_clean(unsigned char *bytes, size_t *length, struct image *ret_image)
{
    *ret_image = (struct image){0};
    const struct kind *kind = kind_find(bytes, *length);
    if (!kind)
        return IMAGE_UNKNOWN;
    struct pass pass = {.bytes = bytes, .length = *length, .image = ret_image};
    ret_image->content_type = kind->content_type;
    if (!kind->clean(&pass))
        return pass.verdict;
    *length = pass.kept;
    ret_image->fault = residue_find(bytes, pass.kept);
    return ret_image->fault ? IMAGE_DAMAGED : IMAGE_CLEAN;
}

bool image_type_is_taken(const char *content_type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].content_type, content_type) == 0)
            return true;
    }
    return false;
}
