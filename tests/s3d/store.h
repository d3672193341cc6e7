/*
 * store: buckets of objects in memory, in key order, with their versions if a bucket keeps
 * them.
 *
 * Any thread. An object never changes once it is stored; a reader holds a reference, so a
 * delete or an overwrite takes nothing away from under it.
 */
#ifndef S3D_STORE_H
#define S3D_STORE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OBJECT_ETAG_SIZE 33
#define OBJECT_TYPE_SIZE 96

struct object {
    atomic_int references;
    char etag[OBJECT_ETAG_SIZE]; /* MD5 of the bytes, in hexadecimal */
    char content_type[OBJECT_TYPE_SIZE];
    int64_t modified_ms; /* wall clock */
    char *bytes;
    size_t length;
};

struct store;

/* What a bucket does with what is written over or deleted. Once begun it never ends. */
enum store_keeping { KEEPS_NOTHING, KEEPS_VERSIONS, KEEPS_SUSPENDED };

#define VERSION_ID_SIZE 24
#define LOCK_TEXT_SIZE  40

/* What keeps a version from being deleted. */
struct lock {
    char mode[LOCK_TEXT_SIZE];  /* "": no retention */
    char until[LOCK_TEXT_SIZE]; /* as it was given */
    int64_t until_ms;           /* wall clock */
    bool hold;
};

/* One version as it is seen from outside. */
struct version {
    char id[VERSION_ID_SIZE];
    bool marker, newest;
    struct lock lock;
};

enum store_outcome {
    STORE_OK,
    STORE_NO_BUCKET,
    STORE_NO_KEY,
    STORE_EXISTS,
    STORE_MARKER, /* the newest version is a marker */
    STORE_LOCKED,
    STORE_NO_MEMORY,
};

/* Takes `bytes` (malloc'ed, freed with the object, also on failure); NULL without memory. */
struct object *object_create(char *bytes, size_t length, const char *content_type);
void object_release(struct object *object);

struct store *store_create(void);
void store_free(struct store *store);

/* OK, EXISTS or NO_MEMORY. */
enum store_outcome store_bucket_add(struct store *store, const char *bucket);
bool store_bucket_exists(struct store *store, const char *bucket);

enum store_outcome store_keep(struct store *store, const char *bucket,
                              enum store_keeping keeping);
enum store_outcome store_keeping_get(struct store *store, const char *bucket,
                                     enum store_keeping *ret_keeping);

/* Takes one reference of `object` on OK. EXISTS only if `only_new` and the key is there. */
enum store_outcome store_put(struct store *store, const char *bucket, const char *key,
                             struct object *object, bool only_new);

/*
 * `version` NULL: the newest. On OK `*ret_object` has a reference for the caller. `ret_version`
 * is filled on OK and MARKER.
 */
enum store_outcome store_get(struct store *store, const char *bucket, const char *key,
                             const char *version, struct object **ret_object,
                             struct version *ret_version);

/*
 * `version` NULL: as the bucket keeps them: OK with a marker in `ret_version`, or nothing.
 * NO_KEY if nothing was there.
 */
enum store_outcome store_delete(struct store *store, const char *bucket, const char *key,
                                const char *version, struct version *ret_version);

/* Sets the retention of a version (NULL: the newest), or, if `hold`, its legal hold alone. */
enum store_outcome store_lock(struct store *store, const char *bucket, const char *key,
                              const char *version, const struct lock *lock, bool hold);

/*
 * Calls `visit` for each object under `prefix` whose key is after `after` ("" : all), in order,
 * until it returns false. `visit` runs under the store's lock and must not call the store.
 */
enum store_outcome
store_list(struct store *store, const char *bucket, const char *prefix, const char *after,
           bool (*visit)(void *owner, const char *key, const struct object *object),
           void *owner);

/*
 * The same of every version, of each key the newest first. It goes on behind `after_version` of
 * `after`, or with the key after that if `after_version` is NULL. `object`: NULL of a marker.
 */
enum store_outcome
store_list_versions(struct store *store, const char *bucket, const char *prefix,
                    const char *after, const char *after_version,
                    bool (*visit)(void *owner, const char *key, const struct version *version,
                                  const struct object *object),
                    void *owner);

#endif
