/* A copy of a SQLite database: made in slices between what others do, one at a time. */
#include "contract/repository_support.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As many as it takes for some slices. */
static void crowd_make(void)
{
    sql("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
        "INSERT INTO users (id, first_name, last_name, user_name, email, created_at, "
        "updated_at) SELECT 'many-' || i, 'Ada', 'Lovelace', 'ada', 'ada@example.org', i, i "
        "FROM n");
}

static struct repository_op *copy_op(void)
{
    struct repository_op *op = op_new(DATABASE_COPY);
    op->file = -1;
    return op;
}

/* One slice; true if others follow. */
static bool slice(struct repository_op *op)
{
    driver->copy(driver, op);
    assert_int_equal(op->outcome, REPOSITORY_OK);
    return op->more;
}

static bool file_has(const struct repository_op *op, const char *text)
{
    char *bytes = malloc((size_t)op->matched);
    assert_non_null(bytes);
    assert_int_equal(pread(op->file, bytes, (size_t)op->matched, 0), op->matched);
    bool found = memmem(bytes, (size_t)op->matched, text, strlen(text)) != NULL;
    free(bytes);
    return found;
}

static void copy__has_what_is_written_between_its_slices(void **state)
{
    (void)state;
    crowd_make();
    struct repository_op *op = copy_op();
    assert_true(slice(op));
    user_add(ADA);
    assert_true(slice(op));
    user_add(BOB);
    while (slice(op))
        continue;
    user_add(EVE);
    assert_true(file_has(op, ADA) && file_has(op, BOB));
    assert_false(file_has(op, EVE));
    close(op->file);
}

static void copy__is_one_at_a_time(void **state)
{
    (void)state;
    crowd_make();
    struct repository_op *op = copy_op(), *second = copy_op();
    assert_true(slice(op));
    driver->copy(driver, second);
    assert_int_equal(second->outcome, REPOSITORY_BUSY);
    assert_false(second->more);
    while (slice(op))
        continue;
    close(op->file);
    while (slice(second))
        continue;
    assert_int_equal(second->matched, op->matched);
    close(second->file);
}

static void copy__goes_with_a_database_that_is_closed(void **state)
{
    (void)state;
    crowd_make();
    assert_true(slice(copy_op()));
    driver_close();
    driver_open();
    struct repository_op *op = copy_op();
    while (slice(op))
        continue;
    assert_true(file_has(op, "many-50000"));
    close(op->file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT(copy__has_what_is_written_between_its_slices),
        CONTRACT(copy__is_one_at_a_time),
        CONTRACT(copy__goes_with_a_database_that_is_closed),
    };
    return cmocka_run_group_tests_name("repository: copies", tests, NULL, NULL);
}
