/* What becomes of an upload, by its bytes alone: good, cluttered, damaged and hostile ones. */
#include "support/check.h"

#include "config/limits.h"
#include "images/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES(text)   text, sizeof(text) - 1
#define SIZE_MAX_HERE 512

struct sample {
    const char *name, *content_type;
    const char *bytes;
    size_t length;
};

#define PNG_SIGNATURE "\x89PNG\r\n\x1a\n"
#define PNG_IHDR      "\0\0\0\x0dIHDR\0\0\0\1\0\0\0\1\x8\0\0\0\0:~\x9bU"
#define PNG_IDAT      "\0\0\0\x0aIDATx\x9c\x63\x60\0\0\0\2\0\1H\xaf\xa4q"
#define PNG_IEND      "\0\0\0\0IEND\xae\x42\x60\x82"
#define PNG_TEXT      "\0\0\0\3tEXta\0b\xdcI\xa2;"

#define JPEG_APP0 "\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
#define JPEG_SOF  "\xff\xc0\0\x0b\x8\0\1\0\1\1\1\x11\0"
#define JPEG_SOS  "\xff\xda\0\x8\1\1\0\0\x3f\0"
#define JPEG_COM  "\xff\xfe\0\6here"

#define GIF_SCREEN "\1\0\1\0\x80\0\0"
#define GIF_TABLE  "\0\0\0\xff\xff\xff"
#define GIF_GCE    "!\xf9\4\0\0\0\0\0"
#define GIF_IMAGE  ",\0\0\0\0\1\0\1\0\0\2\2\x44\1\0"
#define GIF_TEXT   "!\xfe\4here\0"
#define GIF_LOOP   "!\xff\x0bNETSCAPE2.0\3\1\0\0\0"

#define WEBP_VP8L             "VP8L\x9\0\0\0\x2f\0\0\0\0\0\0\0\0\0"
#define WEBP_VP8              "VP8 \x0a\0\0\0\x10\0\0\x9d\1\x2a\1\0\1\0"
#define WEBP_VP8X             "VP8X\x0a\0\0\0\2\0\0\0\0\0\0\0\0\0"
#define WEBP_ANIM             "ANIM\6\0\0\0\0\0\0\0\0\0"
#define WEBP_HEAD_WITH(flags) "\0\0\0\0\0\0\0\0\0\0\0\0\x64\0\0" flags
#define WEBP_HEAD             WEBP_HEAD_WITH("\0")

/* These are clean as they are. */
static const struct sample good[] = {
    {"PNG", "image/png", BYTES(PNG_SIGNATURE PNG_IHDR PNG_IDAT PNG_IEND)},
    {"JPEG", "image/jpeg",
     BYTES("\xff\xd8" JPEG_APP0 JPEG_SOF JPEG_SOS "\x7f\xff\0\1\xff\xd9")},
    {"JPEG with restarts", "image/jpeg",
     BYTES("\xff\xd8\xff\xdd\0\4\0\1" JPEG_SOF JPEG_SOS "\x7f\xff\xd0\x7f\xff\xd9")},
    {"JPEG of two scans", "image/jpeg",
     BYTES("\xff\xd8" JPEG_SOF JPEG_SOS "\x7f" JPEG_SOS "\x7f\xff\xd9")},
    {"GIF89a", "image/gif", BYTES("GIF89a" GIF_SCREEN GIF_TABLE GIF_GCE GIF_IMAGE ";")},
    {"GIF87a", "image/gif", BYTES("GIF87a\1\0\1\0\0\0\0" GIF_IMAGE ";")},
    {"GIF with a local table", "image/gif",
     BYTES("GIF89a\1\0\1\0\0\0\0,\0\0\0\0\1\0\1\0\x80" GIF_TABLE "\2\2\x44\1\0;")},
    {"GIF that moves", "image/gif",
     BYTES("GIF89a" GIF_SCREEN GIF_TABLE GIF_LOOP GIF_GCE GIF_IMAGE GIF_GCE GIF_IMAGE ";")},
    {"WebP lossless", "image/webp", BYTES("RIFF\x16\0\0\0WEBP" WEBP_VP8L)},
    {"WebP lossy", "image/webp", BYTES("RIFF\x16\0\0\0WEBP" WEBP_VP8)},
    {"WebP that moves", "image/webp",
     BYTES("RIFF\x4e\0\0\0WEBP" WEBP_VP8X WEBP_ANIM "ANMF\x22\0\0\0" WEBP_HEAD WEBP_VP8)},
};

static enum image_verdict clean(const char *bytes, size_t length, unsigned char **ret_bytes,
                                size_t *ret_length, struct image *ret_image)
{
    /* As long as it is and no longer, so that reading past the end is seen. */
    *ret_bytes = malloc(length ? length : 1);
    assert_non_null(*ret_bytes);
    memcpy(*ret_bytes, bytes, length);
    *ret_length = length;
    return image_clean(*ret_bytes, ret_length, ret_image);
}

static enum image_verdict judge(const char *bytes, size_t length, const char **ret_type)
{
    unsigned char *copy;
    struct image image;
    enum image_verdict verdict = clean(bytes, length, &copy, &length, &image);
    *ret_type = image.content_type;
    free(copy);
    return verdict;
}

static void check_cleaned(const char *name, const char *bytes, size_t length,
                          const char *wanted, size_t wanted_length)
{
    unsigned char *copy;
    size_t kept;
    struct image image;
    if (clean(bytes, length, &copy, &kept, &image) != IMAGE_CLEAN)
        fail_msg("%s is refused: it %s", name, image.fault);
    if (kept != wanted_length || memcmp(copy, wanted, kept) != 0)
        fail_msg("%s comes out otherwise", name);
    free(copy);
}

static void image__that_is_clean_stays_as_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        const char *type;
        check_cleaned(good[i].name, good[i].bytes, good[i].length, good[i].bytes,
                      good[i].length);
        judge(good[i].bytes, good[i].length, &type);
        assert_string_equal(type, good[i].content_type);
        assert_true(image_type_is_taken(type));
    }
    assert_false(image_type_is_taken("image/svg+xml"));
    assert_false(image_type_is_taken(""));
}

static void image__cut_short_anywhere_is_not_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        for (size_t length = 0; length < good[i].length; length++) {
            const char *type;
            if (judge(good[i].bytes, length, &type) == IMAGE_CLEAN)
                fail_msg("%s of %zu bytes is good", good[i].name, length);
        }
    }
}

static void image__loses_what_follows_its_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        char bytes[SIZE_MAX_HERE] = {0};
        memcpy(bytes, good[i].bytes, good[i].length);
        memcpy(bytes + good[i].length, "PK\3\4 more", 10);
        check_cleaned(good[i].name, bytes, good[i].length + 10, good[i].bytes, good[i].length);
    }
}

/* Of two texts: what is sent, and what is to come out. */
static void image__loses_what_tells_more_than_pixels(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct sample sent, kept;
    } rows[] = {
        {"PNG with text",
         {.bytes = BYTES(PNG_SIGNATURE PNG_IHDR PNG_TEXT PNG_IDAT PNG_TEXT PNG_IEND)},
         {.bytes = BYTES(PNG_SIGNATURE PNG_IHDR PNG_IDAT PNG_IEND)}},
        {"JPEG with comments",
         {.bytes = BYTES("\xff\xd8" JPEG_COM JPEG_SOF JPEG_SOS "\x7f" JPEG_COM "\xff\xd9")},
         {.bytes = BYTES("\xff\xd8" JPEG_SOF JPEG_SOS "\x7f\xff\xd9")}},
        {"JPEG with fill bytes",
         {.bytes = BYTES("\xff\xd8\xff" JPEG_APP0 "\xff\xff" JPEG_SOF JPEG_SOS
                         "\x7f\xff\xff\xff\xd9")},
         {.bytes = BYTES("\xff\xd8" JPEG_APP0 JPEG_SOF JPEG_SOS "\x7f\xff\xd9")}},
        {"GIF with comments",
         {.bytes = BYTES(
              "GIF89a" GIF_SCREEN GIF_TABLE GIF_TEXT GIF_GCE GIF_TEXT GIF_IMAGE GIF_TEXT ";")},
         {.bytes = BYTES("GIF89a" GIF_SCREEN GIF_TABLE GIF_GCE GIF_IMAGE ";")}},
        {"GIF with a timing of nothing",
         {.bytes = BYTES("GIF89a" GIF_SCREEN GIF_TABLE GIF_IMAGE GIF_GCE ";")},
         {.bytes = BYTES("GIF89a" GIF_SCREEN GIF_TABLE GIF_IMAGE ";")}},
        {"WebP with an unknown chunk",
         {.bytes = BYTES("RIFF\x22\0\0\0WEBP" WEBP_VP8L "ABCD\4\0\0\0here")},
         {.bytes = BYTES("RIFF\x16\0\0\0WEBP" WEBP_VP8L)}},
        {"WebP with bits that mean nothing in its frame",
         {.bytes = BYTES("RIFF\x4e\0\0\0WEBP" WEBP_VP8X WEBP_ANIM
                         "ANMF\x22\0\0\0" WEBP_HEAD_WITH("\xfd") WEBP_VP8)},
         {.bytes = BYTES("RIFF\x4e\0\0\0WEBP" WEBP_VP8X WEBP_ANIM
                         "ANMF\x22\0\0\0" WEBP_HEAD_WITH("\1") WEBP_VP8)}},
        {"WebP with a chunk in its frame",
         {.bytes = BYTES("RIFF\x5a\0\0\0WEBP" WEBP_VP8X WEBP_ANIM "ANMF\x2e\0\0\0" WEBP_HEAD
                         "ABCD\4\0\0\0here" WEBP_VP8)},
         {.bytes = BYTES("RIFF\x4e\0\0\0WEBP" WEBP_VP8X WEBP_ANIM
                         "ANMF\x22\0\0\0" WEBP_HEAD WEBP_VP8)}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_cleaned(rows[i].name, rows[i].sent.bytes, rows[i].sent.length, rows[i].kept.bytes,
                      rows[i].kept.length);
}

/*
 * Whatever the verdict is, nothing outside of the bytes is read or written, and what comes out
 * clean is clean.
 */
static void image__with_any_byte_changed_is_cleaned_safely(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        for (size_t at = 0; at < good[i].length; at++) {
            for (int value = 0; value < 256; value++) {
                char bytes[SIZE_MAX_HERE];
                unsigned char *copy;
                size_t kept;
                struct image image;
                memcpy(bytes, good[i].bytes, good[i].length);
                bytes[at] = (char)value;
                if (clean(bytes, good[i].length, &copy, &kept, &image) == IMAGE_CLEAN)
                    check_cleaned(good[i].name, (char *)copy, kept, (char *)copy, kept);
                free(copy);
            }
        }
    }
}

/* A GIF says its size in two bytes each, and in them reaches every bound. */
static void image__of_more_pixels_than_the_bound_is_too_large(void **state)
{
    (void)state;
    static const struct {
        unsigned width, height;
        enum image_verdict verdict;
    } rows[] = {{LIMIT_IMAGE_SIDE, 1, IMAGE_CLEAN},
                {1, LIMIT_IMAGE_SIDE, IMAGE_CLEAN},
                {LIMIT_IMAGE_SIDE, LIMIT_IMAGE_PIXELS / LIMIT_IMAGE_SIDE, IMAGE_CLEAN},
                {LIMIT_IMAGE_SIDE, LIMIT_IMAGE_PIXELS / LIMIT_IMAGE_SIDE + 1, IMAGE_TOO_LARGE},
                {LIMIT_IMAGE_SIDE + 1, 1, IMAGE_TOO_LARGE},
                {1, LIMIT_IMAGE_SIDE + 1, IMAGE_TOO_LARGE},
                {65535, 65535, IMAGE_TOO_LARGE},
                {0, 1, IMAGE_DAMAGED},
                {1, 0, IMAGE_DAMAGED}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char bytes[] = "GIF89a" GIF_SCREEN GIF_TABLE GIF_IMAGE ";";
        const char *type;
        bytes[6] = (char)(rows[i].width & 255);
        bytes[7] = (char)(rows[i].width >> 8);
        bytes[8] = (char)(rows[i].height & 255);
        bytes[9] = (char)(rows[i].height >> 8);
        if (judge(bytes, sizeof bytes - 1, &type) != rows[i].verdict)
            fail_msg("%u x %u is not judged so", rows[i].width, rows[i].height);
    }
}

static const struct sample damaged[] = {
    {"PNG without data", "image/png", BYTES(PNG_SIGNATURE PNG_IHDR PNG_IEND)},
    {"PNG without header", "image/png", BYTES(PNG_SIGNATURE PNG_IDAT PNG_IEND)},
    {"PNG with two headers", "image/png",
     BYTES(PNG_SIGNATURE PNG_IHDR PNG_IHDR PNG_IDAT PNG_IEND)},
    {"PNG of no width", "image/png",
     BYTES(PNG_SIGNATURE "\0\0\0\x0dIHDR\0\0\0\0\0\0\0\1\x8\0\0\0\0:~\x9bU" PNG_IDAT PNG_IEND)},
    {"PNG of no height", "image/png",
     BYTES(PNG_SIGNATURE "\0\0\0\x0dIHDR\0\0\0\1\0\0\0\0\x8\0\0\0\0:~\x9bU" PNG_IDAT PNG_IEND)},
    {"PNG with a short header", "image/png",
     BYTES(PNG_SIGNATURE "\0\0\0\x0cIHDR\0\0\0\1\0\0\0\1\x8\0\0\0:~\x9bU" PNG_IDAT PNG_IEND)},
    {"PNG with an endless chunk", "image/png",
     BYTES(PNG_SIGNATURE PNG_IHDR "\xff\xff\xff\xffIDAT" PNG_IEND)},
    {"PNG with a header alone", "image/png", BYTES(PNG_SIGNATURE "\0\0\0\x0dIHDR1234")},
    {"PNG after a line ending was converted", "image/png",
     BYTES("\x89PNG\r\n\x1a\n"
           "\0\0\0\x0bIHDR" PNG_IEND)},
    {"JPEG without a frame", "image/jpeg", BYTES("\xff\xd8" JPEG_APP0 JPEG_SOS "\x7f\xff\xd9")},
    {"JPEG without an end", "image/jpeg",
     BYTES("\xff\xd8" JPEG_APP0 JPEG_SOF JPEG_SOS "\x7f\xff\0\xd9")},
    {"JPEG with a segment of no length", "image/jpeg",
     BYTES("\xff\xd8\xff\xe0\0\0" JPEG_SOF JPEG_SOS "\x7f\xff\xd9")},
    {"JPEG with a segment of one byte", "image/jpeg",
     BYTES("\xff\xd8\xff\xe0\0\1" JPEG_SOF JPEG_SOS "\x7f\xff\xd9")},
    {"JPEG with an endless segment", "image/jpeg",
     BYTES("\xff\xd8\xff\xe0\xff\xff" JPEG_SOF JPEG_SOS "\x7f\xff\xd9")},
    {"JPEG with only a thumbnail's end", "image/jpeg",
     BYTES("\xff\xd8\xff\xe1\0\4\xff\xd9" JPEG_SOF JPEG_SOS "\x7f")},
    {"JPEG of fill bytes", "image/jpeg", BYTES("\xff\xd8\xff\xff\xff\xff\xff\xff\xff\xff")},
    {"GIF without an image", "image/gif", BYTES("GIF89a" GIF_SCREEN GIF_TABLE ";")},
    {"GIF without an end", "image/gif", BYTES("GIF89a" GIF_SCREEN GIF_TABLE GIF_IMAGE)},
    {"GIF with an unknown block", "image/gif",
     BYTES("GIF89a" GIF_SCREEN GIF_TABLE "\x11" GIF_IMAGE ";")},
    {"GIF with a table that is cut", "image/gif",
     BYTES("GIF89a\1\0\1\0\x87\0\0" GIF_TABLE ";")},
    {"GIF with an endless block", "image/gif",
     BYTES("GIF89a" GIF_SCREEN GIF_TABLE "!\xf9\xff\0\0\0")},
    {"WebP that says it is longer", "image/webp", BYTES("RIFF\x17\0\0\0WEBP" WEBP_VP8L)},
    {"WebP that says it is endless", "image/webp", BYTES("RIFF\xff\xff\xff\xffWEBP" WEBP_VP8L)},
    {"WebP that says it is empty", "image/webp", BYTES("RIFF\0\0\0\0WEBP" WEBP_VP8L)},
    {"WebP that ends inside its own head", "image/webp", BYTES("RIFF\3\0\0\0WEBP" WEBP_VP8L)},
    {"WebP without a chunk", "image/webp", BYTES("RIFF\4\0\0\0WEBP" WEBP_VP8L)},
    {"WebP with half a chunk's head", "image/webp", BYTES("RIFF\xb\0\0\0WEBP" WEBP_VP8L)},
    {"WebP without an image", "image/webp", BYTES("RIFF\x10\0\0\0WEBPEXIF\4\0\0\0abcd")},
    {"WebP with an endless chunk", "image/webp",
     BYTES("RIFF\x10\0\0\0WEBPVP8 \xff\xff\xff\xff"
           "abcd")},
};

static void image__that_contradicts_itself_is_damaged(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(damaged); i++) {
        const char *type;
        if (judge(damaged[i].bytes, damaged[i].length, &type) != IMAGE_DAMAGED)
            fail_msg("%s is not damaged", damaged[i].name);
        assert_string_equal(type, damaged[i].content_type);
    }
}

static const struct sample unknown[] = {
    {"nothing", NULL, BYTES("")},
    {"one byte", NULL, BYTES("\xff")},
    {"text", NULL, BYTES("hello, I am a picture")},
    {"SVG", NULL, BYTES("<svg xmlns=\"http://www.w3.org/2000/svg\"/>")},
    {"HTML", NULL, BYTES("<html><script>alert(1)</script></html>")},
    {"BMP", NULL, BYTES("BM\x46\0\0\0\0\0\0\0\x36\0\0\0")},
    {"TIFF", NULL, BYTES("II*\0\x8\0\0\0")},
    {"PDF", NULL, BYTES("%PDF-1.7")},
    {"WAVE", NULL, BYTES("RIFF\x16\0\0\0WAVEfmt \4\0\0\0abcd")},
    {"GIF of another year", NULL, BYTES("GIF88a" GIF_SCREEN GIF_TABLE GIF_IMAGE ";")},
    {"PNG behind a blank", NULL, BYTES(" " PNG_SIGNATURE PNG_IHDR PNG_IDAT PNG_IEND)},
    {"RIFF cut before its kind", NULL, BYTES("RIFF\x16\0\0\0WEB")},
};

static void image__of_no_known_kind_is_unknown(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(unknown); i++) {
        const char *type;
        if (judge(unknown[i].bytes, unknown[i].length, &type) != IMAGE_UNKNOWN)
            fail_msg("%s is taken for something", unknown[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(image__that_is_clean_stays_as_it_is),
        CHECK(image__cut_short_anywhere_is_not_taken),
        CHECK(image__loses_what_follows_its_end),
        CHECK(image__loses_what_tells_more_than_pixels),
        CHECK(image__with_any_byte_changed_is_cleaned_safely),
        CHECK(image__of_more_pixels_than_the_bound_is_too_large),
        CHECK(image__that_contradicts_itself_is_damaged),
        CHECK(image__of_no_known_kind_is_unknown),
    };
    return cmocka_run_group_tests_name("images: image", tests, NULL, NULL);
}
