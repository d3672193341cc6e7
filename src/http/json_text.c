#include "http/json_text.h"

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct text {
    struct buffer bytes;
    bool cut;
};

/* The library was refused memory, on this thread, since this was last cleared. */
static _Thread_local bool starved;

static void *memory_take(size_t size)
{
    void *memory = malloc(size);
    starved |= !memory;
    return memory;
}

void json_text_prepare(void)
{
    json_set_alloc_funcs(memory_take, free);
}

json_t *json_text_read(const char *bytes, size_t length, size_t flags, json_error_t *ret_fault)
{
    starved = false;
    json_t *json = json_loadb(bytes, length, flags, ret_fault);
    if (!starved)
        return json;
    json_decref(json);
    ret_fault->text[0] = '\0';
    return NULL;
}

static int part_take(const char *part, size_t length, void *data)
{
    struct text *text = data;
    text->cut |= buffer_append(&text->bytes, part, length) < 0;
    return text->cut ? -1 : 0;
}

char *json_text_write(const json_t *json, size_t flags)
{
    struct text text = {0};
    buffer_init(&text.bytes, SIZE_MAX / 2);
    starved = false;
    if (json && json_dump_callback(json, part_take, &text, flags) == 0 && !text.cut && !starved)
        return buffer_take(&text.bytes);
    buffer_deinit(&text.bytes);
    return NULL;
}
