/*
 * files_calls: operations of files.h that are waited for, and what is expected of them.
 */
#ifndef TESTS_CONTRACT_FILES_CALLS_H
#define TESTS_CONTRACT_FILES_CALLS_H

#include "files/files.h"

#include <semaphore.h>

/* The store under test. */
extern struct files *files;

struct call {
    struct files_op op;
    sem_t *finished; /* posted when it is answered */
    unsigned done;   /* how often it was */
};

/* Submits one operation, with a generous deadline if it has none. */
void call_submit(struct call *call, sem_t *finished);

/* Submits one operation and waits for its answer. */
void call_run(struct call *call);

/* Waits until `count` calls are answered, each once and without an error. */
void calls_wait(struct call *calls, size_t count, sem_t *finished);

struct files_answer put(const char *key, const void *bytes, size_t length);

/* The caller frees the body. */
struct files_answer get(const char *key, struct buffer *body);

struct files_answer delete_keys(const char *const *keys, size_t count,
                                struct files_answer *answers);
struct files_answer delete_key(const char *key);
struct files_answer identity_run(enum files_verb verb, struct files_identity *identity);

/* Makes a key that no run ever used. */
const char *fresh_key(char key[static FILES_KEY_SIZE]);

void assert_ok(const struct files_answer *answer);

/* Deleted, or never there: both leave nothing. */
void assert_absent(const struct files_answer *answer);

void assert_content(const char *key, const void *bytes, size_t length);
void assert_missing(const char *key);

#endif
