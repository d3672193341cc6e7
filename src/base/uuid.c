#include "base/uuid.h"

#include "base/clock.h"
#include "base/random.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void uuid_generate(char ret_text[static UUID_TEXT_SIZE])
{
    uint8_t bytes[16];
    random_fill(bytes, sizeof bytes);
    uint64_t now = (uint64_t)clock_wall_ms();
    for (int i = 0; i < 6; i++)
        bytes[i] = (uint8_t)(now >> (40 - 8 * i));
    bytes[6] = (uint8_t)(0x70 | (bytes[6] & 0x0f));
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));
    snprintf(ret_text, UUID_TEXT_SIZE,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", bytes[0],
             bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7], bytes[8],
             bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15]);
}

bool uuid_parse(const char *text, char ret_text[static UUID_TEXT_SIZE])
{
    char lower[UUID_TEXT_SIZE];
    for (int i = 0; i < UUID_TEXT_SIZE - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        unsigned char character = (unsigned char)text[i];
        if (dash ? character != '-' : !isxdigit(character))
            return false;
        lower[i] = (char)tolower(character);
    }
    if (text[UUID_TEXT_SIZE - 1] != '\0')
        return false;
    lower[UUID_TEXT_SIZE - 1] = '\0';
    memcpy(ret_text, lower, sizeof lower);
    return true;
}
