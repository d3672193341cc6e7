/*
 * driver: what every driver behind files.h shares; nobody else includes it.
 */
#ifndef FILES_DRIVER_H
#define FILES_DRIVER_H

#include "files/files.h"

/* Longest identity object that is read, in bytes. */
#define FILES_IDENTITY_BYTES_MAX 4096

/* S3's words for a key that no store can hold. */
#define FILES_CODE_BAD_KEY "InvalidURI"

/*
 * Fills `answer`. `text` becomes one printable line, cut to fit; so does `code`, of which only
 * letters, digits, '.', '-' and '_' are kept. NULL stands for "".
 */
void files_answer_set(struct files_answer *answer, int status, const char *code,
                      const char *text);

/*
 * What every `start` does first: clears what `op` gives out and refuses what no driver may
 * begin, a passed deadline or a key that is not valid. Returns false if `op` is answered, and
 * done, with that. In a FILES_DELETE a bad key gets its own answer and the others go on:
 * files_key_is_open.
 */
bool files_op_begin(struct files_op *op);

/* True while the key at `index` of a FILES_DELETE has no answer. */
bool files_key_is_open(const struct files_op *op, size_t index);

/* Gives op->answer to every key of a FILES_DELETE that has none, and calls op->done. */
void files_op_finish(struct files_op *op);

/* files_answer_set on op->answer, then files_op_finish. */
void files_op_fail(struct files_op *op, int status, const char *code, const char *text);

/* Writes the identity object's JSON; -1 without memory. */
int files_identity_format(const struct files_identity *identity, struct buffer *ret_json);

/* Reads it back; -1, with `ret_identity` untouched, if it is anything else. */
int files_identity_parse(const char *bytes, size_t length, struct files_identity *ret_identity);

bool files_identity_equals(const struct files_identity *a, const struct files_identity *b);

/* Decodes `length` bytes of a URL's part ("%20"); -1 if it is malformed or does not fit. */
int files_url_decode(const char *text, size_t length, char *ret_text, size_t size);

#endif
