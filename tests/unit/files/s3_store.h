/*
 * s3_store: the S3 driver over a server that answers what no real one does on request.
 */
#ifndef TESTS_UNIT_FILES_S3_STORE_H
#define TESTS_UNIT_FILES_S3_STORE_H

#include "files/s3/s3.h"
#include "server.h"

#define KEYS     3
#define PATIENCE 5000
/* For what is to run into its deadline. */
#define BRIEF 250
/* What two clocks that count in milliseconds may differ in. */
#define ROUNDING 2

#define DELETED(key) "<Deleted><Key>pre/" key "</Key></Deleted>"
#define REFUSED(key, code)                                                                     \
    "<Error><Key>pre/" key "</Key><Code>" code "</Code><Message>said so</Message></Error>"
#define RESULT(entries)                                                                        \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"                                               \
    "<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" entries                 \
    "</DeleteResult>"

extern struct server server;
extern struct files_driver *driver;

/* What is deleted, and what was said of each. */
extern const char *const keys[KEYS];
extern struct files_answer answers[KEYS];

/* Gives the driver credentials, and a proxy that it must not use. */
void environment_set(void);

/* An answer with a body and the right length, in a place that holds until the next test. */
const char *reply(const char *status, const char *headers, const char *body);

/* Said of a bucket that keeps no versions: what a deletion asks first. */
#define KEEPS_NO_VERSIONS reply("200 OK", "", "<VersioningConfiguration/>")

/* Opens the driver on a port of `host`; `more` is the end of its address. */
void driver_open(const char *host, unsigned port, const char *more);

/* Starts a server and opens the driver on it, under the name `host`. */
void store_open_at(const char *host, const char *more, const struct server_reply *replies,
                   size_t count);
void store_open(const struct server_reply *replies, size_t count);
void store_close(void);

/* Counts in the `unsigned` that the operation's owner is. */
void on_done(struct files_op *op);

/* Runs one operation on this thread until it is answered. */
void run(struct files_op *op, int64_t within_ms);

/* Deletes `count` of the keys, in a bucket that keeps no versions, against one reply. */
struct files_op delete_against(size_t count, const char *bytes, enum server_after after,
                               int64_t within_ms);

/* Deletes all of them against a 200 with this body. */
void batch(const char *body);

void assert_answer(const struct files_answer *answer, int status, const char *code);

/* The same of every key. */
void assert_all(int status, const char *code);

#endif
