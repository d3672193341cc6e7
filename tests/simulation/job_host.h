/*
 * job_host: the Fallback Job, its real code from its loop to its judgement, on a virtual wall
 * clock and a virtual network; with a supervisor that starts it again when it ends.
 */
#ifndef SIMULATION_JOB_HOST_H
#define SIMULATION_JOB_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Between two slots of its schedule. */
#define JOB_PERIOD_MS MINUTES(2)

void job_host_begin(void);
void job_host_end(void);

/* Somebody sends it a signal; it ends at once, with all that it had under way. */
void job_host_signal(int signal);
void job_host_crash(void);

/* It writes a line of its log, which is held against what it was answered. */
struct log_field;
void job_host_hear(const char *event, const struct log_field *fields, size_t count);

/* A sweep that it asked for is claiming. */
bool job_host_is_walking(void);

/* A replica ended: what it was asked is cut. */
struct replica;
void job_host_abandon(const struct replica *replica);

#endif
