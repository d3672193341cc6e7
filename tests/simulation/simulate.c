/*
 * simulate: whole lives of a service, from seeds.
 *
 *     simulate [--first N] [--seeds N] [--seed N [--trace]] [--twice]
 *
 * Each seed is a run: replicas, clients, faults and their ends. --seed N runs that one and
 * prints what became of it, with --trace each step. --twice runs every seed twice and compares
 * the traces. Exits 1 when a promise was broken, with the seed.
 */
#include "backups.h"
#include "clients.h"
#include "database.h"
#include "faults.h"
#include "job_host.h"
#include "judge.h"
#include "nemesis.h"
#include "provider.h"
#include "virtual.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From so many lives on, a fifth have to have three faults at once: else nothing is shown. */
#define SHARE_FROM 1000

/* How long people ask for things. */
#define BUSY_MS MINUTES(4)

/* How long a service over an old copy of its database is looked at. */
#define RESTORED_MS SECONDS(30)

struct outcome {
    uint64_t hash;
    int64_t lines, length_ms;
    int faults;
    char broken[512];
};

static void life_begin(void)
{
    struct replicas_settings settings = {.count =
                                             chance_of(400) ? 1 : (int)chance_between(2, 3),
                                         .hands_over = !chance_of(200),
                                         .timer = !chance_of(250)};
    trace_say("%d replicas, inline %s, timer %s", settings.count,
              settings.hands_over ? "on" : "off", settings.timer ? "on" : "off");
    faults_plan(BUSY_MS, settings.timer);
    ledger_begin();
    provider_begin();
    database_begin();
    judge_begin();
    replicas_begin(&settings);
    clients_begin(BUSY_MS);
    backups_begin(BUSY_MS);
    job_host_begin();
    nemesis_begin();
}

static void life_end(void)
{
    job_host_end();
    clients_end();
    replicas_end();
    clients_end();
    judge_end();
    backups_end();
    database_end();
}

static void life_go_on(int64_t until_ms)
{
    while (!broken_promise() && agenda_step(until_ms)) {
    }
}

static bool all_is_done(void)
{
    return judge_is_content() && clients_rest() && !provider_expects_uploads();
}

/* The faults are over: what is left is finished in time, or a promise is broken. */
static void life_heal(void)
{
    trace_say("the faults are over");
    judge_heal(JOB_PERIOD_MS);
    int64_t last = virtual_now() + GUARD_MS + SECOND_LOOK_MS + 5 * JOB_PERIOD_MS;
    while (!broken_promise() && virtual_now() < last && !all_is_done())
        life_go_on(virtual_now() + SECONDS(10));
    judge_look();
    if (!broken_promise() && !all_is_done())
        broken("something is left after all that time");
}

/* Afterwards somebody restores a backup, and says nothing of it. */
static void life_go_back(void)
{
    int64_t last = virtual_now() + RESTORED_MS;
    backups_restore();
    while (!broken_promise() && virtual_now() < last) {
        life_go_on(virtual_now() + SECONDS(1));
        backups_judge();
    }
}

static void life_run(uint64_t seed, bool traced, struct outcome *ret_outcome)
{
    virtual_begin(seed, traced);
    life_begin();
    int64_t end = faults_end() > BUSY_MS ? faults_end() : BUSY_MS;
    life_go_on(end + NEMESIS_REST_MS);
    if (!broken_promise())
        life_heal();
    if (!broken_promise() && backups_may_be_restored())
        life_go_back();
    *ret_outcome = (struct outcome){.hash = trace_hash(),
                                    .lines = trace_lines(),
                                    .length_ms = virtual_now(),
                                    .faults = faults_at_once()};
    if (broken_promise())
        snprintf(ret_outcome->broken, sizeof ret_outcome->broken, "%s", broken_promise());
    life_end();
    virtual_end();
}

struct request {
    uint64_t first, count;
    bool traced, twice;
};

static void usage(void)
{
    fprintf(stderr, "usage: simulate [--first N] [--seeds N] [--seed N [--trace]] [--twice]\n");
    exit(64);
}

static struct request arguments_read(int argc, char **argv)
{
    struct request request = {.first = 1, .count = 100};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--trace") == 0) {
            request.traced = true;
        } else if (strcmp(argv[i], "--twice") == 0) {
            request.twice = true;
        } else if (!*value) {
            usage();
        } else if (strcmp(argv[i], "--first") == 0) {
            request.first = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seeds") == 0) {
            request.count = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0) {
            request.first = strtoull(argv[++i], NULL, 10);
            request.count = 1;
        } else {
            usage();
        }
    }
    return request;
}

int main(int argc, char **argv)
{
    struct request request = arguments_read(argc, argv);
    uint64_t hash = 0;
    int64_t lines = 0, at_once = 0;
    for (uint64_t seed = request.first; seed < request.first + request.count; seed++) {
        struct outcome outcome, again;
        life_run(seed, request.traced, &outcome);
        if (request.twice) {
            life_run(seed, false, &again);
            if (again.hash != outcome.hash || again.lines != outcome.lines)
                snprintf(outcome.broken, sizeof outcome.broken, "two runs differ");
        }
        if (*outcome.broken) {
            printf("seed %llu: %s\n", (unsigned long long)seed, outcome.broken);
            return 1;
        }
        hash = hash * 31 + outcome.hash;
        lines += outcome.lines;
        at_once += outcome.faults >= 3;
    }
    printf("%llu runs, %lld steps, %lld with three faults at once or more, hash %016llx\n",
           (unsigned long long)request.count, (long long)lines, (long long)at_once,
           (unsigned long long)hash);
    if (request.count >= SHARE_FROM && (uint64_t)at_once * 5 < request.count) {
        printf("too few have three faults at once\n");
        return 1;
    }
    return 0;
}
