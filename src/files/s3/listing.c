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
    parameter_add(call, "list-type", "2");
    parameter_add(call, "max-keys", listing->page);
    parameter_add(call, "prefix", listing->prefix);
    if (op->after)
        parameter_add(call, "start-after", listing->after);
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

int s3_listing_read(const char *bytes, size_t length, const char *prefix, struct files_op *op)
{
    struct reader reader = {.op = op, .prefix = prefix, .prefix_length = strlen(prefix)};
    if (s3_document_walk(bytes, length, on_element, &reader) && reader.is_listing)
        return 0;
    buffer_deinit(&op->body);
    op->more = false;
    return -1;
}
