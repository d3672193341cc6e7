#include "files/s3/document.h"

#include <expat.h>
#include <stdint.h>
#include <string.h>

struct walk {
    XML_Parser parser;
    unsigned depth;
    char text[S3_DOCUMENT_TEXT_SIZE];
    size_t length;
    s3_document_visit *visit;
    void *owner;
};

static void XMLCALL on_start(void *data, const char *name, const char **attributes)
{
    struct walk *walk = data;
    (void)name;
    (void)attributes;
    walk->depth++;
    walk->length = 0;
}

static void XMLCALL on_text(void *data, const char *text, int length)
{
    struct walk *walk = data;
    size_t room = sizeof walk->text - 1 - walk->length;
    size_t taken = (size_t)length < room ? (size_t)length : room;
    memcpy(walk->text + walk->length, text, taken);
    walk->length += taken;
}

static void XMLCALL on_end(void *data, const char *name)
{
    struct walk *walk = data;
    const char *colon = strrchr(name, ':');
    walk->text[walk->length] = '\0';
    if (!walk->visit(walk->owner, walk->depth, colon ? colon + 1 : name, walk->text))
        XML_StopParser(walk->parser, XML_FALSE);
    walk->length = 0;
    walk->depth--;
}

static void XMLCALL on_doctype(void *data, const char *name, const char *system_id,
                               const char *public_id, int has_internal_subset)
{
    struct walk *walk = data;
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    XML_StopParser(walk->parser, XML_FALSE);
}

bool s3_document_walk(const char *bytes, size_t length, s3_document_visit *visit, void *owner)
{
    struct walk walk = {.visit = visit, .owner = owner};
    if (length == 0 || length > INT32_MAX)
        return false;
    walk.parser = XML_ParserCreate(NULL);
    if (!walk.parser)
        return false;
    XML_SetUserData(walk.parser, &walk);
    XML_SetElementHandler(walk.parser, on_start, on_end);
    XML_SetCharacterDataHandler(walk.parser, on_text);
    XML_SetStartDoctypeDeclHandler(walk.parser, on_doctype);
    bool whole = XML_Parse(walk.parser, bytes, (int)length, XML_TRUE) == XML_STATUS_OK;
    XML_ParserFree(walk.parser);
    return whole;
}
