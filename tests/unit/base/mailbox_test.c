#include "base/mailbox.h"
#include "support/check.h"

#include <sched.h>
#include <stdatomic.h>

static struct mailbox mailbox;
static struct message messages[8];
static atomic_int notified;

static void on_notify(void *owner)
{
    atomic_fetch_add((atomic_int *)owner, 1);
}

static int box_make(void **state)
{
    (void)state;
    atomic_store(&notified, 0);
    return mailbox_init(&mailbox, 3, on_notify, &notified);
}

static int box_forget(void **state)
{
    (void)state;
    mailbox_deinit(&mailbox);
    return 0;
}

static void mailbox__gives_out_what_was_posted_in_its_order(void **state)
{
    (void)state;
    assert_null(mailbox_take(&mailbox, 0));
    for (int i = 0; i < 3; i++)
        assert_true(mailbox_post(&mailbox, &messages[i]));
    struct message *chain = mailbox_take(&mailbox, -1);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(chain, &messages[i]);
        chain = chain->next;
    }
    assert_null(chain);
    assert_null(mailbox_take(&mailbox, 0));
    assert_int_equal(atomic_load(&notified), 3);
}

static void mailbox__refuses_what_it_has_no_place_for(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(mailbox_post(&mailbox, &messages[i]));
    assert_false(mailbox_post(&mailbox, &messages[3]));
    assert_false(mailbox_reserve(&mailbox));
    assert_int_equal(mailbox_depth(&mailbox), 3);
    mailbox_take(&mailbox, 0);
    assert_int_equal(mailbox_depth(&mailbox), 0);
    assert_true(mailbox_post(&mailbox, &messages[3]));
}

static void mailbox__keeps_a_reserved_place_for_its_owner(void **state)
{
    (void)state;
    assert_true(mailbox_reserve(&mailbox));
    assert_true(mailbox_post(&mailbox, &messages[0]));
    assert_true(mailbox_post(&mailbox, &messages[1]));
    assert_false(mailbox_post(&mailbox, &messages[2]));
    mailbox_take(&mailbox, 0);
    assert_int_equal(mailbox_depth(&mailbox), 1);
    mailbox_post_reserved(&mailbox, &messages[3]);
    assert_int_equal(mailbox_depth(&mailbox), 1);
    assert_ptr_equal(mailbox_take(&mailbox, 0), &messages[3]);
    assert_int_equal(mailbox_depth(&mailbox), 0);
}

static void mailbox__takes_a_place_back(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(mailbox_reserve(&mailbox));
    assert_false(mailbox_reserve(&mailbox));
    mailbox_release(&mailbox);
    assert_true(mailbox_post(&mailbox, &messages[0]));
    assert_false(mailbox_reserve(&mailbox));
}

static void mailbox__takes_more_from_those_who_bound_themselves(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++)
        mailbox_post_always(&mailbox, &messages[i]);
    assert_int_equal(mailbox_depth(&mailbox), 8);
    assert_false(mailbox_reserve(&mailbox));
    mailbox_take(&mailbox, 0);
    assert_int_equal(mailbox_depth(&mailbox), 0);
}

static void mailbox__wakes_its_reader_once_without_a_message(void **state)
{
    (void)state;
    mailbox_wake(&mailbox);
    assert_int_equal(atomic_load(&notified), 1);
    assert_null(mailbox_take(&mailbox, -1));
    assert_null(mailbox_take(&mailbox, 1));
    mailbox_wake(&mailbox);
    mailbox_wake(&mailbox);
    assert_null(mailbox_take(&mailbox, -1));
    assert_false(mailbox.woken);
}

static void mailbox__waits_no_longer_than_it_was_told(void **state)
{
    (void)state;
    static const int64_t times[] = {0, 1, 20};
    for (size_t i = 0; i < COUNT_OF(times); i++)
        assert_null(mailbox_take(&mailbox, times[i]));
}

#define WRITERS 4
#define EACH    2000

struct letter {
    struct message message;
    int writer, number;
};

static struct letter letters[WRITERS][EACH];

/* Every way to post, from many threads, into few places. */
static void *letters_post(void *argument)
{
    struct letter *row = argument;
    for (int i = 0; i < EACH; i++) {
        row[i].number = i;
        switch (i % 4) {
        case 0:
            while (!mailbox_post(&mailbox, &row[i].message))
                sched_yield();
            break;
        case 1:
            while (!mailbox_reserve(&mailbox))
                sched_yield();
            mailbox_post_reserved(&mailbox, &row[i].message);
            break;
        case 2:
            if (mailbox_reserve(&mailbox))
                mailbox_release(&mailbox);
            mailbox_post_always(&mailbox, &row[i].message);
            break;
        default:
            mailbox_wake(&mailbox);
            mailbox_post_always(&mailbox, &row[i].message);
        }
    }
    return NULL;
}

static void mailbox__loses_and_repeats_nothing_among_many_threads(void **state)
{
    (void)state;
    pthread_t threads[WRITERS];
    int next[WRITERS] = {0};
    for (int i = 0; i < WRITERS; i++) {
        for (int j = 0; j < EACH; j++)
            letters[i][j].writer = i;
        assert_int_equal(pthread_create(&threads[i], NULL, letters_post, letters[i]), 0);
    }
    for (int left = WRITERS * EACH; left > 0;) {
        struct message *chain = mailbox_take(&mailbox, -1);
        for (; chain; chain = chain->next, left--) {
            const struct letter *letter = (const struct letter *)chain;
            assert_int_equal(letter->number, next[letter->writer]);
            next[letter->writer]++;
        }
    }
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(mailbox_depth(&mailbox), 0);
    assert_null(mailbox_take(&mailbox, 0));
    assert_true(atomic_load(&notified) >= WRITERS * EACH);
}

#define WITH_BOX(function) cmocka_unit_test_setup_teardown(function, box_make, box_forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BOX(mailbox__gives_out_what_was_posted_in_its_order),
        WITH_BOX(mailbox__refuses_what_it_has_no_place_for),
        WITH_BOX(mailbox__keeps_a_reserved_place_for_its_owner),
        WITH_BOX(mailbox__takes_a_place_back),
        WITH_BOX(mailbox__takes_more_from_those_who_bound_themselves),
        WITH_BOX(mailbox__wakes_its_reader_once_without_a_message),
        WITH_BOX(mailbox__waits_no_longer_than_it_was_told),
        WITH_BOX(mailbox__loses_and_repeats_nothing_among_many_threads),
    };
    return cmocka_run_group_tests_name("base: mailbox", tests, NULL, NULL);
}
