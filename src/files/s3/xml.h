/*
 * xml: what S3 says in XML, read strictly, and the one document that we send.
 *
 * Nothing is taken from a document that is not well-formed to its end. Document types are
 * refused. All functions are pure.
 */
#ifndef FILES_S3_XML_H
#define FILES_S3_XML_H

#include "files/files.h"

/* Most bytes of the list of keys that is sent: six for each byte of a key at worst. */
#define S3_DELETE_BYTES_MAX ((size_t)2 << 20)

/* Longest key inside a document, prefix included, and a byte to see that one is longer. */
#define S3_XML_KEY_SIZE 1026

/* An <Error> document. */
struct s3_error {
    char code[FILES_CODE_SIZE];
    char message[FILES_TEXT_SIZE + 4]; /* room for the character at which it will be cut */
    char region[FILES_CODE_SIZE], endpoint[FILES_TEXT_SIZE]; /* where to go instead; or "" */
};

/* One <Deleted> or <Error> of a <DeleteResult>. */
struct s3_deleted {
    bool failed;
    bool marker; /* nothing was deleted: a version's marker was laid over it */
    char key[S3_XML_KEY_SIZE];
    struct s3_error error;
};

enum s3_document {
    S3_DOCUMENT_MALFORMED, /* not well-formed, or neither of these */
    S3_DOCUMENT_ERROR,
    S3_DOCUMENT_DELETED,
};

/*
 * Reads an answer's body. For <Error>, `ret_error` is filled. For <DeleteResult>, `entry` is
 * called for each entry as it is met (NULL is allowed): what it was told counts only if the
 * answer is S3_DOCUMENT_DELETED in the end.
 */
enum s3_document s3_xml_read(const char *bytes, size_t length, struct s3_error *ret_error,
                             void (*entry)(void *owner, const struct s3_deleted *deleted),
                             void *owner);

/* How a list of what to delete begins and ends. */
#define S3_XML_DELETE_BEGIN "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
#define S3_XML_DELETE_END   "</Delete>"

/* Appends `text` as an element holds it; -1 without memory. */
int s3_xml_append_escaped(struct buffer *xml, const char *text);

/* Writes the <Delete> of all keys of `op` that have no answer; -1 without memory. */
int s3_xml_write_delete(const struct files_op *op, const char *prefix, struct buffer *ret_xml);

#endif
