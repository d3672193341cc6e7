#include "store.h"

#include "base/clock.h"
#include "base/random.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A quarter of the nodes reaches the next level: 4^12 objects before the top gets crowded. */
#define LEVELS 12

/* A node of a skip list; its key follows its last link. */
struct node {
    struct object *object;
    char *key;
    struct node *next[];
};

struct bucket {
    struct bucket *next;
    char *name;
    struct node *first[LEVELS];
};

struct store {
    pthread_mutex_t lock;
    struct random random;
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

static void bucket_free(struct bucket *bucket)
{
    for (struct node *node = bucket->first[0], *next; node; node = next) {
        next = node->next[0];
        object_release(node->object);
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

static bool node_insert(struct store *store, struct node ***links, const char *key,
                        struct object *object)
{
    size_t height = (size_t)height_draw(store);
    size_t head = sizeof(struct node) + height * sizeof(struct node *);
    struct node *node = malloc(head + strlen(key) + 1);
    if (!node)
        return false;
    node->object = object;
    node->key = (char *)node + head;
    memcpy(node->key, key, strlen(key) + 1);
    for (size_t i = 0; i < height; i++) {
        node->next[i] = *links[i];
        *links[i] = node;
    }
    return true;
}

static enum store_outcome bucket_put(struct store *store, struct bucket *bucket,
                                     const char *key, struct object *object, bool only_new)
{
    struct node **links[LEVELS];
    struct node *node = node_find(bucket, key, links);
    if (!node)
        return node_insert(store, links, key, object) ? STORE_OK : STORE_NO_MEMORY;
    if (only_new)
        return STORE_EXISTS;
    object_release(node->object);
    node->object = object;
    return STORE_OK;
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
                             struct object **ret_object)
{
    enum store_outcome outcome = STORE_NO_BUCKET;
    pthread_mutex_lock(&store->lock);
    struct bucket *bucket = bucket_find(store, bucket_name);
    if (bucket) {
        struct node **links[LEVELS];
        struct node *node = node_find(bucket, key, links);
        outcome = node ? STORE_OK : STORE_NO_KEY;
        if (node) {
            atomic_fetch_add(&node->object->references, 1);
            *ret_object = node->object;
        }
    }
    pthread_mutex_unlock(&store->lock);
    return outcome;
}

static enum store_outcome bucket_delete(struct bucket *bucket, const char *key)
{
    struct node **links[LEVELS];
    struct node *node = node_find(bucket, key, links);
    if (!node)
        return STORE_NO_KEY;
    for (int i = 0; i < LEVELS && *links[i] == node; i++)
        *links[i] = node->next[i];
    object_release(node->object);
    free(node);
    return STORE_OK;
}

enum store_outcome store_delete(struct store *store, const char *bucket_name, const char *key)
{
    pthread_mutex_lock(&store->lock);
    struct bucket *bucket = bucket_find(store, bucket_name);
    enum store_outcome outcome = bucket ? bucket_delete(bucket, key) : STORE_NO_BUCKET;
    pthread_mutex_unlock(&store->lock);
    return outcome;
}

static void bucket_list(struct bucket *bucket, const char *prefix, const char *after,
                        bool (*visit)(void *owner, const char *key,
                                      const struct object *object),
                        void *owner)
{
    size_t length = strlen(prefix);
    struct node **links[LEVELS];
    bool resumed = strcmp(after, prefix) >= 0;
    struct node *node = node_find(bucket, resumed ? after : prefix, links);
    node = node && resumed ? node->next[0] : *links[0];
    while (node && strncmp(node->key, prefix, length) == 0 &&
           visit(owner, node->key, node->object))
        node = node->next[0];
}

enum store_outcome
store_list(struct store *store, const char *bucket_name, const char *prefix, const char *after,
           bool (*visit)(void *owner, const char *key, const struct object *object),
           void *owner)
{
    pthread_mutex_lock(&store->lock);
    struct bucket *bucket = bucket_find(store, bucket_name);
    if (bucket)
        bucket_list(bucket, prefix, after, visit, owner);
    pthread_mutex_unlock(&store->lock);
    return bucket ? STORE_OK : STORE_NO_BUCKET;
}
