#include "programs/restored.h"

#include "base/clock.h"
#include "base/log.h"
#include "programs/receipts_check.h"

#include <errno.h>
#include <inttypes.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Changes that are waited for together: most of them share a transaction. */
#define BATCH 256

/* However much there is to do: each sign of life holds for so long, and comes every so often.
 */
#define SIGN_HOLDS_MS 120000
#define SIGN_STEP_MS  1000

/* What the supervisor shows meanwhile. */
#define VERIFYING "verifying the export; receipts read"
#define ERASING   "erasing again who was erased; receipts dealt with"

struct restored {
    const char *path;        /* for words; the options' */
    char id[UUID_TEXT_SIZE]; /* of this process, beside others that restore */
    FILE *file;              /* read twice, and never held whole */
    char database_id[UUID_TEXT_SIZE];
    int64_t records;

    const struct notify *notify;
    int64_t told_at; /* the last sign of life; 0: none yet */
};

/* What is done, one after the other, by threads that are there already. */
struct work {
    struct restored *restored;
    struct repository *repository;
    struct files *const *files; /* the first, then the older ones */
    size_t store_count;
    int64_t timeout_ms;
    sem_t done;
    struct repository_op *batch;
    size_t batched;
    int64_t records, persons, images;
};

/* Whoever started us would end us if this took longer than a start does. */
static void alive_tell(struct restored *restored, const char *doing, int64_t number)
{
    char state[160];
    restored->told_at = clock_boot_ms();
    snprintf(state, sizeof state, "EXTEND_TIMEOUT_USEC=%" PRId64 "\nSTATUS=%s: %" PRId64,
             (int64_t)SIGN_HOLDS_MS * 1000, doing, number);
    notify_tell(restored->notify, state);
}

static bool alive_is_due(const struct restored *restored)
{
    return clock_boot_ms() - restored->told_at >= SIGN_STEP_MS;
}

static int record_count(void *owner, const struct receipt_record *record, struct error *error)
{
    struct restored *restored = owner;
    (void)record;
    (void)error;
    restored->records++;
    if (alive_is_due(restored))
        alive_tell(restored, VERIFYING, restored->records);
    return 0;
}

/* A pipe could not be read again. */
static int export_open(struct restored *restored, struct error *error)
{
    struct stat about;
    restored->file = fopen(restored->path, "re");
    if (!restored->file || fstat(fileno(restored->file), &about) < 0)
        return error_set_errno(error, ERROR_CONFIG, errno, "cannot read %s", restored->path);
    return S_ISREG(about.st_mode)
               ? 0
               : error_set(error, ERROR_CONFIG, "%s is no file", restored->path);
}

static int export_verify(struct restored *restored, struct error *error)
{
    struct receipts_check check;
    if (receipts_check_init(&check) < 0)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the receipts");
    check.record = record_count;
    check.owner = restored;
    alive_tell(restored, VERIFYING, 0);
    int failed = receipts_check_stream(&check, restored->file, restored->path, error);
    memcpy(restored->database_id, check.database_id, sizeof restored->database_id);
    receipts_check_deinit(&check);
    return failed;
}

int restored_open(const char *export_path, const struct notify *notify,
                  struct restored **ret_restored, struct error *error)
{
    struct restored *restored = calloc(1, sizeof *restored);
    if (!restored)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the receipts");
    restored->path = export_path;
    uuid_generate(restored->id);
    restored->notify = notify;
    int failed = export_open(restored, error) < 0 || export_verify(restored, error) < 0;
    if (failed)
        restored_close(restored);
    else
        *ret_restored = restored;
    return failed ? -1 : 0;
}

void restored_close(struct restored *restored)
{
    if (!restored)
        return;
    if (restored->file)
        fclose(restored->file);
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
    if (files_answer_is_ok(&op.answer) &&
        strcmp(op.identity.database_id, repository_database_id(work->repository)) != 0)
        return error_set(error, ERROR_CONFIG,
                         "--restored: the file store belongs to another database, %s: give the "
                         "one that this database was used with",
                         op.identity.database_id);
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

/* All that were put together, and all of them at once. */
static int batch_write(struct work *work, struct error *error)
{
    int failed = 0;
    for (size_t i = 0; i < work->batched; i++)
        repository_submit_always(work->repository, &work->batch[i]);
    for (size_t i = 0; i < work->batched; i++)
        done_await(work);
    for (size_t i = 0; i < work->batched; i++) {
        struct repository_op *op = &work->batch[i];
        if (op->outcome == REPOSITORY_FAILED && !failed)
            failed = error_set(error, ERROR_UNAVAILABLE, "%s", op->error.text);
        repository_op_deinit(op);
    }
    work->batched = 0;
    return failed;
}

/*
 * Is it still there? An image goes if it is the one that was erased; whoever has a newer one
 * keeps it. A person that is marked is work on record already.
 */
static int record_is_back(struct work *work, const struct receipt_record *record,
                          struct error *error)
{
    struct repository_op read = {.verb = USER_GET};
    if (!*record->user_id)
        return 0;
    memcpy(read.id, record->user_id, sizeof read.id);
    repository_read(work->repository, &read);
    if (read.outcome == REPOSITORY_FAILED)
        return error_set(error, ERROR_UNAVAILABLE, "%s", read.error.text);
    return read.outcome == REPOSITORY_OK &&
           (record->is_person || strcmp(read.user.avatar.key, record->key) == 0);
}

static int record_erase(void *owner, const struct receipt_record *record, struct error *error)
{
    struct work *work = owner;
    work->records++;
    if (alive_is_due(work->restored))
        alive_tell(work->restored, ERASING, work->records);
    int is_back = record_is_back(work, record, error);
    if (is_back <= 0)
        return is_back;
    *(record->is_person ? &work->persons : &work->images) += 1;
    struct repository_op *op = &work->batch[work->batched++];
    *op = (struct repository_op){.verb = record->is_person ? USER_MARK : AVATAR_CLEAR,
                                 .done = row_done,
                                 .owner = &work->done};
    memcpy(op->id, record->user_id, sizeof op->id);
    /* Another replica may be up by now, and have taken a newer one. */
    if (!record->is_person)
        snprintf(op->if_key, sizeof op->if_key, "%s", record->key);
    return work->batched == BATCH ? batch_write(work, error) : 0;
}

/* The export was verified, and is again: nobody may have changed it meanwhile. */
static int all_erase(struct work *work, struct error *error)
{
    struct restored *restored = work->restored;
    struct receipts_check check;
    work->batch = calloc(BATCH, sizeof *work->batch);
    if (!work->batch || receipts_check_init(&check) < 0) {
        free(work->batch);
        return error_set(error, ERROR_NO_MEMORY, "no memory for the receipts");
    }
    check.record = record_erase;
    check.owner = work;
    rewind(restored->file);
    alive_tell(restored, ERASING, 0);
    int failed = receipts_check_stream(&check, restored->file, restored->path, error) < 0 ||
                 batch_write(work, error) < 0;
    alive_tell(restored, ERASING, work->records);
    receipts_check_deinit(&check);
    free(work->batch);
    return failed ? -1 : 0;
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
        if (alive_is_due(work->restored))
            alive_tell(work->restored, ERASING, work->records);
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

/* That it is under way, or is not any more, goes on record, as this process's word alone. */
static int mark_write(struct work *work, enum repository_verb verb, struct error *error)
{
    struct repository_op op = {.verb = verb};
    memcpy(op.id, work->restored->id, sizeof op.id);
    return row_write(work, &op, error);
}

/* Who was erased is, and the store's epochs are the database's; audited unless all was well. */
static int database_mend(struct work *work, const struct repository_op *meet,
                         struct error *error)
{
    struct files_identity ahead;
    int64_t known;
    int found = epoch_find(work, meet, &known, &ahead, error);
    if (found < 0 || all_erase(work, error) < 0)
        return -1;
    if (!found && !work->persons && !work->images && !meet->more) {
        log_info("--restored has nothing to do: nobody in the export is left, and the file "
                 "store never saw the database further");
        return 0;
    }
    return audit_begin(work, error) < 0 ? -1 : epochs_take(work, known, found, &ahead, error);
}

/*
 * Who is in the export is erased whatever the store has: a backup of a running service is of
 * the epoch that went on. That it was begun is on record from before the first change until
 * after the last: cut off in between, the next start is refused, whether the store answers and
 * saw more or not, and the word is repeated.
 */
static int work_run(struct work *work, struct error *error)
{
    struct repository_op meet = {.verb = EPOCH_MEET, .since = -1};
    if (row_write(work, &meet, error) < 0)
        return -1;
    if (strcmp(work->restored->database_id, repository_database_id(work->repository)) != 0)
        return error_set(error, ERROR_CONFIG, "--restored: the export is of another database");
    return mark_write(work, RESTORE_BEGIN, error) < 0 ||
                   database_mend(work, &meet, error) < 0 ||
                   mark_write(work, RESTORE_END, error) < 0
               ? -1
               : 0;
}

int restored_run(struct restored *restored, struct repository *repository,
                 struct files *const *files, size_t store_count, int64_t timeout_ms,
                 struct error *error)
{
    struct work work = {.restored = restored,
                        .repository = repository,
                        .files = files,
                        .store_count = store_count,
                        .timeout_ms = timeout_ms};
    sem_init(&work.done, 0, 0);
    int failed = work_run(&work, error);
    sem_destroy(&work.done);
    notify_tell(restored->notify, "STATUS=");
    return failed;
}

int restored_check(struct repository *repository, struct error *error)
{
    struct work work = {.repository = repository};
    struct repository_op meet = {.verb = EPOCH_MEET, .since = -1};
    sem_init(&work.done, 0, 0);
    int failed = row_write(&work, &meet, error);
    sem_destroy(&work.done);
    if (failed || !meet.more)
        return failed;
    return error_set(error, ERROR_CONFIG,
                     "this database was restored from a backup, and what --restored began was "
                     "cut off: start with --restored EXPORT again, so that who was erased "
                     "since is erased again");
}
