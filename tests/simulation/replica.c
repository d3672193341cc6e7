#include "replica.h"

#include "database.h"
#include "faults.h"
#include "runtime/runtime_state.h"
#include "virtual.h"

#include <stdlib.h>
#include <string.h>

struct replica replicas[REPLICAS_MAX];
struct replicas_settings replicas_settings;
static struct replica *current;

void replicas_begin(const struct replicas_settings *settings)
{
    memset(replicas, 0, sizeof replicas);
    replicas_settings = *settings;
    for (int i = 0; i < settings->count; i++) {
        replicas[i].index = i;
        replica_start(&replicas[i]);
    }
}

void replicas_end(void)
{
    for (int i = 0; i < replicas_settings.count; i++) {
        if (replicas[i].alive)
            replica_crash(&replicas[i]);
    }
}

/* No two machines were started at the same time. */
void replica_enter(struct replica *replica)
{
    current = replica;
    virtual_boot_offset = SECONDS(86400) * (replica->index + 1) + replica->index;
}

void replica_leave(void)
{
    current = NULL;
    virtual_boot_offset = 0;
}

struct replica *replica_current(void)
{
    return current;
}

void replica_start(struct replica *replica)
{
    struct files *files = &replica->files;
    struct error error = {0};
    struct runtime_options options = {
        .engine = {.stores = 1,
                   .lease_ms = LEASE_MS,
                   .call_timeout_ms = CALL_MS,
                   .guard_ms = GUARD_MS,
                   .second_look_ms = SECOND_LOOK_MS,
                   .pages = (size_t)chance_between(1, 3),
                   .page_keys = (size_t)chance_between(1, 6),
                   .timer = replicas_settings.timer,
                   .watch_ms = replicas_settings.count > 1 ? 200 : 0,
                   .seed = (uint64_t)chance_between(0, INT64_MAX - 1)},
        .flows = {.hands_over = replicas_settings.hands_over,
                  .guard_ms = GUARD_MS,
                  .put_timeout_ms = 6 * CALL_MS},
        .delete_wait_ms = SECONDS(2),
        .identity_timeout_ms = CALL_MS,
        .store_id = database_store_id(),
    };
    replica->life++;
    replica->alive = true;
    replica->turning = false;
    replica->tick_at = replica->paused_until = 0;
    replica->saw_other = false;
    replica->repository = (struct repository){.replica = replica};
    replica->repository.last = &replica->repository.first;
    replica->files = (struct files){.replica = replica};
    trace_say("replica %d starts", replica->index);
    replica_enter(replica);
    if (runtime_open(&options, &replica->repository, &files, &replica->runtime, &error) < 0)
        abort();
    replica_leave();
    replica_poke(replica);
}

void replica_crash(struct replica *replica)
{
    trace_say("replica %d ends", replica->index);
    replica->alive = false;
    replica_enter(replica);
    database_drop(&replica->repository);
    runtime_close(replica->runtime);
    replica_leave();
    replica->runtime = NULL;
}

void replica_pause(struct replica *replica, int64_t length_ms)
{
    trace_say("replica %d stands still for %.3f s", replica->index, (double)length_ms / 1000);
    replica->paused_until = virtual_now() + length_ms;
}

struct replica *replica_any(void)
{
    int first = (int)chance_between(0, replicas_settings.count - 1);
    for (int i = 0; i < replicas_settings.count; i++) {
        struct replica *replica = &replicas[(first + i) % replicas_settings.count];
        if (replica->alive && replica->paused_until <= virtual_now())
            return replica;
    }
    return NULL;
}

struct visit {
    struct replica *replica;
    unsigned life;
    void (*go)(struct replica *replica, void *what);
    void *what;
};

static void visit_happen(void *owner)
{
    struct visit *visit = owner;
    struct replica *replica = visit->replica;
    if (!replica->alive || replica->life != visit->life)
        return;
    if (virtual_now() < replica->paused_until) {
        agenda_add(replica->paused_until - virtual_now(), visit_happen, visit);
        return;
    }
    replica_enter(replica);
    visit->go(replica, visit->what);
    replica_leave();
    replica_poke(replica);
}

void replica_later(struct replica *replica, int64_t delay_ms,
                   void (*go)(struct replica *replica, void *what), void *what)
{
    struct visit *visit = virtual_take(sizeof *visit);
    *visit = (struct visit){replica, replica->life, go, what};
    agenda_add(delay_ms, visit_happen, visit);
}

static void tick_happen(void *owner);

static void turn_happen(void *owner)
{
    struct visit *visit = owner;
    struct replica *replica = visit->replica;
    if (!replica->alive || replica->life != visit->life)
        return;
    if (virtual_now() < replica->paused_until) {
        agenda_add(replica->paused_until - virtual_now(), turn_happen, visit);
        return;
    }
    replica->turning = false;
    replica_enter(replica);
    runtime_turn(replica->runtime, false);
    int64_t now = virtual_now() + virtual_boot_offset;
    int64_t next = engine_next_tick(replica->runtime->engine, now) - virtual_boot_offset;
    replica_leave();
    if (replica->tick_at > virtual_now() && replica->tick_at <= next)
        return;
    replica->tick_at = next;
    agenda_add(next - virtual_now(), tick_happen, visit);
}

static void tick_happen(void *owner)
{
    struct visit *visit = owner;
    struct replica *replica = visit->replica;
    if (replica->alive && replica->life == visit->life && replica->tick_at == virtual_now())
        replica_poke(replica);
}

void replica_poke(struct replica *replica)
{
    if (replica->turning || !replica->alive)
        return;
    struct visit *visit = virtual_take(sizeof *visit);
    *visit = (struct visit){.replica = replica, .life = replica->life};
    replica->turning = true;
    /* A thread is mostly there at once, and sometimes it is not. */
    agenda_add(chance_of(200) ? chance_between(0, 20) : 0, turn_happen, visit);
}

bool replicas_rest(void)
{
    for (int i = 0; i < replicas_settings.count; i++) {
        if (replicas[i].alive && !engine_is_idle(replicas[i].runtime->engine))
            return false;
    }
    return true;
}
