/*
 * numbers: how things stand, read once for the status, the metrics and the page.
 */
#ifndef HANDLERS_NUMBERS_H
#define HANDLERS_NUMBERS_H

#include "handlers/service.h"

struct numbers {
    bool known; /* the database could be read: else the backlog is all 0 */
    struct backlog backlog;
    bool audit_known; /* the same of the audit */
    struct audit_place audit;
    struct runtime_status runtime;
    struct runtime_queues queues;
    int64_t rate;             /* done a second, in millionths, over the last minute */
    int64_t time_to_clean_ms; /* -1: no telling */
    int64_t job_called_at;    /* wall clock; 0: not since the start */
    bool job_is_late;
    int64_t in_vain; /* the job's sweeps in a row that left work and finished nothing */
};

void numbers_read(struct service *service, struct numbers *ret_numbers);

/* The present, as a point of the trend. False if the database cannot be read. */
bool numbers_point(struct service *service, struct trend_point *ret_point);

/* Adds a point to the trend: called every TREND_STEP_MS, by one thread. */
void numbers_sample(struct service *service);

#endif
