/*
 * run_play: plays events to a job's state machine under a virtual clock.
 */
#ifndef TESTS_RUN_PLAY_H
#define TESTS_RUN_PLAY_H

#include "job/run.h"

#include <stdbool.h>
#include <stdint.h>

/* 2026-01-01T00:00:10Z */
#define WALL_START INT64_C(1767225610000)
#define MIDNIGHT   INT64_C(1767225600000)

struct play {
    struct run run;
    struct schedule schedule;
    struct zone *zone;
    struct run_now now;
    struct random random;
    struct run_command command;
};

/* A call that went well and told no counts. */
extern const struct call_verdict play_plain;

void play_begin(struct play *play, const char *expression);
void play_end(struct play *play);
void play_event(struct play *play, const struct run_event *event);
void play_kind(struct play *play, enum run_event_kind kind);
void play_probed(struct play *play, bool healthy);
void play_called(struct play *play, const struct call_verdict *verdict);
void play_pass(struct play *play, int64_t ms);
void play_wait(struct play *play);
void play_expect_exit(const struct play *play, int exit_code);
void play_to_call(struct play *play);
struct call_verdict play_counted(int64_t deleted, int64_t failed, const char *cursor);
void play_to_sleep(struct play *play, const char *expression,
                   const struct run_settings *changes, int64_t last_slot_s);
void play_expect_sleep(const struct play *play, int64_t until_ms);

#endif
