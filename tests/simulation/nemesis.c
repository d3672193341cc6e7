#include "nemesis.h"

#include "clients.h"
#include "database.h"
#include "faults.h"
#include "job_host.h"
#include "ledger.h"
#include "provider.h"
#include "replica.h"
#include "virtual.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* All steps forward together are less than the second look is longer than a late upload. */
#define FORWARD_MS MINUTES(3)

static int64_t forward_left;
/* Once, by more than an hour: less cannot be told from a lease or a wait that is in order (P4).
 */
static bool went_back;

static void start_again(void *owner)
{
    struct replica *replica = owner;
    if (!replica->alive)
        replica_start(replica);
}

static void replica_end(struct replica *replica)
{
    clients_abandon(replica);
    job_host_abandon(replica);
    replica_crash(replica);
    agenda_add(chance_of(700) ? chance_between(1, 2000) : chance_between(1, SECONDS(60)),
               start_again, replica);
}

static void replica_stand_still(struct replica *replica, int64_t length)
{
    int64_t most = faults_end() + SECONDS(60) - virtual_now();
    replica_pause(replica, length < most ? length : most);
}

/* Nobody but the process that was told knows what another store has said (M3). */
static bool may_crash(void)
{
    return fault_is_on(FAULT_CRASHES) && !provider_is_swapped();
}

static int64_t stillness_draw(void)
{
    return chance_of(600) ? chance_between(1, SECONDS(30)) : chance_between(1, MINUTES(5));
}

static void database_clock_fall(void);

void nemesis_moment(struct replica *replica)
{
    if (!replica->alive)
        return;
    if (fault_is_on(FAULT_DATABASE_CLOCK) && job_host_is_walking() && chance_of(400))
        database_clock_fall();
    if (may_crash() && chance_of(20))
        replica_end(replica);
    else if (fault_is_on(FAULT_PAUSES) && chance_of(40))
        replica_stand_still(replica, stillness_draw());
}

void nemesis_upload_moment(struct replica *replica)
{
    if (replica->alive && fault_is_on(FAULT_PAUSES) && chance_of(150))
        replica_stand_still(replica, GUARD_MS + chance_between(-SECONDS(20), SECONDS(40)));
    else
        nemesis_moment(replica);
}

static int64_t far_back_draw(void)
{
    return -chance_between(MINUTES(90), MINUTES(60 * 30));
}

static void database_clock_set(int64_t step)
{
    virtual_database_offset += step;
    trace_say("the database's clock steps by %.3f s", (double)step / 1000);
}

static void database_clock_step(void)
{
    int64_t step = -chance_between(1, SECONDS(5));
    if (chance_of(500)) {
        step = chance_between(0, forward_left < SECONDS(90) ? forward_left : SECONDS(90));
        forward_left -= step;
    } else if (!went_back && chance_of(400)) {
        went_back = true;
        step = far_back_draw();
    }
    database_clock_set(step);
}

/* What a walk has seen lies in a time to come then, and people ask for more meanwhile. */
static void database_clock_fall(void)
{
    if (went_back)
        return;
    went_back = true;
    database_clock_set(far_back_draw());
    clients_gather();
}

static void job_clock_step(void)
{
    int64_t step = chance_between(-MINUTES(20), MINUTES(20));
    virtual_wall_offset += step;
    trace_say("the wall clock steps by %.3f s", (double)step / 1000);
}

static void job_summon(void)
{
    static const int signals[] = {SIGUSR1, SIGUSR1, SIGHUP, SIGTERM};
    if (chance_of(300))
        job_host_crash();
    else
        job_host_signal(signals[chance_between(0, 3)]);
}

static void sql_type(void)
{
    static const char *const texts[] = {
        "DELETE FROM users WHERE id = '%s'",
        "UPDATE users SET avatar_should_be_deleted = 1 WHERE id = '%s'",
        "UPDATE users SET avatar_key = NULL, avatar_store_id = NULL, avatar_content_type = "
        "NULL, "
        "avatar_bytes = NULL, avatar_sha256 = NULL WHERE id = '%s'",
        "UPDATE users SET avatar_should_be_deleted = 0 WHERE id = '%s'",
    };
    char sql[512];
    if (ledger.user_count == 0)
        return;
    const char *id = ledger.users[chance_between(0, (int64_t)ledger.user_count - 1)].id;
    size_t which = (size_t)chance_between(0, sizeof texts / sizeof *texts - 1);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(sql, sizeof sql, texts[which], id);
#pragma GCC diagnostic pop
    database_type(sql);
}

static void nemesis_act(void *owner)
{
    (void)owner;
    struct replica *replica = replica_any();
    if (replica && may_crash() && chance_of(100))
        replica_end(replica);
    else if (replica && fault_is_on(FAULT_PAUSES) && chance_of(40))
        replica_stand_still(replica, stillness_draw());
    if (fault_is_on(FAULT_DATABASE_CLOCK) && chance_of(80))
        database_clock_step();
    if (fault_is_on(FAULT_JOB_CLOCK) && chance_of(50))
        job_clock_step();
    if (fault_is_on(FAULT_JOB_SIGNALS) && chance_of(50))
        job_summon();
    if (fault_is_on(FAULT_SQL) && chance_of(100))
        sql_type();
    if (virtual_now() < faults_end())
        agenda_add(chance_between(1, 1500), nemesis_act, NULL);
}

void nemesis_begin(void)
{
    forward_left = FORWARD_MS;
    went_back = false;
    agenda_add(chance_between(1, 1000), nemesis_act, NULL);
}
