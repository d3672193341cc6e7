/*
 * document: walks an XML document of S3's, strictly.
 */
#ifndef FILES_S3_DOCUMENT_H
#define FILES_S3_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Longest text of an element that is told, with its end; longer text is cut to this. */
#define S3_DOCUMENT_TEXT_SIZE 1026

/*
 * Told of each element as it ends: its depth (the root's is 1), its name without what stands
 * for a name space, and its text. Returns false to stop.
 */
typedef bool s3_document_visit(void *owner, unsigned depth, const char *name, const char *text);

/*
 * Walks a whole document; what was told counts only if the answer is true: well-formed to its
 * end, without a document type, and nobody stopped.
 */
bool s3_document_walk(const char *bytes, size_t length, s3_document_visit *visit, void *owner);

#endif
