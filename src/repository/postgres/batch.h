/*
 * batch: operations in one transaction.
 */
#ifndef REPOSITORY_POSTGRES_BATCH_H
#define REPOSITORY_POSTGRES_BATCH_H

#include "repository/postgres/session.h"
#include "repository/repository.h"

struct batch {
    struct repository_op **ops;
    size_t count;
    const char *writer_id; /* this writer's row in writers … */
    int64_t number;        /* … and what it says once this batch is committed */
    const char *beside_id; /* the row of this process's other writer */
    bool is_unknown;       /* whether it was committed when it was run before */
};

enum batch_end {
    BATCH_KEPT,    /* committed, now or when it was run before: the outcomes stand */
    BATCH_REFUSED, /* rolled back, for a reason that the same batch would meet again */
    BATCH_AGAIN,   /* rolled back, because of another transaction */
    BATCH_LOCKED,  /* rolled back: somebody sits on a row */
    BATCH_LOST,    /* rolled back, or about to be: the connection is gone */
    BATCH_UNKNOWN, /* committed or not: the connection was lost at COMMIT, or this run of a
                      batch of unknown end did not get to where it is found out */
};

/*
 * Runs a batch, or finds that it was committed before. The connection's `words` have the reason
 * of an end that was not good; a lost connection is closed. Outcomes are the batch's only when
 * it was kept; they are to be left alone until a batch of unknown end has been run again.
 */
enum batch_end batch_run(struct session *session, const struct batch *batch);

/* Answers every operation that nothing was changed, and why. */
void batch_fail(const struct batch *batch, const char *words);

#endif
