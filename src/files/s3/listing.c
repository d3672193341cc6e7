#include "files/s3/listing.h"

#include "files/s3/document.h"

#include <stdio.h>
#include <string.h>

/* ListBucketResult, Contents, Key. */
#define ROOT_DEPTH  1
#define FIELD_DEPTH 2
#define ENTRY_DEPTH 3

static void parameter_add(struct s3_call *call, const char *name, const char *value)
{
    call->parameters[call->parameter_count++] =
        (struct s3_parameter){.name = name, .value = value};
}

int s3_listing_call(struct s3_listing *listing, const struct files_op *op, const char *prefix,
                    struct s3_call *call)
{
    snprintf(listing->prefix, sizeof listing->prefix, "%s%s", prefix, op->key);
    snprintf(listing->after, sizeof listing->after, "%s%s", prefix, op->after ? op->after : "");
    snprintf(listing->page, sizeof listing->page, "%d", FILES_LIST_KEYS_MAX);
    call->parameter_count = 0;
    parameter_add(call, op->with_versions ? "versions" : "list-type",
                  op->with_versions ? "" : "2");
    parameter_add(call, "max-keys", listing->page);
    parameter_add(call, "prefix", listing->prefix);
    if (op->after)
        parameter_add(call, op->with_versions ? "key-marker" : "start-after", listing->after);
    return 0;
}

struct reader {
    struct files_op *op;
    const char *prefix;
    size_t prefix_length;
    bool is_listing;
};

static bool on_element(void *owner, unsigned depth, const char *name, const char *text)
{
    struct reader *reader = owner;
    if (depth == ROOT_DEPTH)
        reader->is_listing = strcmp(name, "ListBucketResult") == 0;
    else if (depth == FIELD_DEPTH && strcmp(name, "IsTruncated") == 0)
        reader->op->more = strcmp(text, "true") == 0;
    else if (depth == ENTRY_DEPTH && strcmp(name, "Key") == 0)
        /* A line's end in a key cannot be told from the end of one; ours have none. */
        return strncmp(text, reader->prefix, reader->prefix_length) != 0 ||
               strchr(text, '\n') ||
               buffer_printf(&reader->op->body, "%s\n", text + reader->prefix_length) == 0;
    return true;
}

/* Versions of one key come together, the newest first: they make one line. */
struct versions_reader {
    struct files_op *op;
    const char *prefix;
    size_t prefix_length;
    char entry[S3_DOCUMENT_TEXT_SIZE], key[S3_DOCUMENT_TEXT_SIZE];
    bool entry_is_newest, has_object, has_more, is_listing;
};

static bool line_end(struct versions_reader *reader)
{
    const char *key = reader->key + reader->prefix_length;
    bool skipped = !*reader->key ||
                   strncmp(reader->key, reader->prefix, reader->prefix_length) != 0 ||
                   strchr(key, '\n') ||
                   /* Some stores begin with the marker itself. */
                   (reader->op->after && strcmp(key, reader->op->after) <= 0);
    char kind = !reader->has_object ? FILES_KIND_GONE
                : reader->has_more  ? FILES_KIND_OLDER
                                    : FILES_KIND_ONLY;
    return skipped || buffer_printf(&reader->op->body, "%c%s\n", kind, key) == 0;
}

static bool entry_end(struct versions_reader *reader, bool is_object)
{
    bool same = strcmp(reader->entry, reader->key) == 0;
    if (!same && !line_end(reader))
        return false;
    if (!same)
        memcpy(reader->key, reader->entry, sizeof reader->key);
    reader->has_object = (same && reader->has_object) || (is_object && reader->entry_is_newest);
    reader->has_more = same;
    reader->entry_is_newest = false;
    return true;
}

static bool on_version(void *owner, unsigned depth, const char *name, const char *text)
{
    struct versions_reader *reader = owner;
    if (depth == ROOT_DEPTH)
        reader->is_listing = strcmp(name, "ListVersionsResult") == 0;
    else if (depth == ENTRY_DEPTH && strcmp(name, "Key") == 0)
        snprintf(reader->entry, sizeof reader->entry, "%s", text);
    else if (depth == ENTRY_DEPTH && strcmp(name, "IsLatest") == 0)
        reader->entry_is_newest = strcmp(text, "true") == 0;
    else if (depth == FIELD_DEPTH && strcmp(name, "IsTruncated") == 0)
        reader->op->more = strcmp(text, "true") == 0;
    else if (depth == FIELD_DEPTH && strcmp(name, "Version") == 0)
        return entry_end(reader, true);
    else if (depth == FIELD_DEPTH && strcmp(name, "DeleteMarker") == 0)
        return entry_end(reader, false);
    return true;
}

static int versions_read(const char *bytes, size_t length, const char *prefix,
                         struct files_op *op)
{
    struct versions_reader reader = {
        .op = op, .prefix = prefix, .prefix_length = strlen(prefix)};
    if (!s3_document_walk(bytes, length, on_version, &reader) || !reader.is_listing)
        return -1;
    /* The page may have cut the last key's versions in two: the next one has it whole. */
    if (op->more && op->body.length)
        return 0;
    return line_end(&reader) ? 0 : -1;
}

static int keys_read(const char *bytes, size_t length, const char *prefix, struct files_op *op)
{
    struct reader reader = {.op = op, .prefix = prefix, .prefix_length = strlen(prefix)};
    return s3_document_walk(bytes, length, on_element, &reader) && reader.is_listing ? 0 : -1;
}

int s3_listing_read(const char *bytes, size_t length, const char *prefix, struct files_op *op)
{
    int failed = op->with_versions ? versions_read(bytes, length, prefix, op)
                                   : keys_read(bytes, length, prefix, op);
    if (!failed)
        return 0;
    buffer_deinit(&op->body);
    op->more = false;
    return -1;
}
