#include "xml.h"

#include <expat.h>
#include <stdio.h>
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

/* Where in the document the reader is: Delete > Object > Key or VersionId, or Delete > Quiet.
 */
struct reader {
    XML_Parser parser;
    int depth;
    bool in_object, in_key, in_version, in_quiet;
    bool root_is_delete;
    size_t keys;
    struct buffer text;
    char object_key[KEY_BYTES_MAX + 1], version[KEY_BYTES_MAX + 1];
    bool *quiet;
    bool (*key)(void *owner, const char *key, const char *version);
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
    bool in_object = reader->depth == 3 && reader->in_object;
    reader->in_key = in_object && strcmp(name, "Key") == 0;
    reader->in_version = in_object && strcmp(name, "VersionId") == 0;
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
    if (reader->in_key)
        snprintf(reader->object_key, sizeof reader->object_key, "%s", text);
    if (reader->in_version)
        snprintf(reader->version, sizeof reader->version, "%s", text);
    if (reader->depth == 1 && reader->in_object) {
        if (++reader->keys > KEYS_MAX || !*reader->object_key)
            reader_stop(reader, XML_MALFORMED);
        else if (!reader->key(reader->owner, reader->object_key, reader->version))
            reader_stop(reader, XML_NO_MEMORY);
        reader->object_key[0] = reader->version[0] = '\0';
    }
    reader->in_key = reader->in_version = reader->in_quiet = false;
    reader->text.length = 0;
}

static void text_read(void *data, const char *text, int length)
{
    struct reader *reader = data;
    if ((reader->in_key || reader->in_version || reader->in_quiet) &&
        buffer_append(&reader->text, text, (size_t)length) < 0)
        reader_stop(reader, XML_MALFORMED);
}

enum xml_outcome xml_read_delete(const char *bytes, size_t length, bool *ret_quiet,
                                 bool (*key)(void *owner, const char *key, const char *version),
                                 void *owner)
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

/* Looks for one element. */
struct search {
    const char *name;
    bool inside, found;
    char *text;
    size_t length, size;
};

static void search_begin(void *data, const char *name, const char **attributes)
{
    struct search *search = data;
    (void)attributes;
    search->inside = !search->found && strcmp(name, search->name) == 0;
}

static void search_end(void *data, const char *name)
{
    struct search *search = data;
    (void)name;
    search->found |= search->inside;
    search->inside = false;
}

static void search_text(void *data, const char *text, int length)
{
    struct search *search = data;
    size_t room = search->size - 1 - search->length;
    size_t taken = (size_t)length < room ? (size_t)length : room;
    if (!search->inside)
        return;
    memcpy(search->text + search->length, text, taken);
    search->length += taken;
}

bool xml_find(const char *bytes, size_t length, const char *name, char *ret_text, size_t size)
{
    struct search search = {.name = name, .text = ret_text, .size = size};
    XML_Parser parser = XML_ParserCreate("UTF-8");
    if (!parser)
        return false;
    XML_SetUserData(parser, &search);
    XML_SetElementHandler(parser, search_begin, search_end);
    XML_SetCharacterDataHandler(parser, search_text);
    bool parsed = XML_Parse(parser, bytes, (int)length, XML_TRUE) == XML_STATUS_OK;
    XML_ParserFree(parser);
    ret_text[search.length] = '\0';
    return parsed && search.found;
}
