/* The thread that reads, over a driver that only writes down what reaches it. */
#include "repository/repository.h"
#include "support/check.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#define OPS  600
#define ROOM 400

static pthread_mutex_t lock =
    PTHREAD_MUTEX_INITIALIZER; /* held: the database does not answer */
static sem_t begun;
static size_t asked_count, largest, rounds;
static int asked[OPS];
static int answered_count;

static void note_apply(struct repository_driver *driver, struct repository_op **ops,
                       size_t count)
{
    (void)driver;
    for (size_t i = 0; i < count; i++)
        ops[i]->outcome = REPOSITORY_OK;
}

static void note_read(struct repository_driver *driver, struct repository_op *op)
{
    (void)driver;
    op->outcome = REPOSITORY_NOT_FOUND;
}

static void note_look_up(struct repository_driver *driver, struct repository_op **ops,
                         size_t count)
{
    (void)driver;
    sem_post(&begun);
    pthread_mutex_lock(&lock);
    rounds++;
    if (count > largest)
        largest = count;
    for (size_t i = 0; i < count; i++) {
        asked[asked_count++] = (int)ops[i]->limit;
        ops[i]->outcome = REPOSITORY_NOT_FOUND;
    }
    pthread_mutex_unlock(&lock);
}

static void note_close(struct repository_driver *driver)
{
    (void)driver;
}

static struct repository_driver far_driver = {.name = "far",
                                              .apply = note_apply,
                                              .read = note_read,
                                              .look_up = note_look_up,
                                              .close = note_close};
static struct repository_driver near_driver = {
    .name = "near", .apply = note_apply, .read = note_read, .close = note_close};

/* On the thread that reads, or after it was joined. */
static void on_done(struct repository_op *op)
{
    if (op->outcome == REPOSITORY_NOT_FOUND)
        answered_count++;
}

static struct repository_op ops[OPS];
static struct repository *repository;

static int thread_start(void **state)
{
    (void)state;
    const struct repository_room room = {.operations = 4, .lookups = ROOM};
    struct error error = {0};
    asked_count = largest = rounds = 0;
    answered_count = 0;
    memset(ops, 0, sizeof ops);
    for (int i = 0; i < OPS; i++) {
        ops[i].verb = USER_GET;
        ops[i].limit = i;
        ops[i].done = on_done;
    }
    return sem_init(&begun, 0, 0) || repository_open(&far_driver, &room, &repository, &error);
}

static int thread_forget(void **state)
{
    (void)state;
    return sem_destroy(&begun);
}

/* The database has been asked for the first, and does not answer. */
static void thread_hold(void)
{
    pthread_mutex_lock(&lock);
    assert_true(repository_look_up(repository, &ops[0]));
    while (sem_wait(&begun) != 0)
        continue;
}

static void lookups__that_queued_up_are_asked_for_together(void **state)
{
    (void)state;
    thread_hold();
    for (int i = 1; i <= 100; i++)
        assert_true(repository_look_up(repository, &ops[i]));
    pthread_mutex_unlock(&lock);
    repository_close(repository);
    assert_int_equal(rounds, 2);
    assert_int_equal(largest, 100);
    assert_int_equal(answered_count, 101);
    for (int i = 0; i <= 100; i++)
        assert_int_equal(asked[i], i);
}

static void lookups__are_refused_once_too_many_wait(void **state)
{
    (void)state;
    thread_hold();
    for (int i = 1; i <= ROOM; i++)
        assert_true(repository_look_up(repository, &ops[i]));
    assert_false(repository_look_up(repository, &ops[ROOM + 1]));
    pthread_mutex_unlock(&lock);
    repository_close(repository);
    assert_int_equal(answered_count, ROOM + 1);
    assert_in_range(largest, ROOM / 2, ROOM - 1);
}

static void lookups__that_wait_are_answered_before_the_end(void **state)
{
    (void)state;
    for (int i = 0; i < ROOM; i++)
        assert_true(repository_look_up(repository, &ops[i]));
    repository_close(repository);
    assert_int_equal(answered_count, ROOM);
}

static void lookups__have_no_thread_where_reading_waits_for_nobody(void **state)
{
    (void)state;
    const struct repository_room room = {.operations = 4, .lookups = ROOM};
    struct error error = {0};
    assert_false(repository_reads_at_once(repository));
    repository_close(repository);
    assert_int_equal(repository_open(&near_driver, &room, &repository, &error), 0);
    assert_true(repository_reads_at_once(repository));
    repository_close(repository);
}

#define WITH_THREAD(function)                                                                  \
    cmocka_unit_test_setup_teardown(function, thread_start, thread_forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_THREAD(lookups__that_queued_up_are_asked_for_together),
        WITH_THREAD(lookups__are_refused_once_too_many_wait),
        WITH_THREAD(lookups__that_wait_are_answered_before_the_end),
        WITH_THREAD(lookups__have_no_thread_where_reading_waits_for_nobody),
    };
    return cmocka_run_group_tests_name("repository: look-ups", tests, NULL, NULL);
}
