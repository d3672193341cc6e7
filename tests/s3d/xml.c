#include "xml.h"

#include <expat.h>
#include <string.h>

#define KEYS_MAX      1000
#define KEY_BYTES_MAX 1024

int xml_append_element(struct buffer *out, const char *name, const char *text)
{
    int failed = buffer_printf(out, "<%s>", name);
    while (*text && !failed) {
        size_t plain = strcspn(text, "&<>\r\n");
        failed = buffer_append(out, text, plain);
        text += plain;
        if (*text && !failed)
            failed = buffer_printf(out, "&#%d;", *text++);
    }
    return failed ? -1 : buffer_printf(out, "</%s>", name);
}

/* Where in the document the reader is: Delete > Object > Key, or Delete > Quiet. */
struct reader {
    XML_Parser parser;
    int depth;
    bool in_object, in_key, in_quiet;
    bool root_is_delete;
    size_t keys;
    struct buffer text;
    bool *quiet;
    bool (*key)(void *owner, const char *key);
    void *owner;
    enum xml_outcome outcome;
};

static void reader_stop(struct reader *reader, enum xml_outcome outcome)
{
    reader->outcome = outcome;
    XML_StopParser(reader->parser, XML_FALSE);
}

static void element_begin(void *data, const char *name, const char **attributes)
{
    struct reader *reader = data;
    (void)attributes;
    reader->depth++;
    if (reader->depth == 1)
        reader->root_is_delete = strcmp(name, "Delete") == 0;
    else if (reader->depth == 2)
        reader->in_object = strcmp(name, "Object") == 0;
    reader->in_quiet = reader->depth == 2 && strcmp(name, "Quiet") == 0;
    reader->in_key = reader->depth == 3 && reader->in_object && strcmp(name, "Key") == 0;
    reader->text.length = 0;
}

static void element_end(void *data, const char *name)
{
    struct reader *reader = data;
    (void)name;
    reader->depth--;
    const char *text = reader->text.length ? reader->text.bytes : "";
    if (reader->in_quiet)
        *reader->quiet = strcmp(text, "true") == 0;
    if (reader->in_key) {
        if (++reader->keys > KEYS_MAX || !*text)
            reader_stop(reader, XML_MALFORMED);
        else if (!reader->key(reader->owner, text))
            reader_stop(reader, XML_NO_MEMORY);
    }
    reader->in_key = reader->in_quiet = false;
}

static void text_read(void *data, const char *text, int length)
{
    struct reader *reader = data;
    if ((reader->in_key || reader->in_quiet) &&
        buffer_append(&reader->text, text, (size_t)length) < 0)
        reader_stop(reader, XML_MALFORMED);
}

enum xml_outcome xml_read_delete(const char *bytes, size_t length, bool *ret_quiet,
                                 bool (*key)(void *owner, const char *key), void *owner)
{
    struct reader reader = {.quiet = ret_quiet, .key = key, .owner = owner};
    *ret_quiet = false;
    reader.parser = XML_ParserCreate("UTF-8");
    if (!reader.parser)
        return XML_NO_MEMORY;
    buffer_init(&reader.text, KEY_BYTES_MAX);
    XML_SetUserData(reader.parser, &reader);
    XML_SetElementHandler(reader.parser, element_begin, element_end);
    XML_SetCharacterDataHandler(reader.parser, text_read);
    bool parsed = XML_Parse(reader.parser, bytes, (int)length, XML_TRUE) == XML_STATUS_OK;
    if (reader.outcome == XML_OK && (!parsed || !reader.root_is_delete || reader.keys == 0))
        reader.outcome = XML_MALFORMED;
    XML_ParserFree(reader.parser);
    buffer_deinit(&reader.text);
    return reader.outcome;
}
