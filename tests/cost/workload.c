/*
 * A fixed piece of work, for counting what it costs: `workload NAME FOLDER COUNT [FILE]`. It
 * runs in one thread and draws nothing by chance, so that two runs cost the same.
 */
#include "handlers/user_json.h"
#include "images/image.h"
#include "job/next.h"
#include "repository/sqlite/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH    64
#define STORE    "01900000-0000-7000-8000-0000000000f1"
#define LEASE_MS 60000
#define FILE_MAX (1 << 20)

struct work {
    const char *folder;
    int64_t count;
    const char *file;
};

static void fail(const char *what)
{
    fprintf(stderr, "workload: %s\n", what);
    exit(EXIT_FAILURE);
}

static struct repository_driver *database_open(const struct work *work)
{
    struct repository_driver *driver;
    struct error error = {0};
    char path[512];
    snprintf(path, sizeof path, "%s/users.db", work->folder);
    if (repository_sqlite_open(path, 1, &driver, &error) < 0)
        fail(error.text);
    return driver;
}

static void apply(struct repository_driver *driver, struct repository_op *ops, size_t count)
{
    struct repository_op *chosen[BATCH];
    for (size_t i = 0; i < count; i++)
        chosen[i] = &ops[i];
    driver->apply(driver, chosen, count);
    for (size_t i = 0; i < count; i++) {
        if (ops[i].outcome != REPOSITORY_OK && ops[i].outcome != REPOSITORY_PENDING)
            fail(ops[i].error.text);
    }
}

/* Fills operations by `fill`, and carries them out a batch at a time. */
static void apply_many(struct repository_driver *driver, int64_t count,
                       void (*fill)(struct repository_op *op, int64_t number))
{
    static struct repository_op ops[BATCH];
    for (int64_t done = 0; done < count;) {
        size_t some = count - done < BATCH ? (size_t)(count - done) : BATCH;
        for (size_t i = 0; i < some; i++) {
            ops[i] = (struct repository_op){0};
            fill(&ops[i], done++);
        }
        apply(driver, ops, some);
        for (size_t i = 0; i < some; i++)
            repository_op_deinit(&ops[i]);
    }
}

static void user_fill(struct repository_op *op, int64_t number)
{
    op->verb = USER_ADD;
    snprintf(op->user.id, sizeof op->user.id, "01900000-0000-7000-8000-0000%08x",
             (unsigned)number);
    snprintf(op->user.first_name, sizeof op->user.first_name, "Ada");
    snprintf(op->user.last_name, sizeof op->user.last_name, "Lovelace");
    snprintf(op->user.user_name, sizeof op->user.user_name, "ada");
    snprintf(op->user.email, sizeof op->user.email, "ada@example.org");
}

static void users_create(const struct work *work)
{
    struct repository_driver *driver = database_open(work);
    apply_many(driver, work->count, user_fill);
    driver->close(driver);
}

static void avatar_fill(struct repository_op *op, int64_t number)
{
    snprintf(op->key, sizeof op->key, "avatars/%08x", (unsigned)number);
    snprintf(op->store_id, sizeof op->store_id, STORE);
}

/* An upload's guard, for a user who is not there yet. */
static void guard_fill(struct repository_op *op, int64_t number)
{
    op->verb = GUARD_ADD;
    op->guard_ms = 15 * LEASE_MS;
    avatar_fill(op, number);
}

static void user_with_avatar_fill(struct repository_op *op, int64_t number)
{
    user_fill(op, number);
    op->guard_ms = 15 * LEASE_MS;
    avatar_fill(op, number);
    memcpy(op->user.avatar.key, op->key, sizeof op->key);
    memcpy(op->user.avatar.store_id, op->store_id, sizeof op->store_id);
}

static void mark_fill(struct repository_op *op, int64_t number)
{
    struct repository_op user = {0};
    user_fill(&user, number);
    op->verb = USER_MARK;
    memcpy(op->id, user.user.id, sizeof op->id);
}

static void users_come_and_go(struct repository_driver *driver, int64_t count)
{
    apply_many(driver, count, guard_fill);
    apply_many(driver, count, user_with_avatar_fill);
    apply_many(driver, count, mark_fill);
}

/* Users with avatars, from the guard of the upload until the erasure that was asked for. */
static void users_mark(const struct work *work)
{
    struct repository_driver *driver = database_open(work);
    users_come_and_go(driver, work->count);
    driver->close(driver);
}

/* Of a batch of users, as often as it takes: from the id to the text of the reply. */
static void users_read(const struct work *work)
{
    struct repository_driver *driver = database_open(work);
    apply_many(driver, BATCH, user_fill);
    for (int64_t i = 0; i < work->count; i++) {
        struct repository_op wanted = {0}, op = {.verb = USER_GET};
        user_fill(&wanted, i % BATCH);
        memcpy(op.id, wanted.user.id, sizeof op.id);
        driver->read(driver, &op);
        char *text = op.outcome == REPOSITORY_OK ? user_json_print(&op.user) : NULL;
        if (!text)
            fail("a user was not read");
        free(text);
    }
    driver->close(driver);
}

static void claimed_confirm(struct repository_driver *driver, const struct deletions *claimed)
{
    static struct confirmation items[BATCH];
    struct repository_op op = {.verb = DELETIONS_CONFIRM,
                               .confirm = {.items = items, .count = claimed->count}};
    for (size_t i = 0; i < claimed->count; i++)
        items[i] = (struct confirmation){
            .row = &claimed->rows[i], .outcome = CONFIRM_DONE, .spend = true, .status = 204};
    apply(driver, &op, 1);
}

/* Marked users, and what the engine does to such a backlog, but for the store's answer. */
static void deletions_drain(const struct work *work)
{
    struct repository_driver *driver = database_open(work);
    users_come_and_go(driver, work->count);
    for (int64_t done = 0; done < work->count;) {
        struct repository_op op = {
            .verb = DELETIONS_CLAIM,
            .claim = {.kind = CLAIM_DUE, .limit = BATCH, .lease_ms = LEASE_MS}};
        apply(driver, &op, 1);
        if (op.claim.claimed.count == 0)
            fail("nothing was claimed");
        claimed_confirm(driver, &op.claim.claimed);
        done += (int64_t)op.claim.claimed.count;
        repository_op_deinit(&op);
    }
    driver->close(driver);
}

static void image_clean_often(const struct work *work)
{
    static unsigned char whole[FILE_MAX], bytes[FILE_MAX];
    FILE *file = fopen(work->file, "rb");
    if (!file)
        fail("no such image");
    size_t length = fread(whole, 1, sizeof whole, file);
    fclose(file);
    for (int64_t i = 0; i < work->count; i++) {
        struct image image;
        size_t kept = length;
        memcpy(bytes, whole, length);
        if (image_clean(bytes, &kept, &image) != IMAGE_CLEAN)
            fail("the image is not clean");
    }
}

static void schedule_follow(const struct work *work)
{
    struct schedule schedule;
    struct error error = {0};
    struct zone *zone;
    int64_t instant = 1700000000;
    if (zone_open("Europe/Berlin", &zone, &error) < 0 ||
        schedule_parse("30 2 * * 1-5", &schedule, &error) < 0)
        fail(error.text);
    for (int64_t i = 0; i < work->count; i++) {
        if (next_instant(&schedule, zone, instant, &instant) < 0)
            fail("the schedule never fires");
    }
    zone_close(zone);
}

static const struct {
    const char *name;
    void (*run)(const struct work *work);
} workloads[] = {
    {"create", users_create}, {"mark", users_mark},         {"drain", deletions_drain},
    {"read", users_read},     {"image", image_clean_often}, {"schedule", schedule_follow},
};

int main(int argc, char **argv)
{
    if (argc < 4)
        fail("usage: workload NAME FOLDER COUNT [FILE]");
    struct work work = {
        .folder = argv[2], .count = strtoll(argv[3], NULL, 10), .file = argv[4]};
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++) {
        if (strcmp(argv[1], workloads[i].name) == 0) {
            workloads[i].run(&work);
            return 0;
        }
    }
    fail("no such workload");
    return EXIT_FAILURE;
}
