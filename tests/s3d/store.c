#include "store.h"

#include "base/clock.h"
#include "base/random.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A quarter of the nodes reaches the next level: 4^12 objects before the top gets crowded. */
#define LEVELS 12

/* A version that is kept. */
struct kept {
    struct kept *older;
    struct object *object; /* NULL: a marker */
    char id[VERSION_ID_SIZE];
    struct lock lock;
};

/* A node of a skip list; its key follows its last link. */
struct node {
    struct kept *newest;
    char *key;
    struct node *next[];
};

struct bucket {
    struct bucket *next;
    char *name;
    enum store_keeping keeping;
    struct node *first[LEVELS];
};

struct store {
    pthread_mutex_t lock;
    struct random random;
    unsigned long long versions; /* made so far */
    struct bucket *buckets;
};

struct object *object_create(char *bytes, size_t length, const char *content_type)
{
    struct object *object = calloc(1, sizeof *object);
    if (!object) {
        free(bytes);
        return NULL;
    }
    atomic_init(&object->references, 1);
    snprintf(object->content_type, sizeof object->content_type, "%s", content_type);
    object->modified_ms = clock_wall_ms();
    object->bytes = bytes;
    object->length = length;
    return object;
}

void object_release(struct object *object)
{
    if (atomic_fetch_sub(&object->references, 1) != 1)
        return;
    free(object->bytes);
    free(object);
}

struct store *store_create(void)
{
    struct store *store = calloc(1, sizeof *store);
    if (store && pthread_mutex_init(&store->lock, NULL) != 0) {
        free(store);
        return NULL;
    }
    return store;
}

static void kept_free(struct kept *kept)
{
    if (kept->object)
        object_release(kept->object);
    free(kept);
}

static void bucket_free(struct bucket *bucket)
{
    for (struct node *node = bucket->first[0], *next; node; node = next) {
        next = node->next[0];
        for (struct kept *kept = node->newest, *older; kept; kept = older) {
            older = kept->older;
            kept_free(kept);
        }
        free(node);
    }
    free(bucket->name);
    free(bucket);
}

void store_free(struct store *store)
{
    if (!store)
        return;
    for (struct bucket *bucket = store->buckets, *next; bucket; bucket = next) {
        next = bucket->next;
        bucket_free(bucket);
    }
    pthread_mutex_destroy(&store->lock);
    free(store);
}

static struct bucket *bucket_find(struct store *store, const char *name)
{
    struct bucket *bucket = store->buckets;
    while (bucket && strcmp(bucket->name, name) != 0)
        bucket = bucket->next;
    return bucket;
}

enum store_outcome store_bucket_add(struct store *store, const char *name)
{
    enum store_outcome outcome = STORE_NO_MEMORY;
    struct bucket *bucket = calloc(1, sizeof *bucket);
    if (bucket)
        bucket->name = strdup(name);
    pthread_mutex_lock(&store->lock);
    if (bucket_find(store, name)) {
        outcome = STORE_EXISTS;
    } else if (bucket && bucket->name) {
        bucket->next = store->buckets;
        store->buckets = bucket;
        outcome = STORE_OK;
    }
    pthread_mutex_unlock(&store->lock);
    if (outcome != STORE_OK && bucket) {
        free(bucket->name);
        free(bucket);
    }
    return outcome;
}

bool store_bucket_exists(struct store *store, const char *name)
{
    pthread_mutex_lock(&store->lock);
    bool exists = bucket_find(store, name) != NULL;
    pthread_mutex_unlock(&store->lock);
    return exists;
}

/* Fills `links` with the place on each level where `key` is linked, or would be. */
static struct node *node_find(struct bucket *bucket, const char *key, struct node ***links)
{
    struct node **level = bucket->first;
    struct node *passed = NULL; /* known to be before `key` */
    for (int i = LEVELS - 1; i >= 0; i--) {
        struct node *refused = passed ? passed->next[i] : level[i];
        while (refused && strcmp(refused->key, key) < 0) {
            passed = refused;
            refused = passed->next[i];
        }
        links[i] = passed ? &passed->next[i] : &level[i];
    }
    struct node *found = *links[0];
    return found && strcmp(found->key, key) == 0 ? found : NULL;
}

static int height_draw(struct store *store)
{
    int height = 1;
    for (uint64_t bits = random_next(&store->random); height < LEVELS && (bits & 3) == 0;
         bits >>= 2)
        height++;
    return height;
}

static struct node *node_insert(struct store *store, struct node ***links, const char *key)
{
    size_t height = (size_t)height_draw(store);
    size_t head = sizeof(struct node) + height * sizeof(struct node *);
    struct node *node = malloc(head + strlen(key) + 1);
    if (!node)
        return NULL;
    node->newest = NULL;
    node->key = (char *)node + head;
    memcpy(node->key, key, strlen(key) + 1);
    for (size_t i = 0; i < height; i++) {
        node->next[i] = *links[i];
        *links[i] = node;
    }
    return node;
}

static void node_remove(struct node *node, struct node ***links)
{
    for (int i = 0; i < LEVELS && *links[i] == node; i++)
        *links[i] = node->next[i];
    free(node);
}

/* The link that leads to the version, NULL: the newest; its target is NULL if there is none. */
static struct kept **kept_find(struct node *node, const char *id)
{
    struct kept **link = &node->newest;
    while (id && *link && strcmp((*link)->id, id) != 0)
        link = &(*link)->older;
    return link;
}

static void kept_unlink(struct kept **link)
{
    struct kept *kept = *link;
    *link = kept->older;
    kept_free(kept);
}

static void kept_describe(const struct node *node, const struct kept *kept,
                          struct version *ret_version)
{
    memcpy(ret_version->id, kept->id, sizeof kept->id);
    ret_version->marker = !kept->object;
    ret_version->newest = kept == node->newest;
    ret_version->lock = kept->lock;
}

/* Lays a version on top: in a bucket that keeps none, or no more, in the place of "null". */
static enum store_outcome kept_push(struct store *store, const struct bucket *bucket,
                                    struct node *node, struct object *object)
{
    struct kept *kept = calloc(1, sizeof *kept);
    if (!kept)
        return STORE_NO_MEMORY;
    kept->object = object;
    if (bucket->keeping == KEEPS_VERSIONS) {
        snprintf(kept->id, sizeof kept->id, "v%012llu", ++store->versions);
    } else {
        strcpy(kept->id, "null");
        struct kept **link = kept_find(node, "null");
        if (*link)
            kept_unlink(link);
    }
    kept->older = node->newest;
    node->newest = kept;
    return STORE_OK;
}

static enum store_outcome bucket_put(struct store *store, struct bucket *bucket,
                                     const char *key, struct object *object, bool only_new)
{
    struct node **links[LEVELS];
    struct node *node = node_find(bucket, key, links);
    if (node && node->newest->object && only_new)
        return STORE_EXISTS;
    if (!node)
        node = node_insert(store, links, key);
    if (!node)
        return STORE_NO_MEMORY;
    enum store_outcome outcome = kept_push(store, bucket, node, object);
    if (!node->newest)
        node_remove(node, links);
    return outcome;
}

enum store_outcome store_put(struct store *store, const char *bucket_name, const char *key,
                             struct object *object, bool only_new)
{
    pthread_mutex_lock(&store->lock);
    struct bucket *bucket = bucket_find(store, bucket_name);
    enum store_outcome outcome =
        bucket ? bucket_put(store, bucket, key, object, only_new) : STORE_NO_BUCKET;
    pthread_mutex_unlock(&store->lock);
    return outcome;
}

enum store_outcome store_get(struct store *store, const char *bucket_name, const char *key,
                             const char *version, struct object **ret_object,
                             struct version *ret_version)
{
    enum store_outcome outcome = STORE_NO_BUCKET;
    pthread_mutex_lock(&store->lock);
    struct bucket *bucket = bucket_find(store, bucket_name);
    if (bucket) {
        struct node **links[LEVELS];
        struct node *node = node_find(bucket, key, links);
        struct kept *kept = node ? *kept_find(node, version) : NULL;
        outcome = !kept ? STORE_NO_KEY : kept->object ? STORE_OK : STORE_MARKER;
        if (kept)
            kept_describe(node, kept, ret_version);
        if (outcome == STORE_OK) {
            atomic_fetch_add(&kept->object->references, 1);
            *ret_object = kept->object;
        }
    }
    pthread_mutex_unlock(&store->lock);
    return outcome;
}

/* Hides the newest version under a marker, whether there is one or not. */
static enum store_outcome bucket_hide(struct store *store, struct bucket *bucket,
                                      struct node *node, struct node ***links, const char *key,
                                      struct version *ret_version)
{
    bool was_there = node && node->newest->object;
    if (!node)
        node = node_insert(store, links, key);
    if (!node || kept_push(store, bucket, node, NULL) != STORE_OK)
        return STORE_NO_MEMORY;
    kept_describe(node, node->newest, ret_version);
    return was_there ? STORE_OK : STORE_NO_KEY;
}

static enum store_outcome bucket_delete(struct store *store, struct bucket *bucket,
                                        const char *key, const char *version,
                                        struct version *ret_version)
{
    struct node **links[LEVELS];
    struct node *node = node_find(bucket, key, links);
    if (!version && bucket->keeping != KEEPS_NOTHING)
        return bucket_hide(store, bucket, node, links, key, ret_version);
    struct kept **link = node ? kept_find(node, version) : NULL;
    if (!link || !*link)
        return STORE_NO_KEY;
    const struct lock *lock = &(*link)->lock;
    if (lock->hold || (*lock->mode && lock->until_ms > clock_wall_ms()))
        return STORE_LOCKED;
    if (version)
        kept_describe(node, *link, ret_version);
    kept_unlink(link);
    if (!node->newest)
        node_remove(node, links);
    return STORE_OK;
}

enum store_outcome store_delete(struct store *store, const char *bucket_name, const char *key,
                                const char *version, struct version *ret_version)
{
    pthread_mutex_lock(&store->lock);
    struct bucket *bucket = bucket_find(store, bucket_name);
    enum store_outcome outcome =
        bucket ? bucket_delete(store, bucket, key, version, ret_version) : STORE_NO_BUCKET;
    pthread_mutex_unlock(&store->lock);
    return outcome;
}

enum store_outcome store_lock(struct store *store, const char *bucket_name, const char *key,
                              const char *version, const struct lock *lock, bool hold)
{
    enum store_outcome outcome = STORE_NO_BUCKET;
    pthread_mutex_lock(&store->lock);
    struct bucket *bucket = bucket_find(store, bucket_name);
    if (bucket) {
        struct node **links[LEVELS];
        struct node *node = node_find(bucket, key, links);
        struct kept *kept = node ? *kept_find(node, version) : NULL;
        outcome = kept ? STORE_OK : STORE_NO_KEY;
        if (kept && hold) {
            kept->lock.hold = lock->hold;
        } else if (kept) {
            bool held = kept->lock.hold;
            kept->lock = *lock;
            kept->lock.hold = held;
        }
    }
    pthread_mutex_unlock(&store->lock);
    return outcome;
}

enum store_outcome store_keep(struct store *store, const char *bucket_name,
                              enum store_keeping keeping)
{
    pthread_mutex_lock(&store->lock);
    struct bucket *bucket = bucket_find(store, bucket_name);
    if (bucket)
        bucket->keeping = keeping;
    pthread_mutex_unlock(&store->lock);
    return bucket ? STORE_OK : STORE_NO_BUCKET;
}

enum store_outcome store_keeping_get(struct store *store, const char *bucket_name,
                                     enum store_keeping *ret_keeping)
{
    pthread_mutex_lock(&store->lock);
    struct bucket *bucket = bucket_find(store, bucket_name);
    if (bucket)
        *ret_keeping = bucket->keeping;
    pthread_mutex_unlock(&store->lock);
    return bucket ? STORE_OK : STORE_NO_BUCKET;
}

/* The first node under `prefix` that is after `after`, or is `after` itself if `with`. */
static struct node *listing_begin(struct bucket *bucket, const char *prefix, const char *after,
                                  bool with)
{
    struct node **links[LEVELS];
    bool resumed = strcmp(after, prefix) >= 0;
    struct node *node = node_find(bucket, resumed ? after : prefix, links);
    return node && resumed && !with ? node->next[0] : *links[0];
}

enum store_outcome
store_list(struct store *store, const char *bucket_name, const char *prefix, const char *after,
           bool (*visit)(void *owner, const char *key, const struct object *object),
           void *owner)
{
    pthread_mutex_lock(&store->lock);
    struct bucket *bucket = bucket_find(store, bucket_name);
    struct node *node = bucket ? listing_begin(bucket, prefix, after, false) : NULL;
    while (node && strncmp(node->key, prefix, strlen(prefix)) == 0 &&
           (!node->newest->object || visit(owner, node->key, node->newest->object)))
        node = node->next[0];
    pthread_mutex_unlock(&store->lock);
    return bucket ? STORE_OK : STORE_NO_BUCKET;
}

enum store_outcome
store_list_versions(struct store *store, const char *bucket_name, const char *prefix,
                    const char *after, const char *after_version,
                    bool (*visit)(void *owner, const char *key, const struct version *version,
                                  const struct object *object),
                    void *owner)
{
    pthread_mutex_lock(&store->lock);
    struct bucket *bucket = bucket_find(store, bucket_name);
    struct node *node =
        bucket ? listing_begin(bucket, prefix, after, after_version != NULL) : NULL;
    bool goes_on = true;
    for (; node && strncmp(node->key, prefix, strlen(prefix)) == 0 && goes_on;
         node = node->next[0]) {
        struct kept *kept = node->newest;
        if (after_version && strcmp(node->key, after) == 0) {
            kept = *kept_find(node, after_version);
            kept = kept ? kept->older : NULL;
        }
        for (; kept && goes_on; kept = kept->older) {
            struct version version;
            kept_describe(node, kept, &version);
            goes_on = visit(owner, node->key, &version, kept->object);
        }
    }
    pthread_mutex_unlock(&store->lock);
    return bucket ? STORE_OK : STORE_NO_BUCKET;
}
