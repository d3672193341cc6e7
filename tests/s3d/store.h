/*
 * store: buckets of objects in memory, in key order.
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

enum store_outcome {
    STORE_OK,
    STORE_NO_BUCKET,
    STORE_NO_KEY,
    STORE_EXISTS,
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

/* Takes one reference of `object` on OK. EXISTS only if `only_new` and the key is there. */
enum store_outcome store_put(struct store *store, const char *bucket, const char *key,
                             struct object *object, bool only_new);

/* On OK `*ret_object` has a reference for the caller. */
enum store_outcome store_get(struct store *store, const char *bucket, const char *key,
                             struct object **ret_object);

/* NO_KEY if nothing was there. */
enum store_outcome store_delete(struct store *store, const char *bucket, const char *key);

/*
 * Calls `visit` for each object under `prefix` whose key is after `after` ("" : all), in order,
 * until it returns false. `visit` runs under the store's lock and must not call the store.
 */
enum store_outcome
store_list(struct store *store, const char *bucket, const char *prefix, const char *after,
           bool (*visit)(void *owner, const char *key, const struct object *object),
           void *owner);

#endif
