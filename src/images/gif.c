#include "images/gif.h"

#include <string.h>

#define HEAD_SIZE       13 /* signature and screen */
#define DESCRIPTOR_SIZE 9  /* of an image, behind its separator */
#define CONTROL_SIZE    8  /* a graphic control extension */
#define LOOP_SIZE       19 /* an extension that says how often to repeat */

enum {
    BLOCK_EXTENSION = 0x21,
    BLOCK_IMAGE = 0x2c,
    BLOCK_TRAILER = 0x3b,
    LABEL_CONTROL = 0xf9,
    LABEL_APPLICATION = 0xff,
};

struct gif {
    struct pass *pass;
    uint32_t screen_width, screen_height;
    unsigned char control[CONTROL_SIZE]; /* of the frame that is to come */
    bool has_control, has_loop;
};

static size_t table_size(unsigned char flags)
{
    return flags & 0x80 ? (size_t)3 << ((flags & 7) + 1) : 0;
}

/* Reads sub-blocks up to the empty one; `ret_count` without it. */
static bool blocks_take(struct pass *pass, unsigned *ret_count)
{
    *ret_count = 0;
    for (;;) {
        const unsigned char *size = pass_take(pass, 1);
        if (!size)
            return false;
        if (*size == 0)
            return true;
        if (!pass_take(pass, *size))
            return false;
        *ret_count += 1;
    }
}

/* The screen may be smaller than its frames: viewers make it fit. */
static bool canvas_widen(struct gif *gif, uint32_t width, uint32_t height)
{
    if (width > gif->screen_width)
        gif->screen_width = width;
    if (height > gif->screen_height)
        gif->screen_height = height;
    return pass_measure(gif->pass, gif->screen_width, gif->screen_height);
}

static bool image_walk(struct gif *gif)
{
    struct pass *pass = gif->pass;
    const unsigned char *start = pass->bytes + pass->at - 1;
    const unsigned char *descriptor = pass_take(pass, DESCRIPTOR_SIZE);
    unsigned blocks;
    if (!descriptor)
        return false;
    uint32_t width = pass_read_le16(descriptor + 4), height = pass_read_le16(descriptor + 6);
    if (width == 0 || height == 0)
        return pass_refuse_damaged(pass, "has a frame of no size");
    if (!canvas_widen(gif, pass_read_le16(descriptor) + width,
                      pass_read_le16(descriptor + 2) + height) ||
        !pass_count_frame(pass) || !pass_take(pass, table_size(descriptor[8])))
        return false;
    const unsigned char *code_size = pass_take(pass, 1);
    if (!code_size)
        return false;
    if (*code_size < 1 || *code_size > 11)
        return pass_refuse_damaged(pass, "has a frame that no decoder reads");
    if (!blocks_take(pass, &blocks))
        return false;
    if (blocks == 0)
        return pass_refuse_damaged(pass, "has an empty frame");
    if (gif->has_control && !pass_keep(pass, gif->control, CONTROL_SIZE))
        return false;
    gif->has_control = false;
    return pass_keep(pass, start, (size_t)(pass->bytes + pass->at - start));
}

static bool extension_is_loop(const unsigned char *start, size_t length)
{
    return length == LOOP_SIZE && start[2] == 11 &&
           (memcmp(start + 3, "NETSCAPE2.0", 11) == 0 ||
            memcmp(start + 3, "ANIMEXTS1.0", 11) == 0) &&
           start[14] == 3 && start[15] == 1;
}

/* A control waits for the frame that it is about: without one it says nothing. */
static bool extension_walk(struct gif *gif)
{
    struct pass *pass = gif->pass;
    const unsigned char *start = pass->bytes + pass->at - 1;
    const unsigned char *label = pass_take(pass, 1);
    unsigned blocks;
    if (!label || !blocks_take(pass, &blocks))
        return false;
    size_t length = (size_t)(pass->bytes + pass->at - start);
    switch (*label) {
    case LABEL_CONTROL:
        if (length != CONTROL_SIZE || start[2] != 4)
            return pass_refuse_damaged(pass, "has a frame of unknown timing");
        memcpy(gif->control, start, CONTROL_SIZE);
        gif->has_control = true;
        return true;
    case LABEL_APPLICATION:
        if (gif->has_loop || !extension_is_loop(start, length))
            return true;
        gif->has_loop = true;
        return pass_keep(pass, start, length);
    default:
        return true;
    }
}

static bool trailer_walk(struct gif *gif)
{
    if (gif->pass->image->frames == 0)
        return pass_refuse_damaged(gif->pass, "has no frame");
    return pass_keep(gif->pass, &(unsigned char){BLOCK_TRAILER}, 1);
}

bool gif_clean(struct pass *pass)
{
    struct gif gif = {.pass = pass};
    const unsigned char *head = pass_take(pass, HEAD_SIZE);
    if (!head)
        return false;
    size_t head_size = HEAD_SIZE + table_size(head[10]);
    if (!canvas_widen(&gif, pass_read_le16(head + 6), pass_read_le16(head + 8)) ||
        !pass_take(pass, head_size - HEAD_SIZE) || !pass_keep(pass, head, head_size))
        return false;
    for (;;) {
        const unsigned char *block = pass_take(pass, 1);
        if (!block)
            return false;
        if (*block == BLOCK_TRAILER)
            return trailer_walk(&gif);
        if (*block != BLOCK_IMAGE && *block != BLOCK_EXTENSION)
            return pass_refuse_damaged(pass, "has an unknown block");
        if (!(*block == BLOCK_IMAGE ? image_walk(&gif) : extension_walk(&gif)))
            return false;
    }
}
