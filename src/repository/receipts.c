#include "repository/receipts.h"

#include "base/clock.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char receipt_digest_none[RECEIPT_DIGEST_SIZE] =
    "0000000000000000000000000000000000000000000000000000000000000000";

void receipt_page_deinit(struct receipt_page *page)
{
    free(page->records);
    *page = (struct receipt_page){0};
}

struct receipt_record *receipt_page_extend(struct receipt_page *page)
{
    /* Grows at powers of two: no capacity has to be kept. */
    if ((page->count & (page->count - 1)) == 0) {
        size_t capacity = page->count ? 2 * page->count : 1;
        struct receipt_record *records = reallocarray(page->records, capacity, sizeof *records);
        if (!records)
            return NULL;
        page->records = records;
    }
    page->records[page->count] = (struct receipt_record){0};
    return &page->records[page->count++];
}

/* The library's context, under a name that does not need its headers. */
static EVP_MD_CTX *context_of(struct receipt_hash *hash)
{
    return (EVP_MD_CTX *)hash;
}

static int hash_begin(struct receipt_hash *hash)
{
    return EVP_DigestInit_ex(context_of(hash), EVP_sha256(), NULL) == 1 ? 0 : -1;
}

struct receipt_hash *receipt_hash_new(void)
{
    struct receipt_hash *hash = (struct receipt_hash *)EVP_MD_CTX_new();
    if (hash && hash_begin(hash) == 0)
        return hash;
    receipt_hash_free(hash);
    return NULL;
}

int receipt_hash_add(struct receipt_hash *hash, const void *bytes, size_t length)
{
    return EVP_DigestUpdate(context_of(hash), bytes, length) == 1 ? 0 : -1;
}

int receipt_hash_end(struct receipt_hash *hash, char ret_text[static RECEIPT_DIGEST_SIZE])
{
    unsigned char digest[32];
    if (EVP_DigestFinal_ex(context_of(hash), digest, NULL) != 1 || hash_begin(hash) < 0)
        return -1;
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(ret_text + 2 * i, 3, "%02x", digest[i]);
    return 0;
}

void receipt_hash_free(struct receipt_hash *hash)
{
    EVP_MD_CTX_free(context_of(hash));
}

static int person_format(const struct receipt_record *record, struct buffer *lines)
{
    char asked[CLOCK_TEXT_SIZE], done[CLOCK_TEXT_SIZE];
    clock_format_utc(record->requested_at, asked);
    clock_format_utc(record->finished_at, done);
    return buffer_printf(lines,
                         "{\"erased\":%" PRId64 ",\"user\":\"%s\",\"requestedAt\":\"%s\","
                         "\"deletedAt\":\"%s\"}\n",
                         record->id, record->user_id, asked, done);
}

int receipt_record_format(const struct receipt_record *record, struct buffer *lines)
{
    char asked[CLOCK_TEXT_SIZE], done[CLOCK_TEXT_SIZE];
    const char *quote = *record->user_id ? "\"" : "";
    if (record->is_person)
        return person_format(record, lines);
    clock_format_utc(record->requested_at, asked);
    clock_format_utc(record->finished_at, done);
    if (buffer_printf(lines, "{\"receipt\":%" PRId64 ",\"key\":", record->id) < 0 ||
        buffer_append_json_text(lines, record->key) < 0)
        return -1;
    return buffer_printf(lines,
                         ",\"store\":\"%s\",\"user\":%s%s%s,\"reason\":\"%s\",\"kind\":\"%s\","
                         "\"attempts\":%" PRId64 ",\"status\":%" PRId64
                         ",\"requestedAt\":\"%s\",\"finishedAt\":\"%s\"}\n",
                         record->store_id, quote, *quote ? record->user_id : "null", quote,
                         record->reason, record->kind, record->attempts, record->status, asked,
                         done);
}

/* All of a seal's line but its own digest. */
static int seal_format_open(const struct receipt_seal *seal, const char *database_id,
                            struct buffer *lines)
{
    char sealed[CLOCK_TEXT_SIZE];
    clock_format_utc(seal->sealed_at, sealed);
    return buffer_printf(lines,
                         "{\"seal\":%" PRId64
                         ",\"database\":\"%s\",\"sealedAt\":\"%s\",\"receiptsAfter\":%" PRId64
                         ",\"receiptsLast\":%" PRId64 ",\"receipts\":%" PRId64
                         ",\"erasedAfter\":%" PRId64 ",\"erasedLast\":%" PRId64
                         ",\"erased\":%" PRId64 ",\"content\":\"%s\",\"previous\":\"%s\"",
                         seal->number, database_id, sealed, seal->objects.after,
                         seal->objects.last, seal->objects.count, seal->persons.after,
                         seal->persons.last, seal->persons.count, seal->content,
                         seal->previous);
}

int receipt_seal_format(const struct receipt_seal *seal, const char *database_id,
                        struct buffer *lines)
{
    if (seal_format_open(seal, database_id, lines) < 0)
        return -1;
    return buffer_printf(lines, ",\"digest\":\"%s\",\"pruned\":%s}\n", seal->digest,
                         seal->pruned_at ? "true" : "false");
}

/* Adds what the buffer has, and empties it. */
static int hash_take(struct receipt_hash *hash, struct buffer *lines)
{
    int failed = receipt_hash_add(hash, lines->bytes, lines->length);
    lines->length = 0;
    return failed;
}

int receipt_seal_digest(const struct receipt_seal *seal, const char *database_id,
                        char ret_text[static RECEIPT_DIGEST_SIZE])
{
    struct buffer line;
    struct receipt_hash *hash = receipt_hash_new();
    buffer_init(&line, RECEIPT_LINE_MAX);
    int failed = !hash || seal_format_open(seal, database_id, &line) < 0 ||
                 hash_take(hash, &line) < 0 || receipt_hash_end(hash, ret_text) < 0;
    receipt_hash_free(hash);
    buffer_deinit(&line);
    return failed ? -1 : 0;
}

static int content_digest(const struct receipt_page *page,
                          char ret_text[static RECEIPT_DIGEST_SIZE])
{
    struct buffer line;
    struct receipt_hash *hash = receipt_hash_new();
    buffer_init(&line, RECEIPT_LINE_MAX);
    bool failed = !hash;
    for (size_t i = 0; i < page->count && !failed; i++)
        failed =
            receipt_record_format(&page->records[i], &line) < 0 || hash_take(hash, &line) < 0;
    failed = failed || receipt_hash_end(hash, ret_text) < 0;
    receipt_hash_free(hash);
    buffer_deinit(&line);
    return failed ? -1 : 0;
}

static void range_take(struct receipt_range *range, const struct receipt_record *record)
{
    range->last = record->id;
    range->count++;
}

int receipt_page_seal(struct receipt_page *page, const struct receipt_seal *before,
                      const char *database_id, int64_t now)
{
    struct receipt_seal *seal = &page->seal;
    *seal = (struct receipt_seal){
        .number = before->number + 1,
        .sealed_at = now,
        .objects = {.after = before->objects.last, .last = before->objects.last},
        .persons = {.after = before->persons.last, .last = before->persons.last},
    };
    memcpy(seal->previous, before->number ? before->digest : receipt_digest_none,
           sizeof seal->previous);
    for (size_t i = 0; i < page->count; i++)
        range_take(page->records[i].is_person ? &seal->persons : &seal->objects,
                   &page->records[i]);
    if (content_digest(page, seal->content) < 0)
        return -1;
    return receipt_seal_digest(seal, database_id, seal->digest);
}

bool receipt_seal_may_go(const struct receipt_seal *seal, int64_t now)
{
    return seal->pruned_at || now - seal->sealed_at >= RECEIPTS_KEPT_MS;
}
