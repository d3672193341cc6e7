#include "files/s3/xml.h"

#include "files/driver.h"

#include <expat.h>
#include <stdio.h>
#include <string.h>

/* How deep S3's documents go: DeleteResult, Error, Code. */
#define ENTRY_DEPTH 2
#define FIELD_DEPTH 3

struct reader {
    XML_Parser parser;
    enum s3_document document;
    unsigned depth;
    char text[S3_XML_KEY_SIZE]; /* of the element that is open; longer text is cut */
    size_t length;
    struct s3_error *error;
    struct s3_deleted deleted;
    void (*entry)(void *owner, const struct s3_deleted *deleted);
    void *owner;
};

/* The name without a prefix that stands for a name space. */
static const char *local_name(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon ? colon + 1 : name;
}

static void XMLCALL on_start(void *data, const char *name, const char **attributes)
{
    struct reader *reader = data;
    (void)attributes;
    name = local_name(name);
    reader->depth++;
    reader->length = 0;
    if (reader->depth == 1) {
        if (strcmp(name, "Error") == 0)
            reader->document = S3_DOCUMENT_ERROR;
        else if (strcmp(name, "DeleteResult") == 0)
            reader->document = S3_DOCUMENT_DELETED;
        else
            XML_StopParser(reader->parser, XML_FALSE);
    } else if (reader->depth == ENTRY_DEPTH) {
        reader->deleted = (struct s3_deleted){.failed = strcmp(name, "Deleted") != 0};
    }
}

static void XMLCALL on_text(void *data, const char *text, int length)
{
    struct reader *reader = data;
    size_t room = sizeof reader->text - 1 - reader->length;
    size_t taken = (size_t)length < room ? (size_t)length : room;
    memcpy(reader->text + reader->length, text, taken);
    reader->length += taken;
}

static void error_take(struct s3_error *error, const char *name, const char *text)
{
    if (strcmp(name, "Code") == 0)
        snprintf(error->code, sizeof error->code, "%s", text);
    else if (strcmp(name, "Message") == 0)
        snprintf(error->message, sizeof error->message, "%s", text);
    else if (strcmp(name, "Region") == 0)
        snprintf(error->region, sizeof error->region, "%s", text);
    else if (strcmp(name, "Endpoint") == 0)
        snprintf(error->endpoint, sizeof error->endpoint, "%s", text);
}

static void deleted_take(struct s3_deleted *deleted, const char *name, const char *text)
{
    if (strcmp(name, "Key") == 0)
        snprintf(deleted->key, sizeof deleted->key, "%s", text);
    else if (strcmp(name, "DeleteMarker") == 0)
        deleted->marker = strcmp(text, "true") == 0;
    else
        error_take(&deleted->error, name, text);
}

static void XMLCALL on_end(void *data, const char *name)
{
    struct reader *reader = data;
    name = local_name(name);
    reader->text[reader->length] = '\0';
    if (reader->document == S3_DOCUMENT_ERROR && reader->depth == ENTRY_DEPTH)
        error_take(reader->error, name, reader->text);
    if (reader->document == S3_DOCUMENT_DELETED && reader->depth == FIELD_DEPTH)
        deleted_take(&reader->deleted, name, reader->text);
    bool is_entry = strcmp(name, "Deleted") == 0 || strcmp(name, "Error") == 0;
    if (reader->document == S3_DOCUMENT_DELETED && reader->depth == ENTRY_DEPTH && is_entry &&
        reader->entry)
        reader->entry(reader->owner, &reader->deleted);
    reader->length = 0;
    reader->depth--;
}

static void XMLCALL on_doctype(void *data, const char *name, const char *system_id,
                               const char *public_id, int has_internal_subset)
{
    struct reader *reader = data;
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    XML_StopParser(reader->parser, XML_FALSE);
}

enum s3_document s3_xml_read(const char *bytes, size_t length, struct s3_error *ret_error,
                             void (*entry)(void *owner, const struct s3_deleted *deleted),
                             void *owner)
{
    *ret_error = (struct s3_error){0};
    struct reader reader = {.error = ret_error, .entry = entry, .owner = owner};
    reader.parser = XML_ParserCreate(NULL);
    if (!reader.parser || length == 0 || length > INT32_MAX) {
        XML_ParserFree(reader.parser);
        return S3_DOCUMENT_MALFORMED;
    }
    XML_SetUserData(reader.parser, &reader);
    XML_SetElementHandler(reader.parser, on_start, on_end);
    XML_SetCharacterDataHandler(reader.parser, on_text);
    XML_SetStartDoctypeDeclHandler(reader.parser, on_doctype);
    bool whole = XML_Parse(reader.parser, bytes, (int)length, XML_TRUE) == XML_STATUS_OK;
    XML_ParserFree(reader.parser);
    return whole ? reader.document : S3_DOCUMENT_MALFORMED;
}

int s3_xml_append_escaped(struct buffer *xml, const char *text)
{
    int failed = 0;
    for (; *text && !failed; text++) {
        switch (*text) {
        case '&':
            failed = buffer_append_text(xml, "&amp;");
            break;
        case '<':
            failed = buffer_append_text(xml, "&lt;");
            break;
        case '>':
            failed = buffer_append_text(xml, "&gt;");
            break;
        default:
            failed = buffer_append(xml, text, 1);
        }
    }
    return failed;
}

int s3_xml_write_delete(const struct files_op *op, const char *prefix, struct buffer *ret_xml)
{
    if (buffer_append_text(ret_xml, S3_XML_DELETE_BEGIN) < 0)
        return -1;
    for (size_t i = 0; i < op->count; i++) {
        if (!files_key_is_open(op, i))
            continue;
        if (buffer_append_text(ret_xml, "<Object><Key>") < 0 ||
            s3_xml_append_escaped(ret_xml, prefix) < 0 ||
            s3_xml_append_escaped(ret_xml, op->keys[i]) < 0 ||
            buffer_append_text(ret_xml, "</Key></Object>") < 0)
            return -1;
    }
    return buffer_append_text(ret_xml, S3_XML_DELETE_END);
}
