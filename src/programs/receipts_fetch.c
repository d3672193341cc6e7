#include "programs/receipts_fetch.h"

#include "programs/whole_file.h"

#include <stdio.h>
#include <string.h>

#define PATH_SIZE 128

/* Checks a line, writes it, and empties the buffer. */
static int line_put(struct receipts_check *check, struct buffer *line, FILE *out,
                    struct error *error)
{
    int failed = receipts_check_line(check, line->bytes, line->length, error);
    if (!failed && out && fwrite(line->bytes, 1, line->length, out) != line->length)
        failed = error_set(error, ERROR_IO, "the export cannot be written");
    line->length = 0;
    return failed;
}

static int begin_put(struct receipts_check *check, const json_t *page, struct buffer *line,
                     FILE *out, struct error *error)
{
    const char *database = json_string_value(json_object_get(page, "databaseId"));
    char id[UUID_TEXT_SIZE];
    if (!database || !uuid_parse(database, id) ||
        receipts_check_begin_line(check, id, line) < 0)
        return error_set(error, ERROR_CONFIG, "this is no users-service, or another version");
    return line_put(check, line, out, error);
}

static int page_put(struct receipts_check *check, const json_t *page, struct buffer *line,
                    FILE *out, struct error *error)
{
    const json_t *items = json_object_get(page, "items");
    size_t count = json_array_size(items);
    if (check->line == 0 && begin_put(check, page, line, out, error) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (receipts_check_format(json_array_get(items, i), line) < 0)
            return error_set(error, ERROR_CONFIG,
                             "the service sent what is no receipt: another version?");
        if (line_put(check, line, out, error) < 0)
            return -1;
    }
    return 0;
}

static int end_put(struct receipts_check *check, struct buffer *line, FILE *out,
                   struct error *error)
{
    if (receipts_check_end_line(check, line) < 0)
        return error_set(error, ERROR_NO_MEMORY, "the export cannot be hashed");
    check->ended = true;
    if (out && fwrite(line->bytes, 1, line->length, out) != line->length)
        return error_set(error, ERROR_IO, "the export cannot be written");
    return 0;
}

int receipts_fetch(struct private_client *client, struct receipts_check *check, FILE *out,
                   struct error *error)
{
    char path[PATH_SIZE] = "/api/receipts";
    struct buffer line;
    buffer_init(&line, RECEIPT_LINE_MAX);
    bool more = true;
    int failed = 0;
    while (more && !failed) {
        json_t *page = private_client_call(client, "GET", path, error);
        failed = page ? page_put(check, page, &line, out, error) : -1;
        const char *next = json_string_value(json_object_get(page, "next"));
        more = next != NULL;
        if (next)
            snprintf(path, sizeof path, "/api/receipts?cursor=%s", next);
        json_decref(page);
    }
    if (!failed)
        failed = end_put(check, &line, out, error);
    buffer_deinit(&line);
    return failed;
}

int receipts_fetch_file(struct private_client *client, struct receipts_check *check,
                        const char *path, struct error *error)
{
    struct whole_file file;
    if (whole_file_open(&file, path, error) < 0)
        return -1;
    if (receipts_fetch(client, check, file.out, error) == 0)
        return whole_file_keep(&file, error);
    whole_file_drop(&file);
    return -1;
}
