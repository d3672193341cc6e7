#include "handlers/receipts.h"

#include "config/options.h"
#include "handlers/service.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Records without a seal in one answer. */
#define TAIL_ITEMS 500

/* "SEAL", or behind the last seal "SEAL-RECEIPT-ERASED". */
#define CURSOR_SIZE 64

static json_t *object_encode(const struct receipt_record *record)
{
    return json_pack("{s:I, s:s, s:s, s:o, s:s, s:s, s:I, s:I, s:o, s:o}", "receipt",
                     (json_int_t)record->id, "key", record->key, "store", record->store_id,
                     "user", service_text(record->user_id), "reason", record->reason, "kind",
                     record->kind, "attempts", (json_int_t)record->attempts, "status",
                     (json_int_t)record->status, "requestedAt",
                     service_instant(record->requested_at), "finishedAt",
                     service_instant(record->finished_at));
}

static json_t *record_encode(const struct receipt_record *record)
{
    if (!record->is_person)
        return object_encode(record);
    return json_pack("{s:I, s:s, s:o, s:o}", "erased", (json_int_t)record->id, "user",
                     record->user_id, "requestedAt", service_instant(record->requested_at),
                     "deletedAt", service_instant(record->finished_at));
}

static json_t *seal_encode(const struct receipt_seal *seal, const char *database_id)
{
    return json_pack(
        "{s:I, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:s, s:b}", "seal",
        (json_int_t)seal->number, "database", database_id, "sealedAt",
        service_instant(seal->sealed_at), "receiptsAfter", (json_int_t)seal->objects.after,
        "receiptsLast", (json_int_t)seal->objects.last, "receipts",
        (json_int_t)seal->objects.count, "erasedAfter", (json_int_t)seal->persons.after,
        "erasedLast", (json_int_t)seal->persons.last, "erased", (json_int_t)seal->persons.count,
        "content", seal->content, "previous", seal->previous, "digest", seal->digest, "pruned",
        seal->pruned_at != 0);
}

static bool number_take(const char **text, int64_t *ret_number)
{
    char digits[24];
    size_t length = strspn(*text, "0123456789");
    if (length == 0 || length >= sizeof digits)
        return false;
    memcpy(digits, *text, length);
    digits[length] = '\0';
    *text += length;
    return number_parse(digits, ret_number) == 0 && *ret_number < INT64_MAX;
}

static bool dash_take(const char **text)
{
    bool found = **text == '-';
    *text += found;
    return found;
}

static bool cursor_parse(const char *text, struct repository_op *op)
{
    if (!number_take(&text, &op->seal))
        return false;
    if (*text && !(dash_take(&text) && number_take(&text, &op->after_receipt) &&
                   dash_take(&text) && number_take(&text, &op->after_user)))
        return false;
    return !*text;
}

/* Where the next page goes on; null if there is none. */
static json_t *cursor_encode(const struct repository_op *op)
{
    char cursor[CURSOR_SIZE];
    const struct receipt_page *page = &op->receipts;
    if (page->seal.number) {
        snprintf(cursor, sizeof cursor, "%" PRId64, page->seal.number);
        return json_string(cursor);
    }
    if (!op->more)
        return json_null();
    int64_t receipt = op->after_receipt, user = op->after_user;
    for (size_t i = 0; i < page->count; i++)
        *(page->records[i].is_person ? &user : &receipt) = page->records[i].id;
    snprintf(cursor, sizeof cursor, "%" PRId64 "-%" PRId64 "-%" PRId64, op->seal, receipt,
             user);
    return json_string(cursor);
}

static json_t *page_encode(const struct repository_op *op, const char *database_id)
{
    const struct receipt_page *page = &op->receipts;
    json_t *items = json_array();
    int failed = items ? 0 : -1;
    for (size_t i = 0; i < page->count && !failed; i++)
        failed = json_array_append_new(items, record_encode(&page->records[i]));
    if (page->seal.number && !failed)
        failed = json_array_append_new(items, seal_encode(&page->seal, database_id));
    if (failed) {
        json_decref(items);
        return NULL;
    }
    return json_pack("{s:s, s:o, s:o}", "databaseId", database_id, "items", items, "next",
                     cursor_encode(op));
}

void receipts_get(struct request *request)
{
    struct service *service = request_context(request);
    struct repository_op op = {.verb = RECEIPTS_READ, .limit = TAIL_ITEMS};
    const char *cursor = request_query(request, "cursor");
    if (request_refuse_unknown_query(request, (const char *const[]){"cursor", NULL}))
        return;
    if (cursor && !cursor_parse(cursor, &op)) {
        request_reply_error(request, 400, "cursor must be the \"next\" of the answer before");
        return;
    }
    runtime_read(service->runtime, &op);
    if (op.outcome == REPOSITORY_OK && op.receipts.count && !op.receipts.seal.number)
        sealer_nudge(service->sealer);
    if (op.outcome == REPOSITORY_OK)
        request_reply_data(request, 200,
                           page_encode(&op, runtime_database_id(service->runtime)));
    else
        request_reply_unavailable(request, "the database cannot be read now; try again");
    repository_op_deinit(&op);
}

static void op_free(void *state)
{
    repository_op_deinit(state);
    free(state);
}

static void op_done(struct repository_op *op)
{
    request_resume(op->owner);
}

static void receipts_delete_end(struct request *request)
{
    const struct repository_op *op = request_state(request);
    switch (op->outcome) {
    case REPOSITORY_OK:
        request_reply_data(request, 200, json_pack("{s:I}", "pruned", (json_int_t)op->matched));
        return;
    case REPOSITORY_NOT_FOUND:
        request_reply_error(request, 404, "there is no such seal");
        return;
    case REPOSITORY_CONFLICT:
        request_reply_error(request, 409,
                            "the seal has another digest than the one exported, is younger "
                            "than a day, or is the last one, from which the chain goes on");
        return;
    default:
        request_reply_unavailable(request, "the database cannot be written to now; try again");
    }
}

static bool prune_query_read(struct request *request, struct repository_op *op)
{
    const char *seal = request_query(request, "seal");
    const char *digest = request_query(request, "digest");
    if (request_refuse_unknown_query(request, (const char *const[]){"seal", "digest", NULL}))
        return false;
    if (!seal || number_parse(seal, &op->seal) < 0 || op->seal < 1 || op->seal == INT64_MAX ||
        !digest || strlen(digest) != sizeof op->digest - 1) {
        request_reply_error(request, 400,
                            "give the seal's number as seal and its 64 digits as digest");
        return false;
    }
    memcpy(op->digest, digest, sizeof op->digest);
    return true;
}

void receipts_delete(struct request *request)
{
    struct service *service = request_context(request);
    struct repository_op *op = calloc(1, sizeof *op);
    if (!op) {
        request_reply_error(request, 500, "out of memory; try again");
        return;
    }
    *op = (struct repository_op){.verb = RECEIPTS_PRUNE, .done = op_done, .owner = request};
    request_keep(request, op, op_free);
    if (!prune_query_read(request, op))
        return;
    request_suspend(request, receipts_delete_end);
    if (!runtime_write(service->runtime, op)) {
        op->outcome = REPOSITORY_FAILED;
        request_resume(request);
    }
}
