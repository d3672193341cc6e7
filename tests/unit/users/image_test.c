/* What an upload is, by its bytes alone: good, damaged and hostile ones. */
#include "support/check.h"
#include "users/image.h"

#include <stdlib.h>
#include <string.h>

#define BYTES(text) text, sizeof(text) - 1

struct image {
    const char *name, *content_type;
    const char *bytes;
    size_t length;
};

#define PNG_SIGNATURE "\x89PNG\r\n\x1a\n"
#define PNG_IHDR      "\0\0\0\x0dIHDR\0\0\0\1\0\0\0\1\x8\0\0\0\0:~\x9bU"
#define PNG_IDAT      "\0\0\0\x0aIDATx\x9c\x63\x60\0\0\0\2\0\1H\xaf\xa4q"
#define PNG_IEND      "\0\0\0\0IEND\xae\x42\x60\x82"

#define JPEG_APP0 "\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
#define JPEG_SOF  "\xff\xc0\0\x0b\x8\0\1\0\1\1\1\x11\0"
#define JPEG_SOS  "\xff\xda\0\x8\1\1\0\0\x3f\0"

#define GIF_SCREEN "\1\0\1\0\x80\0\0"
#define GIF_TABLE  "\0\0\0\xff\xff\xff"
#define GIF_GCE    "!\xf9\4\0\0\0\0\0"
#define GIF_IMAGE  ",\0\0\0\0\1\0\1\0\0\2\2\x44\1\0"

#define WEBP_VP8L "VP8L\x9\0\0\0\x2f\0\0\0\0\0\0\0\0\0"

static const struct image good[] = {
    {"PNG", "image/png", BYTES(PNG_SIGNATURE PNG_IHDR PNG_IDAT PNG_IEND)},
    {"PNG with text", "image/png",
     BYTES(PNG_SIGNATURE PNG_IHDR "\0\0\0\3tEXta\0bXXXX" PNG_IDAT PNG_IDAT PNG_IEND)},
    {"JPEG", "image/jpeg",
     BYTES("\xff\xd8" JPEG_APP0 JPEG_SOF JPEG_SOS "\x7f\xff\0\1\xff\xd9")},
    {"JPEG with fill bytes", "image/jpeg",
     BYTES("\xff\xd8\xff" JPEG_APP0 "\xff\xff" JPEG_SOF JPEG_SOS "\x7f\xff\xd9")},
    {"GIF89a", "image/gif", BYTES("GIF89a" GIF_SCREEN GIF_TABLE GIF_GCE GIF_IMAGE ";")},
    {"GIF87a", "image/gif", BYTES("GIF87a\1\0\1\0\0\0\0" GIF_IMAGE ";")},
    {"GIF with a local table", "image/gif",
     BYTES("GIF89a\1\0\1\0\0\0\0,\0\0\0\0\1\0\1\0\x80" GIF_TABLE "\2\2\x44\1\0;")},
    {"WebP lossless", "image/webp", BYTES("RIFF\x16\0\0\0WEBP" WEBP_VP8L)},
    {"WebP lossy", "image/webp", BYTES("RIFF\x10\0\0\0WEBPVP8 \4\0\0\0abcd")},
    {"WebP with a frame", "image/webp",
     BYTES("RIFF\x1a\0\0\0WEBPVP8X\2\0\0\0abANMF\4\0\0\0abcd")},
};

static enum image_verdict inspect(const char *bytes, size_t length, const char **ret_type)
{
    /* As long as it is and no longer, so that reading past the end is seen. */
    unsigned char *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    enum image_verdict verdict = image_inspect(copy, length, ret_type);
    free(copy);
    return verdict;
}

static void image__is_known_by_its_content(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        const char *type = NULL;
        if (inspect(good[i].bytes, good[i].length, &type) != IMAGE_GOOD)
            fail_msg("%s is not good", good[i].name);
        assert_string_equal(type, good[i].content_type);
    }
}

static void image__cut_short_anywhere_is_not_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        for (size_t length = 0; length < good[i].length; length++) {
            const char *type = NULL;
            if (inspect(good[i].bytes, length, &type) == IMAGE_GOOD)
                fail_msg("%s of %zu bytes is good", good[i].name, length);
        }
    }
}

static void image__with_bytes_after_its_end_is_still_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        char bytes[512] = {0};
        const char *type = NULL;
        memcpy(bytes, good[i].bytes, good[i].length);
        memcpy(bytes + good[i].length, "PK\3\4 more", 10);
        assert_int_equal(inspect(bytes, good[i].length + 10, &type), IMAGE_GOOD);
    }
}

/* Whatever the verdict is, nothing outside of the bytes is read. */
static void image__with_any_byte_changed_is_looked_at_safely(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        for (size_t at = 0; at < good[i].length; at++) {
            for (int value = 0; value < 256; value++) {
                char bytes[512];
                const char *type = NULL;
                memcpy(bytes, good[i].bytes, good[i].length);
                bytes[at] = (char)value;
                inspect(bytes, good[i].length, &type);
            }
        }
    }
}

static const struct image damaged[] = {
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
        const char *type = NULL;
        if (inspect(damaged[i].bytes, damaged[i].length, &type) != IMAGE_DAMAGED)
            fail_msg("%s is not damaged", damaged[i].name);
        assert_string_equal(type, damaged[i].content_type);
    }
}

static const struct image unknown[] = {
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
        const char *type = NULL;
        if (inspect(unknown[i].bytes, unknown[i].length, &type) != IMAGE_UNKNOWN)
            fail_msg("%s is taken for something", unknown[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHECK(image__is_known_by_its_content),
        CHECK(image__cut_short_anywhere_is_not_good),
        CHECK(image__with_bytes_after_its_end_is_still_one),
        CHECK(image__with_any_byte_changed_is_looked_at_safely),
        CHECK(image__that_contradicts_itself_is_damaged),
        CHECK(image__of_no_known_kind_is_unknown),
    };
    return cmocka_run_group_tests_name("users: image", tests, NULL, NULL);
}
