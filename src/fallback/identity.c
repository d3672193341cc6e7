#include "fallback/identity.h"

#include "fallback/verdict.h"

#include <string.h>

static enum identity_step check_end(struct identity_check *check, enum identity_verdict verdict)
{
    check->verdict = verdict;
    check->was_good |= verdict == IDENTITY_GOOD;
    return IDENTITY_STEP_END;
}

static enum identity_step files_step(struct identity_check *check, enum files_verb verb,
                                     int64_t now)
{
    check->files.verb = verb;
    check->files.deadline_ms = now + check->timeout_ms;
    memset(&check->files.answer, 0, sizeof check->files.answer);
    return IDENTITY_STEP_FILES;
}

enum identity_step identity_check_begin(struct identity_check *check, int64_t now)
{
    check->stage = CHECK_READING;
    check->error = (struct error){0};
    check->by_answer = false;
    check->ahead = 0;
    check->files.identity = (struct files_identity){0};
    return files_step(check, FILES_IDENTITY_READ, now);
}

/* The provider's answer was no identity: is it silent, or is it a refusal? */
static enum identity_step answer_refuse(struct identity_check *check)
{
    const struct files_answer *answer = &check->files.answer;
    bool silent = verdict_of_delete(answer) == VERDICT_RETRY;
    char class[FILES_CODE_SIZE];
    verdict_class_name(answer, class, sizeof class);
    error_set(&check->error, silent ? ERROR_UNAVAILABLE : ERROR_CONFIG,
              "the file store %s (%s%s%s)",
              silent ? "does not answer" : "refuses: check --files and its credentials", class,
              *answer->text ? ": " : "", answer->text);
    check->by_answer = !silent;
    return check_end(check, silent ? IDENTITY_UNANSWERED : IDENTITY_REFUSED);
}

/* Takes the store for this database's, on record. */
static enum identity_step store_adopt(struct identity_check *check)
{
    check->stage = CHECK_ADOPTING;
    check->repository.verb = STORE_ADOPT;
    memcpy(check->repository.id, check->store_id, UUID_TEXT_SIZE);
    memcpy(check->repository.store_id, check->files.identity.store_id, UUID_TEXT_SIZE);
    return IDENTITY_STEP_REPOSITORY;
}

static bool older_is_awaited(const struct identity_check *check)
{
    return check->move == IDENTITY_MOVE_WAITS && !check->was_good;
}

/* Before the older stores are known nobody can tell a move from a mistake. */
static enum identity_step older_await(struct identity_check *check)
{
    error_set(&check->error, ERROR_UNAVAILABLE,
              "this store takes over from store %s once that has answered: see --files-also",
              check->store_id);
    return check_end(check, IDENTITY_UNANSWERED);
}

/* Asks the database for its last epoch; `since` as EPOCH_MEET. */
static enum identity_step epoch_meet(struct identity_check *check, enum check_stage stage,
                                     int64_t since)
{
    check->stage = stage;
    check->repository.verb = EPOCH_MEET;
    check->repository.since = since;
    memcpy(check->repository.id, check->fresh_nonce, UUID_TEXT_SIZE);
    return IDENTITY_STEP_REPOSITORY;
}

static enum identity_step store_is_ours(struct identity_check *check)
{
    if (check->epochs == EPOCHS_SETTLED)
        return check_end(check, IDENTITY_GOOD);
    return epoch_meet(check, CHECK_EPOCH_MEETING, -1);
}

static enum identity_step epoch_settle(struct identity_check *check)
{
    check->epochs = EPOCHS_SETTLED;
    check->untold = false;
    return check_end(check, IDENTITY_GOOD);
}

static enum identity_step epoch_refuse(struct identity_check *check, int64_t number)
{
    error_set(
        &check->error, ERROR_CONFIG,
        "the file store saw this database at epoch %lld (%s), of which the database knows "
        "nothing: it was restored from a backup, or is a copy of another that is in use. "
        "Restored: start with --restored EXPORT, so that who was erased since is erased "
        "again. A copy: give it a store of its own",
        (long long)number, check->files.identity.nonce);
    return check_end(check, IDENTITY_REFUSED);
}

/* Reads or makes the object of an epoch, as the database knows it. */
static enum identity_step epoch_tell(struct identity_check *check, enum check_stage stage,
                                     int64_t now)
{
    struct files_identity *identity = &check->files.identity;
    check->stage = stage;
    check->epoch = check->repository.matched;
    identity->epoch = check->epoch;
    memcpy(identity->store_id, check->store_id, UUID_TEXT_SIZE);
    memcpy(identity->database_id, check->database_id, UUID_TEXT_SIZE);
    memcpy(identity->nonce, check->repository.store_id, UUID_TEXT_SIZE);
    return files_step(check, FILES_IDENTITY_CREATE, now);
}

/* What the store has for the database's last epoch, is it this database's? */
static bool epoch_is_ours(const struct identity_check *check)
{
    return strcmp(check->files.identity.nonce, check->repository.store_id) == 0;
}

static enum identity_step epoch_look_ahead(struct identity_check *check, int64_t now)
{
    /* Another process of this database may have raised it just now: then it knows by now. */
    if (check->ahead && check->ahead > check->repository.matched)
        return epoch_refuse(check, check->ahead);
    check->stage = CHECK_EPOCH_AHEAD;
    check->files.identity = (struct files_identity){.epoch = check->repository.matched + 1};
    return files_step(check, FILES_IDENTITY_READ, now);
}

static enum identity_step epoch_judge_ahead(struct identity_check *check, int64_t now)
{
    const struct files_answer *answer = &check->files.answer;
    if (files_answer_is_ok(answer)) {
        check->ahead = check->repository.matched + 1;
        return epoch_meet(check, CHECK_EPOCH_MEETING, -1);
    }
    if (answer->status != 404 || strcmp(answer->code, "NoSuchBucket") == 0)
        return answer_refuse(check);
    /* An older store is told of none: it has those from when it was the first. */
    if (check->repository.matched && !check->older)
        return epoch_tell(check, CHECK_EPOCH_OWN, now);
    return check->epochs == EPOCHS_RAISE ? epoch_meet(check, CHECK_EPOCH_RAISING, 0)
                                         : epoch_settle(check);
}

/*
 * A store that is full, or takes nothing from us there, is ours all the same, and what is to be
 * deleted makes room. So the epoch stays as it is, and the next look tries again.
 */
static enum identity_step epoch_leave_untold(struct identity_check *check)
{
    const struct files_answer *answer = &check->files.answer;
    bool absent = answer->status == 404 && strcmp(answer->code, "NoSuchBucket") != 0;
    if (!absent && !files_answer_is_ok(answer))
        return answer_refuse(check);
    if (!absent && !epoch_is_ours(check))
        return epoch_refuse(check, check->epoch);
    check->untold = absent;
    return check_end(check, IDENTITY_GOOD);
}

/* The store knows it now, if a crash had kept it from that; it must know the same. */
static enum identity_step epoch_told(struct identity_check *check, int64_t now)
{
    const struct files_answer *answer = &check->files.answer;
    /* Another process is at it, and has not come to its end. */
    if (answer->status == 404 && strcmp(answer->code, "NoSuchBucket") != 0) {
        error_set(&check->error, ERROR_UNAVAILABLE, "the store does not know its epoch yet");
        return check_end(check, IDENTITY_UNANSWERED);
    }
    if (!files_answer_is_ok(answer) && answer->status != 412) {
        check->stage = CHECK_EPOCH_UNTOLD;
        check->files.identity = (struct files_identity){.epoch = check->epoch};
        return files_step(check, FILES_IDENTITY_READ, now);
    }
    if (!epoch_is_ours(check))
        return epoch_refuse(check, check->epoch);
    if (check->stage == CHECK_EPOCH_OWN && check->epochs == EPOCHS_RAISE)
        return epoch_meet(check, CHECK_EPOCH_RAISING, check->epoch);
    return epoch_settle(check);
}

static enum identity_step epoch_next(struct identity_check *check, int64_t now)
{
    bool wrote = check->stage == CHECK_EPOCH_MEETING || check->stage == CHECK_EPOCH_RAISING;
    if (wrote && check->repository.outcome != REPOSITORY_OK) {
        error_set(&check->error, ERROR_UNAVAILABLE, "the database's epoch cannot be read: %s",
                  check->repository.error.text);
        return check_end(check, IDENTITY_UNANSWERED);
    }
    switch (check->stage) {
    case CHECK_EPOCH_MEETING:
        return epoch_look_ahead(check, now);
    case CHECK_EPOCH_AHEAD:
        return epoch_judge_ahead(check, now);
    case CHECK_EPOCH_RAISING:
        return epoch_tell(check, CHECK_EPOCH_TELLING, now);
    case CHECK_EPOCH_UNTOLD:
        return epoch_leave_untold(check);
    default:
        return epoch_told(check, now);
    }
}

static enum identity_step identity_compare(struct identity_check *check)
{
    const struct files_identity *found = &check->files.identity;
    if (strcmp(found->database_id, check->database_id) != 0) {
        error_set(&check->error, ERROR_CONFIG,
                  "the file store belongs to another database (its %s names %s, this is %s): "
                  "give each database a bucket, prefix or folder of its own",
                  FILES_IDENTITY_KEY, found->database_id, check->database_id);
        return check_end(check, IDENTITY_REFUSED);
    }
    if (check->older && *check->store_id && strcmp(found->store_id, check->store_id) != 0) {
        error_set(&check->error, ERROR_CONFIG,
                  "a store of --files-also is another one (%s) than it was (%s)",
                  found->store_id, check->store_id);
        return check_end(check, IDENTITY_REFUSED);
    }
    if (check->older) {
        memcpy(check->store_id, found->store_id, UUID_TEXT_SIZE);
        return store_is_ours(check);
    }
    bool is_known = strcmp(found->store_id, check->store_id) == 0;
    if (!*check->store_id || (!is_known && check->move == IDENTITY_MOVE_GIVEN))
        return store_adopt(check);
    if (!is_known && older_is_awaited(check))
        return older_await(check);
    if (!is_known) {
        error_set(&check->error, ERROR_CONFIG,
                  "this is another store (%s) than the one with this database's files (%s): "
                  "point --files at that one, or give it with --files-also",
                  found->store_id, check->store_id);
        return check_end(check, IDENTITY_REFUSED);
    }
    return store_is_ours(check);
}

static enum identity_step reading_next(struct identity_check *check, int64_t now)
{
    const struct files_answer *answer = &check->files.answer;
    if (files_answer_is_ok(answer))
        return identity_compare(check);
    bool absent = answer->status == 404 && strcmp(answer->code, "NoSuchBucket") != 0;
    if (!absent)
        return answer_refuse(check);
    if (check->older) {
        error_set(&check->error, ERROR_CONFIG,
                  "a store of --files-also has no %s: it never held files of this database",
                  FILES_IDENTITY_KEY);
        return check_end(check, IDENTITY_REFUSED);
    }
    if (*check->store_id && older_is_awaited(check))
        return older_await(check);
    if (*check->store_id && check->move != IDENTITY_MOVE_GIVEN) {
        error_set(&check->error, ERROR_CONFIG,
                  "the file store has no %s, but this database's files are in store %s: "
                  "this is the wrong bucket, prefix or folder",
                  FILES_IDENTITY_KEY, check->store_id);
        return check_end(check, IDENTITY_REFUSED);
    }
    check->stage = CHECK_CREATING;
    memcpy(check->files.identity.store_id, check->fresh_store_id, UUID_TEXT_SIZE);
    memcpy(check->files.identity.database_id, check->database_id, UUID_TEXT_SIZE);
    return files_step(check, FILES_IDENTITY_CREATE, now);
}

enum identity_step identity_check_next(struct identity_check *check, int64_t now)
{
    switch (check->stage) {
    case CHECK_READING:
        return reading_next(check, now);
    case CHECK_CREATING:
        /* 412: somebody was faster; what is there now decides. */
        if (files_answer_is_ok(&check->files.answer) || check->files.answer.status == 412)
            return identity_compare(check);
        return answer_refuse(check);
    case CHECK_ADOPTING:
        break;
    default:
        return epoch_next(check, now);
    }
    if (check->repository.outcome == REPOSITORY_OK) {
        memcpy(check->store_id, check->repository.store_id, UUID_TEXT_SIZE);
        return store_is_ours(check);
    }
    error_set(&check->error, ERROR_UNAVAILABLE, "the store could not be recorded: %s",
              check->repository.outcome == REPOSITORY_FAILED ? check->repository.error.text
                                                             : "another one is known already");
    return check_end(check, check->repository.outcome == REPOSITORY_FAILED ? IDENTITY_UNANSWERED
                                                                           : IDENTITY_REFUSED);
}
