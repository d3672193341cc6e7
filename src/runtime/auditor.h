/*
 * auditor: a thread that runs audits, one page after the other, beside everything else.
 *
 * An audit is begun by a row in the database: by the schedule, or by whoever asks for one, here
 * or at another replica. Whichever auditor takes it first has it; if that one goes away,
 * another goes on once its lease is over.
 */
#ifndef RUNTIME_AUDITOR_H
#define RUNTIME_AUDITOR_H

#include "fallback/audit.h"
#include "runtime/runtime.h"

struct auditor;

struct auditor_options {
    int64_t every_ms; /* between the end of one and the start of the next; 0: no schedule */
    bool deletes;     /* those of the schedule do more than look */
    int64_t share;    /* of those, in percent */
    int64_t age_ms, rate, timeout_ms, lease_ms;
};

/* Starts the thread; ends what the process before this one left under way. */
int auditor_open(const struct auditor_options *options, struct runtime *runtime,
                 struct auditor **ret_auditor, struct error *error);

/* Something was asked for: it looks at once. Any thread; NULL is allowed. */
void auditor_poke(struct auditor *auditor);

/* Stops after the call that is under way; the audit's place stays. NULL is allowed. */
void auditor_close(struct auditor *auditor);

#endif
