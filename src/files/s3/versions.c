#include "files/s3/versions.h"

#include "files/s3/xml.h"

#include <stdio.h>
#include <string.h>

struct versioning_reader {
    struct s3_versioning found;
    bool is_one;
};

static bool versioning_visit(void *owner, unsigned depth, const char *name, const char *text)
{
    struct versioning_reader *reader = owner;
    if (depth == 1)
        reader->is_one = strcmp(name, "VersioningConfiguration") == 0;
    else if (depth == 2 && strcmp(name, "Status") == 0)
        reader->found.keeps = *text != '\0';
    else if (depth == 2 && strcmp(name, "MfaDelete") == 0)
        reader->found.mfa = strcmp(text, "Enabled") == 0;
    return true;
}

bool s3_versioning_read(const char *bytes, size_t length, struct s3_versioning *ret_versioning)
{
    struct versioning_reader reader = {0};
    if (!s3_document_walk(bytes, length, versioning_visit, &reader) || !reader.is_one)
        return false;
    *ret_versioning = reader.found;
    return true;
}

void s3_versions_init(struct s3_versions *versions)
{
    *versions = (struct s3_versions){0};
    buffer_init(&versions->objects.bytes, S3_VERSION_IDS_MAX);
    buffer_init(&versions->markers.bytes, S3_VERSION_IDS_MAX);
}

void s3_versions_deinit(struct s3_versions *versions)
{
    buffer_deinit(&versions->objects.bytes);
    buffer_deinit(&versions->markers.bytes);
    s3_versions_init(versions);
}

struct listing_reader {
    struct s3_versions *versions;
    const char *key;
    char entry_key[S3_DOCUMENT_TEXT_SIZE], entry_version[S3_VERSION_SIZE];
    bool is_one, other_prefix, no_memory;
};

static void entry_end(struct listing_reader *reader, struct s3_version_ids *ids)
{
    if (strcmp(reader->entry_key, reader->key) == 0) {
        /* What came before it was kept under no version at all. */
        const char *id = reader->entry_version[0] ? reader->entry_version : "null";
        if (buffer_append(&ids->bytes, id, strlen(id) + 1) < 0)
            reader->no_memory = true;
        ids->count++;
    }
    reader->entry_key[0] = reader->entry_version[0] = '\0';
}

static void entry_field(struct listing_reader *reader, const char *name, const char *text)
{
    if (strcmp(name, "Key") == 0)
        snprintf(reader->entry_key, sizeof reader->entry_key, "%s", text);
    else if (strcmp(name, "VersionId") == 0)
        snprintf(reader->entry_version, sizeof reader->entry_version, "%s", text);
}

static bool listing_visit(void *owner, unsigned depth, const char *name, const char *text)
{
    struct listing_reader *reader = owner;
    struct s3_versions *versions = reader->versions;
    if (depth == 1)
        reader->is_one = strcmp(name, "ListVersionsResult") == 0;
    else if (depth == 3)
        entry_field(reader, name, text);
    else if (depth != 2)
        return true;
    else if (strcmp(name, "Version") == 0)
        entry_end(reader, &versions->objects);
    else if (strcmp(name, "DeleteMarker") == 0)
        entry_end(reader, &versions->markers);
    else if (strcmp(name, "IsTruncated") == 0)
        versions->more = strcmp(text, "true") == 0;
    else if (strcmp(name, "NextKeyMarker") == 0)
        snprintf(versions->next_key, sizeof versions->next_key, "%s", text);
    else if (strcmp(name, "NextVersionIdMarker") == 0)
        snprintf(versions->next_version, sizeof versions->next_version, "%s", text);
    else if (strcmp(name, "Prefix") == 0)
        reader->other_prefix = strcmp(text, reader->key) != 0;
    return !reader->no_memory;
}

int s3_versions_read(struct s3_versions *versions, const char *key, const char *bytes,
                     size_t length)
{
    struct listing_reader reader = {.versions = versions, .key = key};
    versions->more = false;
    versions->next_key[0] = versions->next_version[0] = '\0';
    if (!s3_document_walk(bytes, length, listing_visit, &reader) || !reader.is_one ||
        reader.other_prefix || (versions->more && !versions->next_key[0]))
        return -1;
    /* In the order of keys the prefix itself comes first, and longer ones after it. */
    versions->more = versions->more && strcmp(versions->next_key, key) <= 0;
    return 0;
}

const char *s3_version_ids_next(const struct s3_version_ids *ids, const char *id)
{
    const char *next = id ? id + strlen(id) + 1 : ids->bytes.bytes;
    return ids->count && next < ids->bytes.bytes + ids->bytes.length ? next : NULL;
}

int s3_versions_write_delete(const struct s3_version_ids *ids, const char *key,
                             struct buffer *ret_xml)
{
    if (buffer_append_text(ret_xml, S3_XML_DELETE_BEGIN) < 0)
        return -1;
    for (const char *id = s3_version_ids_next(ids, NULL); id; id = s3_version_ids_next(ids, id))
        if (buffer_append_text(ret_xml, "<Object><Key>") < 0 ||
            s3_xml_append_escaped(ret_xml, key) < 0 ||
            buffer_append_text(ret_xml, "</Key><VersionId>") < 0 ||
            s3_xml_append_escaped(ret_xml, id) < 0 ||
            buffer_append_text(ret_xml, "</VersionId></Object>") < 0)
            return -1;
    return buffer_append_text(ret_xml, S3_XML_DELETE_END);
}
