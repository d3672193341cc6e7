#include "backups.h"

#include "clients.h"
#include "database.h"
#include "job_host.h"
#include "judge.h"
#include "replica.h"
#include "runtime/runtime_state.h"
#include "virtual.h"

#include <stdlib.h>

static struct {
    sqlite3 *copy; /* NULL: none was taken */
    struct epoch_raise raise;
    bool told;
} backup;

static void copy_contents(sqlite3 *from, sqlite3 *to)
{
    sqlite3_backup *pages = sqlite3_backup_init(to, "main", from, "main");
    if (!pages || sqlite3_backup_step(pages, -1) != SQLITE_DONE ||
        sqlite3_backup_finish(pages) != SQLITE_OK)
        abort();
}

static void raise_ended(struct epoch_raise *raise)
{
    backup.told = raise->number > 0;
    trace_say("a backup: %s", backup.told ? "the store knows" : "the store does not know");
}

/* The copy first: what it lacks is the epoch that is raised then. */
static void backup_take(void *owner)
{
    (void)owner;
    struct replica *replica = replica_any();
    if (!replica)
        return;
    trace_say("a backup is taken");
    if (sqlite3_open(":memory:", &backup.copy) != SQLITE_OK)
        abort();
    copy_contents(database_handle(), backup.copy);
    backup.raise = (struct epoch_raise){.ended = raise_ended};
    replica_enter(replica);
    if (!runtime_raise_epoch(replica->runtime, &backup.raise))
        abort();
    replica_leave();
    replica_poke(replica);
}

void backups_begin(int64_t until_ms)
{
    backup.copy = NULL;
    backup.told = false;
    if (chance_of(150))
        agenda_add(chance_between(SECONDS(1), until_ms), backup_take, NULL);
}

void backups_end(void)
{
    sqlite3_close(backup.copy);
    backup.copy = NULL;
}

bool backups_may_be_restored(void)
{
    return backup.told;
}

void backups_restore(void)
{
    trace_say("the backup is restored");
    judge_suspend();
    for (int i = 0; i < replicas_settings.count; i++) {
        if (!replicas[i].alive)
            continue;
        clients_abandon(&replicas[i]);
        job_host_abandon(&replicas[i]);
        replica_crash(&replicas[i]);
    }
    copy_contents(backup.copy, database_handle());
    for (int i = 0; i < replicas_settings.count; i++)
        replica_start(&replicas[i]);
}

void backups_judge(void)
{
    for (int i = 0; i < replicas_settings.count; i++) {
        if (replicas[i].alive &&
            engine_identity(replicas[i].runtime->engine, 0) == IDENTITY_GOOD)
            broken("replica %d works with a database that was restored", i);
    }
}
