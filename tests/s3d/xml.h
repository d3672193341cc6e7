/*
 * xml: writing S3's documents, and reading the one that is sent to us.
 */
#ifndef S3D_XML_H
#define S3D_XML_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stddef.h>

#define XML_HEAD      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define XML_NAMESPACE " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

/* Appends <name>text</name>, escaped. */
int xml_append_element(struct buffer *out, const char *name, const char *text);

enum xml_outcome { XML_OK, XML_MALFORMED, XML_NO_MEMORY };

/*
 * Reads a DeleteObjects body and calls `key` for each key in it, in order, with the version
 * that is meant, "" for none. At most 1,000 keys; MALFORMED may come after some keys were seen.
 */
enum xml_outcome xml_read_delete(const char *bytes, size_t length, bool *ret_quiet,
                                 bool (*key)(void *owner, const char *key, const char *version),
                                 void *owner);

/* The text of the first element `name`; false if there is none, or it is no document. */
bool xml_find(const char *bytes, size_t length, const char *name, char *ret_text, size_t size);

#endif
