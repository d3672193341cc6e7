#include "images/pass.h"

#include "config/limits.h"

#include <string.h>

bool pass_refuse(struct pass *pass, enum image_verdict verdict, const char *fault)
{
    pass->verdict = verdict;
    pass->image->fault = fault;
    return false;
}

bool pass_refuse_damaged(struct pass *pass, const char *fault)
{
    return pass_refuse(pass, IMAGE_DAMAGED, fault);
}

size_t pass_left(const struct pass *pass)
{
    return pass->length - pass->at;
}

unsigned char *pass_take(struct pass *pass, size_t count)
{
    if (count > pass_left(pass)) {
        pass_refuse_damaged(pass, "is cut short");
        return NULL;
    }
    unsigned char *taken = pass->bytes + pass->at;
    pass->at += count;
    return taken;
}

bool pass_keep(struct pass *pass, const void *bytes, size_t count)
{
    if (count > pass->at - pass->kept)
        return pass_refuse_damaged(pass, "has a part that is too short");
    memmove(pass->bytes + pass->kept, bytes, count);
    pass->kept += count;
    return true;
}

bool pass_measure(struct pass *pass, uint64_t width, uint64_t height)
{
    pass->image->width = (uint32_t)width;
    pass->image->height = (uint32_t)height;
    if (width == 0 || height == 0)
        return pass_refuse_damaged(pass, "has no width or no height");
    if (width > LIMIT_IMAGE_SIDE || height > LIMIT_IMAGE_SIDE ||
        width * height > LIMIT_IMAGE_PIXELS)
        return pass_refuse(pass, IMAGE_TOO_LARGE, "has too many pixels");
    return true;
}

bool pass_count_frame(struct pass *pass)
{
    if (++pass->image->frames > LIMIT_IMAGE_FRAMES)
        return pass_refuse(pass, IMAGE_TOO_LARGE, "has too many frames");
    return true;
}

uint32_t pass_read_be16(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 8 | bytes[1];
}

uint32_t pass_read_be32(const unsigned char *bytes)
{
    return pass_read_be16(bytes) << 16 | pass_read_be16(bytes + 2);
}

uint32_t pass_read_le16(const unsigned char *bytes)
{
    return (uint32_t)bytes[1] << 8 | bytes[0];
}

uint32_t pass_read_le24(const unsigned char *bytes)
{
    return (uint32_t)bytes[2] << 16 | pass_read_le16(bytes);
}

uint32_t pass_read_le32(const unsigned char *bytes)
{
    return pass_read_le16(bytes + 2) << 16 | pass_read_le16(bytes);
}

void pass_write_be16(unsigned char *bytes, uint32_t value)
{
    bytes[0] = (unsigned char)(value >> 8);
    bytes[1] = (unsigned char)value;
}

void pass_write_be32(unsigned char *bytes, uint32_t value)
{
    pass_write_be16(bytes, value >> 16);
    pass_write_be16(bytes + 2, value);
}

void pass_write_le32(unsigned char *bytes, uint32_t value)
{
    bytes[0] = (unsigned char)value;
    bytes[1] = (unsigned char)(value >> 8);
    bytes[2] = (unsigned char)(value >> 16);
    bytes[3] = (unsigned char)(value >> 24);
}
