#include "versions.h"

#include "base/clock.h"
#include "xml.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const keeping_names[] = {
    [KEEPS_NOTHING] = "", [KEEPS_VERSIONS] = "Enabled", [KEEPS_SUSPENDED] = "Suspended"};

void versions_keep(const struct protocol *protocol, const struct request *request,
                   struct reply *reply)
{
    char status[16];
    if (!xml_find(request->body, request->length, "Status", status, sizeof status)) {
        reply_fail(reply, 400, "MalformedXML", "There is no Status");
        return;
    }
    for (int keeping = KEEPS_VERSIONS; keeping <= KEEPS_SUSPENDED; keeping++) {
        if (strcmp(status, keeping_names[keeping]) != 0)
            continue;
        if (store_keep(protocol->store, request->bucket, (enum store_keeping)keeping) !=
            STORE_OK)
            reply_no_bucket(reply);
        return;
    }
    reply_fail(reply, 400, "MalformedXML", "Status is Enabled or Suspended");
}

void versions_tell_keeping(const struct protocol *protocol, const struct request *request,
                           struct reply *reply)
{
    enum store_keeping keeping = KEEPS_NOTHING;
    struct buffer *out = &reply->body;
    if (store_keeping_get(protocol->store, request->bucket, &keeping) != STORE_OK)
        reply_no_bucket(reply);
    else if (buffer_append_text(out, XML_HEAD "<VersioningConfiguration" XML_NAMESPACE ">") <
                 0 ||
             (keeping != KEEPS_NOTHING &&
              xml_append_element(out, "Status", keeping_names[keeping]) < 0) ||
             buffer_append_text(out, "</VersioningConfiguration>") < 0)
        reply_no_memory(reply);
}

/* Reads the lock that the body asks for; false if it asks for none that there is. */
static bool lock_read(const struct request *request, struct lock *lock)
{
    char status[8];
    struct tm parts = {0};
    if (request->legal_hold) {
        bool found = xml_find(request->body, request->length, "Status", status, sizeof status);
        lock->hold = found && strcmp(status, "ON") == 0;
        return lock->hold || (found && strcmp(status, "OFF") == 0);
    }
    if (!xml_find(request->body, request->length, "Mode", lock->mode, sizeof lock->mode) ||
        !xml_find(request->body, request->length, "RetainUntilDate", lock->until,
                  sizeof lock->until) ||
        !strptime(lock->until, "%Y-%m-%dT%H:%M:%S", &parts))
        return false;
    lock->until_ms = (int64_t)timegm(&parts) * 1000;
    return true;
}

void versions_lock(const struct protocol *protocol, const struct request *request,
                   struct reply *reply)
{
    struct lock lock = {.mode = ""};
    if (!lock_read(request, &lock)) {
        reply_fail(reply, 400, "MalformedXML", "The body is no lock");
        return;
    }
    switch (store_lock(protocol->store, request->bucket, request->key, request->version, &lock,
                       request->legal_hold)) {
    case STORE_OK:
        break;
    case STORE_NO_BUCKET:
        reply_no_bucket(reply);
        break;
    default:
        reply_fail(reply, 404, "NoSuchVersion", "The version does not exist");
    }
}

/* A page of a listing under way. */
struct page {
    struct buffer *out;
    size_t limit, count;
    char key[KEY_SIZE], id[VERSION_ID_SIZE]; /* the last one */
    bool truncated, failed;
};

static bool page_add(void *owner, const char *key, const struct version *version,
                     const struct object *object)
{
    struct page *page = owner;
    const char *name = version->marker ? "DeleteMarker" : "Version";
    if (page->count == page->limit) {
        page->truncated = true;
        return false;
    }
    page->failed = buffer_printf(page->out, "<%s>", name) < 0 ||
                   xml_append_element(page->out, "Key", key) < 0 ||
                   buffer_printf(page->out,
                                 "<VersionId>%s</VersionId><IsLatest>%s</IsLatest>"
                                 "<Size>%zu</Size></%s>",
                                 version->id, version->newest ? "true" : "false",
                                 object ? object->length : 0, name) < 0;
    memcpy(page->key, key, strlen(key) + 1);
    memcpy(page->id, version->id, sizeof page->id);
    page->count++;
    return !page->failed;
}

static int page_write(const struct protocol *protocol, const struct request *request,
                      size_t limit, struct buffer *out)
{
    const char *prefix = request->prefix ? request->prefix : "";
    struct page page = {.out = out, .limit = limit};
    if (buffer_append_text(out, XML_HEAD "<ListVersionsResult" XML_NAMESPACE ">") < 0 ||
        xml_append_element(out, "Name", request->bucket) < 0 ||
        xml_append_element(out, "Prefix", prefix) < 0)
        return -1;
    store_list_versions(protocol->store, request->bucket, prefix,
                        request->key_marker ? request->key_marker : "", request->version_marker,
                        page_add, &page);
    if (page.failed || (page.truncated && page.count &&
                        (xml_append_element(out, "NextKeyMarker", page.key) < 0 ||
                         xml_append_element(out, "NextVersionIdMarker", page.id) < 0)))
        return -1;
    return buffer_printf(out, "<IsTruncated>%s</IsTruncated></ListVersionsResult>",
                         page.truncated ? "true" : "false");
}

void versions_list(const struct protocol *protocol, const struct request *request, size_t limit,
                   struct reply *reply)
{
    if (page_write(protocol, request, limit, &reply->body) < 0)
        reply_no_memory(reply);
}
