/*
 * faults: what goes wrong in a run, and when: drawn from the seed before anything begins.
 */
#ifndef SIMULATION_FAULTS_H
#define SIMULATION_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

enum fault {
    FAULT_STORE_DOWN,      /* no connection */
    FAULT_STORE_HANGS,     /* no answer, with or without an effect */
    FAULT_STORE_ERRORS,    /* 500, 503, 429, with or without an effect */
    FAULT_STORE_REFUSES,   /* 403 */
    FAULT_STORE_SWAPPED,   /* the store's name leads to another store (M3) */
    FAULT_STORE_SLOW,      /* answers take seconds */
    FAULT_ANSWERS_LOST,    /* an effect, and no answer */
    FAULT_ANSWERS_PARTIAL, /* some keys of an answer fail, or are missing */
    FAULT_PUTS_LATE,       /* an upload lands minutes after its request was given up */
    FAULT_DELETES_LATE,    /* a deletion does */
    FAULT_DATABASE_DOWN,   /* nothing is carried out */
    FAULT_COMMITS_UNKNOWN, /* carried out or not, the answer is an error */
    FAULT_DATABASE_SLOW,   /* transactions take longer than leases */
    FAULT_CRASHES,         /* replicas end at once, and start again */
    FAULT_PAUSES,          /* replicas stand still for longer than leases */
    FAULT_DATABASE_CLOCK,  /* the database's clock is set forward and back */
    FAULT_JOB_CLOCK,       /* so is the wall clock of the job */
    FAULT_JOB_SIGNALS, /* the job is told to run now, to read again, to stop, or is killed */
    FAULT_WAKES,       /* wakes between replicas are lost, doubled and late */
    FAULT_NETWORK,     /* between the job and the replicas */
    FAULT_SQL,         /* somebody types SQL */
    FAULT_COUNT
};

const char *fault_name(enum fault fault);

/* Draws the run's faults, between now and `until_ms`. */
void faults_plan(int64_t until_ms, bool clock_goes_back);

/* It is on now. */
bool fault_is_on(enum fault fault);

/* The time at which the last of them is over. */
int64_t faults_end(void);

/* How many of them are on at one time, at most. */
int faults_at_once(void);

#endif
