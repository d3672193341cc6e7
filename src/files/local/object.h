/*
 * object: one object of a local store, or a batch of them. All but `root` as in files.h.
 */
#ifndef FILES_LOCAL_OBJECT_H
#define FILES_LOCAL_OBJECT_H

#include "files/driver.h"

/* The handles that everything goes through. */
struct local_root {
    int folder;    /* DIR */
    int temporary; /* DIR/.tmp */
};

/* Each fills op->answer, and what else the verb gives out; none calls op->done. */
void local_put(const struct local_root *root, struct files_op *op);
void local_get(const struct local_root *root, struct files_op *op);
void local_delete(const struct local_root *root, struct files_op *op);
void local_list(const struct local_root *root, struct files_op *op);
void local_identity_read(const struct local_root *root, struct files_op *op);
void local_identity_create(const struct local_root *root, struct files_op *op);

/* What S3 would say for the errno value `code`. */
void local_answer_errno(struct files_answer *answer, int code);

/* Room for the temporary name of a key: SHA-256 in hexadecimal, and the end. */
#define LOCAL_TEMPORARY_SIZE 65

/* Names the temporary file of `key` in DIR/.tmp/; returns 0, or -1. */
int local_temporary_name(const char *key, char ret_name[static LOCAL_TEMPORARY_SIZE]);

#endif
