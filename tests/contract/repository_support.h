/*
 * repository_support: what the tests of the repository's contract say in one line.
 *
 * They go through the driver's interface alone (`apply`, `read`), and look at the rows, or put
 * them into the past, with plain SQL: no test waits for a clock.
 */
#ifndef CONTRACT_REPOSITORY_SUPPORT_H
#define CONTRACT_REPOSITORY_SUPPORT_H

#include "contract/repository_database.h"
#include "repository/repository.h"
#include "support/check.h"

#define ADA "01900000-0000-7000-8000-00000000000a"
#define BOB "01900000-0000-7000-8000-00000000000b"
#define EVE "01900000-0000-7000-8000-00000000000e"

#define STORE       "01900000-0000-7000-8000-0000000000f1"
#define OTHER_STORE "01900000-0000-7000-8000-0000000000f2"

#define GUARD_MS       INT64_C(900000)
#define LEASE_MS       INT64_C(60000)
#define DELAY_MS       INT64_C(1800000)
#define SECOND_LOOK_MS INT64_C(86400000)

/* A test with a new, empty, opened database. */
#define CONTRACT(function)                                                                     \
    cmocka_unit_test_setup_teardown(function, contract_begin, contract_end)

int contract_begin(void **state);
int contract_end(void **state);

/* Begins anew inside a test, for the next row of a table; prints it. */
void contract_renew(const char *row);

extern struct repository_driver *driver;

/* Closes the driver, as the end of the process would; opens it again. */
void driver_close(void);
void driver_open(void);

/* Plain SQL, printf-like. `sql` fails the test if it is refused. */
void sql(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool sql_is_refused(const char *format, ...) __attribute__((format(printf, 1, 2)));
int64_t sql_number(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The text stays until the next call. */
const char *sql_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A column of the deletion of `key`. */
int64_t row_number(const char *key, const char *column);
const char *row_text(const char *key, const char *column);
bool row_exists(const char *key);
int64_t receipts_count(const char *key);

/* The row's hard and soft time are past; its lease has run out. */
void row_make_due(const char *key);
void row_end_lease(const char *key);

/* An operation that the end of the test frees. */
struct repository_op *op_new(enum repository_verb verb);

/* Looks at all marked users; returns how many are gone. */
int64_t marked_finish(void);

/* Carries it out alone, or several in one batch. */
enum repository_outcome op_apply(struct repository_op *op);
void ops_apply(struct repository_op **ops, size_t count);
struct repository_op *op_read(struct repository_op *op);

/* Users and uploads. */
struct repository_op *user_op(enum repository_verb verb, const char *id);
struct repository_op *guard_op(const char *id, const char *key);
struct repository_op *attach_op(const char *id, const char *key);
void user_add(const char *id);
void user_add_with_avatar(const char *id, const char *key);
void avatar_give(const char *id, const char *key);
enum repository_outcome guard_add(const char *id, const char *key);
enum repository_outcome attach(const char *id, const char *key);
enum repository_outcome settle(const char *key);
enum repository_outcome mark(const char *id);
enum repository_outcome clear(const char *id);

/* Leaves a pending row of reason "user" for `key`, due now, whose user is gone. */
void deletion_leave(const char *user_id, const char *key);

/* Claims: `limit` and `lease_ms` get a default. The rows stay until the end of the test. */
const struct claim *claim(struct claim wanted);
const struct claim *claim_key(const char *key);
bool claim_has(const struct claim *claim, const char *key);

/* Claims the row of `key`, which must be there to be claimed. */
const struct deletion *row_claim(const char *key);

/* Confirms with what a try would say: a class of error, a delay, one try spent. */
struct confirmation confirm(const struct deletion *row, enum confirm_outcome outcome);
struct confirmation confirm_blocked(const struct deletion *row, const char *error_class);

/* Claims and confirms as done. */
struct confirmation finish(const char *key);

struct erasure erasure_get(const char *id);
struct backlog backlog_get(void);

#endif
