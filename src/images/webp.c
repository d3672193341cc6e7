#include "images/webp.h"

#include "images/orientation.h"
#include "images/profile.h"

#include <string.h>

#define RIFF_HEAD_SIZE  12
#define CHUNK_HEAD_SIZE 8
#define CANVAS_SIZE     10 /* VP8X */
#define ANIMATION_SIZE  6  /* ANIM */
#define FRAME_HEAD_SIZE 16 /* ANMF, before the chunks in it */

enum {
    FLAG_ANIMATION = 0x02,
    FLAG_EXIF = 0x08,
    FLAG_ALPHA = 0x10,
    FLAG_PROFILE = 0x20,
};

struct chunk {
    unsigned char *bytes, *data;
    uint32_t length;
};

/* Of one image: the file's, or a frame's. */
struct picture {
    uint32_t width, height;
    bool has_alpha, has_data;
};

struct webp {
    struct pass *pass;
    struct picture still;
    unsigned flags_said, flags;
    bool has_animation, has_profile, has_exif;
};

static bool chunk_is(const struct chunk *chunk, const char *type)
{
    return memcmp(chunk->bytes, type, 4) == 0;
}

/* A chunk and its padding. */
static bool chunk_take(struct pass *pass, struct chunk *chunk)
{
    chunk->bytes = pass_take(pass, CHUNK_HEAD_SIZE);
    if (!chunk->bytes)
        return false;
    chunk->length = pass_read_le32(chunk->bytes + 4);
    chunk->data = pass_take(pass, chunk->length);
    return chunk->data && pass_take(pass, chunk->length % 2);
}

/* `data` is what was read, or something shorter. */
static bool chunk_keep(struct pass *pass, const struct chunk *chunk, const unsigned char *data,
                       uint32_t length)
{
    unsigned char head[CHUNK_HEAD_SIZE];
    memcpy(head, chunk->bytes, 4);
    pass_write_le32(head + 4, length);
    return pass_keep(pass, head, sizeof head) && pass_keep(pass, data, length) &&
           pass_keep(pass, "", length % 2);
}

static bool picture_fits(struct webp *webp, struct picture *picture, uint32_t width,
                         uint32_t height)
{
    if (picture->has_data)
        return pass_refuse_damaged(webp->pass, "has two images in one place");
    picture->has_data = true;
    if (picture->width != width || picture->height != height)
        return pass_refuse_damaged(webp->pass, "is of two sizes");
    return true;
}

/* A key frame of VP8 (RFC 6386, section 9.1). */
static bool lossy_measure(const struct chunk *chunk, uint32_t *ret_width, uint32_t *ret_height)
{
    const unsigned char *data = chunk->data;
    if (chunk->length < 10)
        return false;
    uint32_t tag = pass_read_le24(data);
    *ret_width = pass_read_le16(data + 6) & 0x3fff;
    *ret_height = pass_read_le16(data + 8) & 0x3fff;
    return !(tag & 1) && (tag >> 1 & 7) <= 3 && tag & 0x10 && tag >> 5 <= chunk->length - 10 &&
           memcmp(data + 3, "\x9d\x01\x2a", 3) == 0;
}

static bool lossless_measure(const struct chunk *chunk, uint32_t *ret_width,
                             uint32_t *ret_height)
{
    if (chunk->length < 5 || chunk->data[0] != 0x2f)
        return false;
    uint32_t bits = pass_read_le32(chunk->data + 1);
    *ret_width = (bits & 0x3fff) + 1;
    *ret_height = (bits >> 14 & 0x3fff) + 1;
    return bits >> 29 == 0;
}

static bool data_measure(const struct chunk *chunk, uint32_t *ret_width, uint32_t *ret_height)
{
    return chunk_is(chunk, "VP8L") ? lossless_measure(chunk, ret_width, ret_height)
                                   : lossy_measure(chunk, ret_width, ret_height);
}

static bool chunk_is_data(const struct chunk *chunk)
{
    return chunk_is(chunk, "VP8 ") || chunk_is(chunk, "VP8L");
}

/* Keeps what belongs to the picture: its data, and alpha before it. */
static bool picture_walk(struct webp *webp, struct picture *picture, const struct chunk *chunk)
{
    uint32_t width, height;
    if (chunk_is(chunk, "ALPH")) {
        if (picture->has_alpha || picture->has_data || chunk->length == 0)
            return pass_refuse_damaged(webp->pass, "has alpha where none belongs");
        picture->has_alpha = true;
    } else if (!data_measure(chunk, &width, &height)) {
        return pass_refuse_damaged(webp->pass, "has an image that no decoder reads");
    } else if (!picture_fits(webp, picture, width, height)) {
        return false;
    }
    return chunk_keep(webp->pass, chunk, chunk->data, chunk->length);
}

static bool chunk_is_of_picture(const struct chunk *chunk)
{
    return chunk_is_data(chunk) || chunk_is(chunk, "ALPH");
}

/* The chunks of a frame, up to `end`. */
static bool frame_chunks_walk(struct webp *webp, struct picture *picture, size_t end)
{
    struct pass *pass = webp->pass;
    size_t file_end = pass->length;
    bool goes_on = true;
    pass->length = end;
    while (goes_on && pass_left(pass) > 0) {
        struct chunk chunk;
        goes_on = chunk_take(pass, &chunk) &&
                  (!chunk_is_of_picture(&chunk) || picture_walk(webp, picture, &chunk));
    }
    pass->length = file_end;
    return goes_on;
}

static bool frame_head_holds(const struct webp *webp, const unsigned char *head,
                             struct picture *picture)
{
    const struct image *image = webp->pass->image;
    uint32_t left = 2 * pass_read_le24(head), top = 2 * pass_read_le24(head + 3);
    picture->width = pass_read_le24(head + 6) + 1;
    picture->height = pass_read_le24(head + 9) + 1;
    return left + picture->width <= image->width && top + picture->height <= image->height;
}

static bool frame_walk(struct webp *webp)
{
    struct pass *pass = webp->pass;
    struct picture picture = {0};
    size_t kept = pass->kept;
    const unsigned char *head = pass_take(pass, CHUNK_HEAD_SIZE);
    if (!head)
        return false;
    size_t length = pass_read_le32(head + 4);
    if (length < FRAME_HEAD_SIZE || length % 2 || length > pass_left(pass) ||
        !frame_head_holds(webp, head + CHUNK_HEAD_SIZE, &picture))
        return pass_refuse_damaged(pass, "has a wrong frame");
    size_t end = pass->at + length;
    pass_take(pass, FRAME_HEAD_SIZE);
    if (!pass_count_frame(pass) || !pass_keep(pass, head, CHUNK_HEAD_SIZE + FRAME_HEAD_SIZE))
        return false;
    /* Blending and disposal; the other bits mean nothing. */
    pass->bytes[pass->kept - 1] &= 3;
    if (!frame_chunks_walk(webp, &picture, end))
        return false;
    if (!picture.has_data)
        return pass_refuse_damaged(pass, "has an empty frame");
    pass_write_le32(pass->bytes + kept + 4, (uint32_t)(pass->kept - kept - CHUNK_HEAD_SIZE));
    return true;
}

static bool profile_walk(struct webp *webp, const struct chunk *chunk)
{
    size_t length = chunk->length;
    if (webp->has_profile || !(webp->flags_said & FLAG_PROFILE) || webp->has_animation ||
        webp->still.has_data || webp->still.has_alpha)
        return true;
    webp->has_profile = true;
    int kept = profile_clean(chunk->data, &length);
    if (kept < 0)
        return pass_refuse(webp->pass, IMAGE_NO_MEMORY, NULL);
    if (kept == 0)
        return true;
    webp->flags |= FLAG_PROFILE;
    return chunk_keep(webp->pass, chunk, chunk->data, (uint32_t)length);
}

static bool exif_walk(struct webp *webp, const struct chunk *chunk)
{
    unsigned char exif[ORIENTATION_SIZE];
    if (webp->has_exif || !(webp->flags_said & FLAG_EXIF))
        return true;
    webp->has_exif = true;
    /* Some programs put JPEG's mark in front of it. */
    size_t mark = chunk->length >= 6 && memcmp(chunk->data, "Exif\0", 6) == 0 ? 6 : 0;
    size_t length = orientation_extract(chunk->data + mark, chunk->length - mark, exif);
    if (length == 0)
        return true;
    webp->flags |= FLAG_EXIF;
    return chunk_keep(webp->pass, chunk, exif, (uint32_t)length);
}

static bool animation_walk(struct webp *webp, const struct chunk *chunk)
{
    if (!(webp->flags_said & FLAG_ANIMATION))
        return true;
    if (webp->has_animation || chunk->length != ANIMATION_SIZE)
        return pass_refuse_damaged(webp->pass, "has a wrong animation");
    webp->has_animation = true;
    return chunk_keep(webp->pass, chunk, chunk->data, chunk->length);
}

/* One chunk of the extended format, frames apart. */
static bool part_walk(struct webp *webp, const struct chunk *chunk)
{
    if (chunk_is(chunk, "ICCP"))
        return profile_walk(webp, chunk);
    if (chunk_is(chunk, "EXIF"))
        return exif_walk(webp, chunk);
    if (chunk_is(chunk, "ANIM"))
        return animation_walk(webp, chunk);
    if (!chunk_is_of_picture(chunk))
        return true;
    if (webp->flags_said & FLAG_ANIMATION)
        return pass_refuse_damaged(webp->pass, "has an image beside its frames");
    return picture_walk(webp, &webp->still, chunk);
}

static bool parts_walk(struct webp *webp)
{
    struct pass *pass = webp->pass;
    while (pass_left(pass) > 0) {
        struct chunk chunk;
        bool is_frame = pass_left(pass) >= 4 && memcmp(pass->bytes + pass->at, "ANMF", 4) == 0;
        if (is_frame && !webp->has_animation)
            return pass_refuse_damaged(pass, "has a frame where none belongs");
        if (is_frame ? !frame_walk(webp)
                     : !chunk_take(pass, &chunk) || !part_walk(webp, &chunk))
            return false;
    }
    if (webp->flags_said & FLAG_ANIMATION ? pass->image->frames == 0 : !webp->still.has_data)
        return pass_refuse_damaged(pass, "has no image");
    return true;
}

/* A canvas, and then whatever there is; its flags say in the end what was kept. */
static bool extended_walk(struct webp *webp, const struct chunk *canvas)
{
    struct pass *pass = webp->pass;
    unsigned char data[CANVAS_SIZE] = {0};
    if (canvas->length != CANVAS_SIZE)
        return pass_refuse_damaged(pass, "has a wrong head");
    size_t flags_at = pass->kept + CHUNK_HEAD_SIZE;
    memcpy(data + 4, canvas->data + 4, CANVAS_SIZE - 4);
    webp->flags_said = canvas->data[0];
    webp->flags = webp->flags_said & (FLAG_ALPHA | FLAG_ANIMATION);
    webp->still.width = pass_read_le24(data + 4) + 1;
    webp->still.height = pass_read_le24(data + 7) + 1;
    pass->image->frames = webp->flags & FLAG_ANIMATION ? 0 : 1;
    if (!pass_measure(pass, webp->still.width, webp->still.height) ||
        !chunk_keep(pass, canvas, data, CANVAS_SIZE) || !parts_walk(webp))
        return false;
    pass->bytes[flags_at] = (unsigned char)webp->flags;
    return true;
}

static bool simple_walk(struct webp *webp, const struct chunk *chunk)
{
    struct picture *picture = &webp->still;
    webp->pass->image->frames = 1;
    if (!data_measure(chunk, &picture->width, &picture->height))
        return pass_refuse_damaged(webp->pass, "has an image that no decoder reads");
    return pass_measure(webp->pass, picture->width, picture->height) &&
           picture_walk(webp, picture, chunk);
}

bool webp_clean(struct pass *pass)
{
    struct webp webp = {.pass = pass};
    struct chunk first;
    const unsigned char *head = pass_take(pass, RIFF_HEAD_SIZE);
    if (!head)
        return false;
    size_t length = pass_read_le32(head + 4);
    if (length < 4 || length > pass->length - 8)
        return pass_refuse_damaged(pass, "is cut short");
    pass->length = 8 + length;
    if (!pass_keep(pass, head, RIFF_HEAD_SIZE) || !chunk_take(pass, &first))
        return false;
    bool walked = chunk_is(&first, "VP8X") ? extended_walk(&webp, &first)
                  : chunk_is_data(&first)  ? simple_walk(&webp, &first)
                                           : pass_refuse_damaged(pass, "has no image");
    if (walked)
        pass_write_le32(pass->bytes + 4, (uint32_t)(pass->kept - 8));
    return walked;
}
