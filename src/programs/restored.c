#include "programs/restored.h"

#include "base/clock.h"
#include "base/log.h"
#include "programs/receipts_check.h"

#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

/* Who was erased, or whose image was. */
struct erased {
    bool is_person;
    char user_id[UUID_TEXT_SIZE];
    char key[RECEIPT_KEY_SIZE];
};

struct restored {
    char database_id[UUID_TEXT_SIZE];
    struct erased *rows;
    size_t count;
    bool full; /* no memory for one */
};

/* What is done, one after the other, by threads that are there already. */
struct work {
    struct repository *repository;
    struct files *const *files; /* the first, then the older ones */
    size_t store_count;
    int64_t timeout_ms;
    sem_t done;
    int64_t persons, images;
};

static void erased_note(void *owner, const struct receipt_record *record)
{
    struct restored *restored = owner;
    if (!*record->user_id || restored->full)
        return;
    if ((restored->count & (restored->count - 1)) == 0) {
        size_t capacity = restored->count ? 2 * restored->count : 1;
        struct erased *rows = reallocarray(restored->rows, capacity, sizeof *rows);
        restored->full = !rows;
        if (!rows)
            return;
        restored->rows = rows;
    }
    struct erased *row = &restored->rows[restored->count++];
    row->is_person = record->is_person;
    memcpy(row->user_id, record->user_id, sizeof row->user_id);
    memcpy(row->key, record->key, sizeof row->key);
}

int restored_load(const char *export_path, struct restored **ret_restored, struct error *error)
{
    struct receipts_check check;
    struct restored *restored = calloc(1, sizeof *restored);
    if (!restored || receipts_check_init(&check) < 0) {
        free(restored);
        return error_set(error, ERROR_NO_MEMORY, "no memory for the receipts");
    }
    check.record = erased_note;
    check.owner = restored;
    int failed = receipts_check_file(&check, export_path, error);
    memcpy(restored->database_id, check.database_id, sizeof restored->database_id);
    receipts_check_deinit(&check);
    if (!failed && restored->full)
        failed = error_set(error, ERROR_NO_MEMORY, "no memory for the receipts");
    if (failed)
        restored_free(restored);
    else
        *ret_restored = restored;
    return failed;
}

void restored_free(struct restored *restored)
{
    if (!restored)
        return;
    free(restored->rows);
    free(restored);
}

static void file_done(struct files_op *op)
{
    sem_post(op->owner);
}

static void row_done(struct repository_op *op)
{
    sem_post(op->owner);
}

static void done_await(struct work *work)
{
    while (sem_wait(&work->done) < 0)
        continue;
}

/* Carries out a writing operation; -1 if the database failed. */
static int row_write(struct work *work, struct repository_op *op, struct error *error)
{
    op->done = row_done;
    op->owner = &work->done;
    repository_submit_always(work->repository, op);
    done_await(work);
    int failed = op->outcome == REPOSITORY_FAILED
                     ? error_set(error, ERROR_UNAVAILABLE, "%s", op->error.text)
                     : 0;
    repository_op_deinit(op);
    return failed;
}

/* What a store has for an epoch: 1, or 0 if it has none; -1: it does not say. */
static int store_epoch_read(struct work *work, struct files *files, int64_t number,
                            struct files_identity *ret_identity, struct error *error)
{
    struct files_op op = {.verb = FILES_IDENTITY_READ,
                          .identity = {.epoch = number},
                          .deadline_ms = clock_boot_ms() + work->timeout_ms,
                          .done = file_done,
                          .owner = &work->done};
    files_submit_always(files, &op);
    done_await(work);
    *ret_identity = op.identity;
    if (files_answer_is_ok(&op.answer))
        return 1;
    if (op.answer.status == 404 && strcmp(op.answer.code, "NoSuchBucket") != 0)
        return 0;
    return error_set(error, ERROR_UNAVAILABLE,
                     "--restored: the file store does not say how far it saw the database");
}

/* The same of all stores: each has the epochs from when it was the first, one after another. */
static int epoch_read(struct work *work, int64_t number, struct files_identity *ret_identity,
                      struct error *error)
{
    int found = 0;
    for (size_t i = 0; i < work->store_count && found == 0; i++)
        found = store_epoch_read(work, work->files[i], number, ret_identity, error);
    return found;
}

/* An image goes if it is still the one that was erased; whoever has a newer one keeps it. */
static int image_erase(struct work *work, const struct erased *row, struct error *error)
{
    struct repository_op read = {.verb = USER_GET}, clear = {.verb = AVATAR_CLEAR};
    memcpy(read.id, row->user_id, sizeof read.id);
    repository_read(work->repository, &read);
    bool has_it = read.outcome == REPOSITORY_OK && strcmp(read.user.avatar.key, row->key) == 0;
    if (read.outcome == REPOSITORY_FAILED)
        return error_set(error, ERROR_UNAVAILABLE, "%s", read.error.text);
    if (!has_it)
        return 0;
    memcpy(clear.id, row->user_id, sizeof clear.id);
    work->images++;
    return row_write(work, &clear, error);
}

static int person_erase(struct work *work, const struct erased *row, struct error *error)
{
    struct repository_op read = {.verb = USER_GET}, mark = {.verb = USER_MARK};
    memcpy(read.id, row->user_id, sizeof read.id);
    memcpy(mark.id, row->user_id, sizeof mark.id);
    repository_read(work->repository, &read);
    work->persons += read.outcome == REPOSITORY_OK;
    return row_write(work, &mark, error);
}

static int all_erase(struct work *work, const struct restored *restored, struct error *error)
{
    for (size_t i = 0; i < restored->count; i++) {
        const struct erased *row = &restored->rows[i];
        int failed =
            row->is_person ? person_erase(work, row, error) : image_erase(work, row, error);
        if (failed)
            return -1;
    }
    return 0;
}

/*
 * What the restored database does not know is found by an audit, which only looks. One that was
 * under way in the backup, and may delete, would take just that for strays: it ends.
 */
static int audit_begin(struct work *work, struct error *error)
{
    struct audit_place place = {.share = 100};
    struct repository_op stop = {.verb = AUDIT_STOP};
    struct repository_op start = {.verb = AUDIT_START, .place = &place, .since = -1};
    uuid_generate(place.id);
    if (row_write(work, &stop, error) < 0 || row_write(work, &start, error) < 0)
        return -1;
    return start.outcome == REPOSITORY_OK
               ? 0
               : error_set(error, ERROR_UNAVAILABLE,
                           "--restored: another audit was begun meanwhile: start again");
}

/* From the one that is `known`, for as long as the store has more; `found`: it has `ahead`. */
static int epochs_take(struct work *work, int64_t known, int found,
                       struct files_identity *ahead, struct error *error)
{
    while (found > 0) {
        struct repository_op take = {.verb = EPOCH_TAKE, .since = known + 1};
        memcpy(take.id, ahead->nonce, sizeof take.id);
        if (row_write(work, &take, error) < 0)
            return -1;
        known++;
        found = epoch_read(work, known + 1, ahead, error);
    }
    if (found < 0)
        return -1;
    log_warning("this database was restored; who was erased since is erased again",
                log_number("users", work->persons), log_number("images", work->images),
                log_number("epoch", known));
    return 0;
}

/* The first epoch that the database does not share with the store: 1, 0 if there is none. */
static int epoch_find(struct work *work, const struct repository_op *meet, int64_t *ret_known,
                      struct files_identity *ret_ahead, struct error *error)
{
    int found = meet->matched ? epoch_read(work, meet->matched, ret_ahead, error) : 0;
    /* Gone on from here as another: its own last epoch is the first that it shares no more. */
    bool split = found > 0 && strcmp(ret_ahead->nonce, meet->store_id) != 0;
    *ret_known = meet->matched - split;
    return found < 0 || split ? found : epoch_read(work, *ret_known + 1, ret_ahead, error);
}

/*
 * Who is in the export is erased whatever the store has: a backup of a running service is of
 * the epoch that went on. Erases first: cut off in between, the store that saw more still
 * refuses the database at the next start.
 */
static int work_run(struct work *work, const struct restored *restored, struct error *error)
{
    struct files_identity ahead;
    struct repository_op meet = {.verb = EPOCH_MEET, .since = -1};
    int64_t known;
    if (row_write(work, &meet, error) < 0)
        return -1;
    if (strcmp(restored->database_id, repository_database_id(work->repository)) != 0)
        return error_set(error, ERROR_CONFIG, "--restored: the export is of another database");
    int found = epoch_find(work, &meet, &known, &ahead, error);
    if (found < 0 || all_erase(work, restored, error) < 0)
        return -1;
    if (!found && !work->persons && !work->images) {
        log_info("--restored has nothing to do: nobody in the export is left, and the file "
                 "store never saw the database further");
        return 0;
    }
    return audit_begin(work, error) < 0 ? -1 : epochs_take(work, known, found, &ahead, error);
}

int restored_run(const struct restored *restored, struct repository *repository,
                 struct files *const *files, size_t store_count, int64_t timeout_ms,
                 struct error *error)
{
    struct work work = {.repository = repository,
                        .files = files,
                        .store_count = store_count,
                        .timeout_ms = timeout_ms};
    sem_init(&work.done, 0, 0);
    int failed = work_run(&work, restored, error);
    sem_destroy(&work.done);
    return failed < 0 ? -1 : 0;
}
