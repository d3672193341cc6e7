/*
 * faults: what goes wrong on purpose. A rule is one line of words with commas between them:
 *
 *     latency,ms=20                                      wait before anything happens
 *     refuse,verb=DELETE,status=503,code=SlowDown,p=0.3,seed=7
 *     hang,verb=PUT,times=1                              never answer; nothing happens
 *     hang,effect=on                                     it happens; never answer
 *     off                                                close the connection; nothing happens
 *     lose                                               it happens; close without an answer
 *     cut                                                it happens; half of the answer is sent
 *     garbage, empty, error-body                         a 200 that proves nothing; nothing
 * happens key-error,key=avatars/01*,code=AccessDenied        these keys of a batch are refused
 *     unlist,p=0.5                                       keys left out of a batch and its
 * answer
 *
 * `empty` is meant for batches: to a single DELETE it is what success looks like.
 * Every rule takes: verb=PUT|GET|HEAD|DELETE|BATCH|LIST|BUCKET (DELETE includes BATCH),
 * key=GLOB, p=CHANCE with seed=N, times=N (how often it hits at most), skip=N (how often it is
 * spared first). The first rule that hits decides; latencies add up. A rule with a key never
 * hits a batch as a whole. Any thread.
 */
#ifndef S3D_FAULTS_H
#define S3D_FAULTS_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verb { VERB_PUT, VERB_GET, VERB_HEAD, VERB_DELETE, VERB_BATCH, VERB_LIST, VERB_BUCKET };
#define VERB_COUNT 7

const char *verb_name(enum verb verb);

enum fault_kind {
    FAULT_NONE,
    FAULT_LATENCY,
    FAULT_OFF,
    FAULT_HANG,
    FAULT_REFUSE,
    FAULT_LOSE,
    FAULT_CUT,
    FAULT_GARBAGE,
    FAULT_EMPTY,
    FAULT_ERROR_BODY,
    FAULT_KEY_ERROR,
    FAULT_UNLIST,
};

#define FAULT_CODE_SIZE 48

/* What is to go wrong with one request, or with one key of a batch. */
struct fault {
    enum fault_kind kind;
    int64_t latency_ms; /* of a request: to wait first, whatever the kind */
    int status;         /* REFUSE, KEY_ERROR */
    char code[FAULT_CODE_SIZE];
    int retry_after; /* REFUSE: seconds; 0: none */
    bool effect;     /* HANG: it happens all the same */
};

const char *fault_name(enum fault_kind kind);

struct faults;

struct faults *faults_create(void);
void faults_free(struct faults *faults);

/* Adds the rule in `text`; -1 with ERROR_USAGE if it is none. */
int faults_add(struct faults *faults, const char *text, struct error *error);
void faults_clear(struct faults *faults);

/* Draws what happens to a request; KEY_ERROR comes for verbs other than BATCH only. */
void faults_judge(struct faults *faults, enum verb verb, const char *key,
                  struct fault *ret_fault);

/* Draws what happens to one key of a batch: NONE, KEY_ERROR or UNLIST. */
void faults_judge_key(struct faults *faults, const char *key, struct fault *ret_fault);

/* Appends the rules and how often each hit, as JSON. */
int faults_append_json(struct faults *faults, struct buffer *out);

#endif
