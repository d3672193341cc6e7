#include "repository/postgres/array.h"

#include <inttypes.h>
#include <string.h>

/* Far over what a batch holds; PostgreSQL takes no value over a gigabyte. */
#define ARRAY_LIMIT ((size_t)256 << 20)

void array_init(struct array *array)
{
    *array = (struct array){0};
    buffer_init(&array->text, ARRAY_LIMIT);
}

void array_deinit(struct array *array)
{
    buffer_deinit(&array->text);
}

static void array_append(struct array *array, const char *bytes, size_t length)
{
    if (!array->failed && length)
        array->failed = buffer_append(&array->text, bytes, length) < 0;
}

static void item_begin(struct array *array)
{
    array_append(array, array->count++ ? "," : "{", 1);
}

void array_add_text(struct array *array, const char *text)
{
    item_begin(array);
    array_append(array, "\"", 1);
    for (;;) {
        size_t plain = strcspn(text, "\"\\");
        array_append(array, text, plain);
        text += plain;
        if (!*text)
            break;
        array_append(array, "\\", 1);
        array_append(array, text++, 1);
    }
    array_append(array, "\"", 1);
}

void array_add_number(struct array *array, int64_t number)
{
    item_begin(array);
    if (!array->failed)
        array->failed = buffer_printf(&array->text, "%" PRId64, number) < 0;
}

const char *array_text(struct array *array)
{
    if (array->count == 0)
        array_append(array, "{", 1);
    array_append(array, "}", 1);
    return array->failed ? NULL : array->text.bytes;
}

bool array_end_all(struct array *arrays, size_t count)
{
    bool ended = true;
    for (size_t i = 0; i < count; i++)
        ended = array_text(&arrays[i]) && ended;
    return ended;
}
