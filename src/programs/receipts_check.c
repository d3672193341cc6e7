#include "programs/receipts_check.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FORMAT 1

int receipts_check_init(struct receipts_check *check)
{
    *check =
        (struct receipts_check){.content = receipt_hash_new(), .whole = receipt_hash_new()};
    if (check->content && check->whole)
        return 0;
    receipts_check_deinit(check);
    return -1;
}

void receipts_check_deinit(struct receipts_check *check)
{
    receipt_hash_free(check->content);
    receipt_hash_free(check->whole);
    check->content = check->whole = NULL;
}

int receipts_check_begin_line(struct receipts_check *check, const char *database_id,
                              struct buffer *line)
{
    char now[CLOCK_TEXT_SIZE];
    (void)check;
    clock_format_utc(clock_wall_ms(), now);
    return buffer_printf(line,
                         "{\"export\":\"users-service receipts\",\"format\":%d,"
                         "\"database\":\"%s\",\"exportedAt\":\"%s\"}\n",
                         FORMAT, database_id, now);
}

int receipts_check_end_line(struct receipts_check *check, struct buffer *line)
{
    char digest[RECEIPT_DIGEST_SIZE];
    if (receipt_hash_end(check->whole, digest) < 0)
        return -1;
    return buffer_printf(line,
                         "{\"end\":true,\"seals\":%" PRId64 ",\"receipts\":%" PRId64
                         ",\"erased\":%" PRId64 ",\"digest\":\"%s\"}\n",
                         check->seals, check->objects, check->persons, digest);
}

int receipts_time_parse(const char *text, int64_t *ret_ms)
{
    struct tm parts = {0};
    int milliseconds = 0, read = 0;
    int found =
        sscanf(text, "%4d-%2d-%2d%n", &parts.tm_year, &parts.tm_mon, &parts.tm_mday, &read);
    if (found != 3)
        return -1;
    if (text[read]) {
        const char *rest = text + read;
        read = 0;
        found = sscanf(rest, "T%2d:%2d:%2d.%3dZ%n", &parts.tm_hour, &parts.tm_min,
                       &parts.tm_sec, &milliseconds, &read);
        if (found != 4 || read == 0 || rest[read])
            return -1;
    }
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    *ret_ms = (int64_t)timegm(&parts) * 1000 + milliseconds;
    /* A day or an hour that there is not would be another one. */
    char again[CLOCK_TEXT_SIZE];
    clock_format_utc(*ret_ms, again);
    return strncmp(text, again, strlen(text)) == 0 ? 0 : -1;
}

/* Members of an item. Each returns false if it is missing or no such thing. */

static bool number_get(const json_t *item, const char *name, int64_t *ret_number)
{
    const json_t *value = json_object_get(item, name);
    *ret_number = (int64_t)json_integer_value(value);
    return json_is_integer(value);
}

static bool text_get(const json_t *item, const char *name, char *ret_text, size_t size)
{
    const char *text = json_string_value(json_object_get(item, name));
    if (!text || strlen(text) >= size)
        return false;
    memcpy(ret_text, text, strlen(text) + 1);
    return true;
}

static bool time_get(const json_t *item, const char *name, int64_t *ret_ms)
{
    const char *text = json_string_value(json_object_get(item, name));
    return text && receipts_time_parse(text, ret_ms) == 0;
}

static bool record_read(const json_t *item, struct receipt_record *record)
{
    *record = (struct receipt_record){.is_person = json_object_get(item, "erased") != NULL};
    bool nobody = !record->is_person && json_is_null(json_object_get(item, "user"));
    if (!number_get(item, record->is_person ? "erased" : "receipt", &record->id) ||
        !(nobody || text_get(item, "user", record->user_id, sizeof record->user_id)) ||
        !time_get(item, "requestedAt", &record->requested_at) ||
        !time_get(item, record->is_person ? "deletedAt" : "finishedAt", &record->finished_at))
        return false;
    if (record->is_person)
        return true;
    return text_get(item, "key", record->key, sizeof record->key) &&
           text_get(item, "store", record->store_id, sizeof record->store_id) &&
           text_get(item, "reason", record->reason, sizeof record->reason) &&
           text_get(item, "kind", record->kind, sizeof record->kind) &&
           number_get(item, "attempts", &record->attempts) &&
           number_get(item, "status", &record->status);
}

static bool seal_read(const json_t *item, struct receipt_seal *seal, char *ret_database)
{
    *seal = (struct receipt_seal){0};
    seal->pruned_at = json_is_true(json_object_get(item, "pruned"));
    return number_get(item, "seal", &seal->number) &&
           text_get(item, "database", ret_database, UUID_TEXT_SIZE) &&
           time_get(item, "sealedAt", &seal->sealed_at) &&
           number_get(item, "receiptsAfter", &seal->objects.after) &&
           number_get(item, "receiptsLast", &seal->objects.last) &&
           number_get(item, "receipts", &seal->objects.count) &&
           number_get(item, "erasedAfter", &seal->persons.after) &&
           number_get(item, "erasedLast", &seal->persons.last) &&
           number_get(item, "erased", &seal->persons.count) &&
           text_get(item, "content", seal->content, sizeof seal->content) &&
           text_get(item, "previous", seal->previous, sizeof seal->previous) &&
           text_get(item, "digest", seal->digest, sizeof seal->digest);
}

int receipts_check_format(const json_t *item, struct buffer *line)
{
    struct receipt_record record;
    struct receipt_seal seal;
    char database_id[UUID_TEXT_SIZE];
    if (record_read(item, &record))
        return receipt_record_format(&record, line);
    return seal_read(item, &seal, database_id) ? receipt_seal_format(&seal, database_id, line)
                                               : -1;
}

static int fault(const struct receipts_check *check, struct error *error, const char *words)
{
    return error_set(error, ERROR_INVALID, "line %lld: %s", (long long)check->line, words);
}

/* What was hashed is what was read: no member more, and none written in another way. */
static bool line_is(const char *bytes, size_t length, const struct buffer *line)
{
    return line->length == length && memcmp(line->bytes, bytes, length) == 0;
}

static int record_take(struct receipts_check *check, const struct receipt_record *record,
                       const char *bytes, size_t length, struct error *error)
{
    struct receipt_range *open =
        record->is_person ? &check->open_persons : &check->open_objects;
    int64_t before = open->count
                         ? open->last
                         : (record->is_person ? check->last.persons : check->last.objects).last;
    if (record->id <= before)
        return fault(check, error, "a record comes twice, or out of its order");
    if (receipt_hash_add(check->content, bytes, length) < 0)
        return error_set(error, ERROR_NO_MEMORY, "the records cannot be hashed");
    if (open->count++ == 0)
        open->after = record->id;
    open->last = record->id;
    *(record->is_person ? &check->persons : &check->objects) += 1;
    if (record->finished_at > check->newest)
        check->newest = record->finished_at;
    return check->record ? check->record(check->owner, record, error) : 0;
}

/* Is the seal the one that follows, and unchanged? */
static int seal_judge(struct receipts_check *check, const struct receipt_seal *seal,
                      const char *database_id, struct error *error)
{
    const struct receipt_seal *last = &check->last;
    char digest[RECEIPT_DIGEST_SIZE];
    if (strcmp(database_id, check->database_id) != 0)
        return fault(check, error, "this seal is of another database");
    if (seal->number != last->number + 1)
        return error_set(error, ERROR_INVALID,
                         "line %lld: seal %lld follows seal %lld: what was between is missing",
                         (long long)check->line, (long long)seal->number,
                         (long long)last->number);
    if (strcmp(seal->previous, last->number ? last->digest : receipt_digest_none) != 0 ||
        seal->objects.after != last->objects.last || seal->persons.after != last->persons.last)
        return fault(check, error, "this seal does not fit the one before: one was changed");
    if (receipt_seal_digest(seal, database_id, digest) < 0)
        return error_set(error, ERROR_NO_MEMORY, "the seal cannot be hashed");
    return strcmp(digest, seal->digest) == 0 ? 0 : fault(check, error, "this seal was changed");
}

static bool range_fits(const struct receipt_range *found, const struct receipt_range *sealed)
{
    return found->count == sealed->count && (!found->count || found->last == sealed->last);
}

static int content_judge(struct receipts_check *check, const struct receipt_seal *seal,
                         struct error *error)
{
    char content[RECEIPT_DIGEST_SIZE];
    const struct receipt_range *objects = &check->open_objects, *persons = &check->open_persons;
    if (receipt_hash_end(check->content, content) < 0)
        return error_set(error, ERROR_NO_MEMORY, "the records cannot be hashed");
    if (seal->pruned_at)
        return objects->count + persons->count == 0
                   ? 0
                   : fault(check, error, "there are records under a seal that was pruned");
    if (!range_fits(objects, &seal->objects) || !range_fits(persons, &seal->persons))
        return error_set(
            error, ERROR_INVALID,
            "line %lld: seal %lld is over %lld receipts and %lld erased persons, and %lld and "
            "%lld are here: records were removed or put in (receipts %lld to %lld, erased %lld "
            "to %lld)",
            (long long)check->line, (long long)seal->number, (long long)seal->objects.count,
            (long long)seal->persons.count, (long long)objects->count,
            (long long)persons->count, (long long)seal->objects.after + 1,
            (long long)seal->objects.last, (long long)seal->persons.after + 1,
            (long long)seal->persons.last);
    if (strcmp(content, seal->content) != 0)
        return error_set(error, ERROR_INVALID,
                         "line %lld: a record under seal %lld was changed (receipts %lld to "
                         "%lld, erased %lld to %lld)",
                         (long long)check->line, (long long)seal->number,
                         (long long)seal->objects.after + 1, (long long)seal->objects.last,
                         (long long)seal->persons.after + 1, (long long)seal->persons.last);
    return 0;
}

static int seal_take(struct receipts_check *check, const struct receipt_seal *seal,
                     const char *database_id, struct error *error)
{
    if (seal_judge(check, seal, database_id, error) < 0 ||
        content_judge(check, seal, error) < 0)
        return -1;
    check->last = *seal;
    check->seals++;
    check->pruned += seal->pruned_at != 0;
    if (check->sealed)
        check->sealed(check->owner, seal, check->newest);
    check->open_objects = check->open_persons = (struct receipt_range){0};
    check->newest = 0;
    return 0;
}

static int item_take(struct receipts_check *check, const json_t *item, const char *bytes,
                     size_t length, struct error *error)
{
    struct receipt_record record;
    struct receipt_seal seal;
    struct buffer line;
    char database_id[UUID_TEXT_SIZE] = "";
    bool is_record = record_read(item, &record);
    bool is_seal = !is_record && seal_read(item, &seal, database_id);
    buffer_init(&line, RECEIPT_LINE_MAX);
    int failed = -1;
    if (is_record)
        failed = receipt_record_format(&record, &line);
    else if (is_seal)
        failed = receipt_seal_format(&seal, database_id, &line);
    if (failed || !line_is(bytes, length, &line))
        failed = fault(check, error, "this is no receipt and no seal as they are exported");
    else if (is_record)
        failed = record_take(check, &record, bytes, length, error);
    else
        failed = seal_take(check, &seal, database_id, error);
    buffer_deinit(&line);
    return failed;
}

static int begin_take(struct receipts_check *check, const json_t *item, struct error *error)
{
    const char *what = json_string_value(json_object_get(item, "export"));
    int64_t format;
    if (!what || strcmp(what, "users-service receipts") != 0)
        return fault(check, error, "this is no export of receipts");
    if (!number_get(item, "format", &format) || format != FORMAT)
        return fault(check, error, "this program does not know the format of this export");
    if (!text_get(item, "database", check->database_id, sizeof check->database_id))
        return fault(check, error, "the export does not say of which database it is");
    return 0;
}

static int end_take(struct receipts_check *check, const char *bytes, size_t length,
                    struct error *error)
{
    struct buffer line;
    buffer_init(&line, RECEIPT_LINE_MAX);
    int failed = receipts_check_end_line(check, &line);
    check->ended = !failed && line_is(bytes, length, &line);
    buffer_deinit(&line);
    return check->ended ? 0
                        : fault(check, error,
                                "the export does not end as it was written: lines were "
                                "changed, removed or put in");
}

int receipts_check_line(struct receipts_check *check, const char *bytes, size_t length,
                        struct error *error)
{
    check->line++;
    if (check->ended)
        return fault(check, error, "there is more behind the end");
    bool is_line = length && bytes[length - 1] == '\n';
    json_t *item = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, NULL);
    int failed;
    if (!json_is_object(item) || !is_line)
        failed = fault(check, error, "this is no line of an export: it was cut or changed");
    else if (json_object_get(item, "end"))
        failed = end_take(check, bytes, length, error);
    else if (check->line == 1)
        failed = begin_take(check, item, error);
    else
        failed = item_take(check, item, bytes, length, error);
    json_decref(item);
    if (!failed && !check->ended && receipt_hash_add(check->whole, bytes, length) < 0)
        failed = error_set(error, ERROR_NO_MEMORY, "the export cannot be hashed");
    return failed;
}

int receipts_check_stream(struct receipts_check *check, FILE *file, const char *path,
                          struct error *error)
{
    char line[RECEIPT_LINE_MAX];
    int failed = 0;
    while (!failed && fgets(line, sizeof line, file))
        failed = receipts_check_line(check, line, strlen(line), error);
    if (!failed && ferror(file))
        failed = error_set_errno(error, ERROR_CONFIG, errno, "cannot read %s", path);
    if (!failed && !check->ended)
        failed = error_set(error, ERROR_INVALID, "the export was cut: its end is missing");
    return failed;
}

int receipts_check_file(struct receipts_check *check, const char *path, struct error *error)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return error_set_errno(error, ERROR_CONFIG, errno, "cannot read %s", path);
    int failed = receipts_check_stream(check, file, path, error);
    fclose(file);
    return failed;
}
