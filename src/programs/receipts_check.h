/*
 * receipts_check: is a chain of receipts whole? Reads an export line by line, from a file or as
 * it comes from a service, and believes nothing that is not hashed.
 */
#ifndef PROGRAMS_RECEIPTS_CHECK_H
#define PROGRAMS_RECEIPTS_CHECK_H

#include "base/error.h"
#include "repository/receipts.h"

#include <jansson.h>
#include <stdio.h>

struct receipts_check {
    /* What is called on the way; each may be NULL. -1, with the error, ends the check. */
    int (*record)(void *owner, const struct receipt_record *record, struct error *error);
    /* `newest` is the time of the latest record under the seal; 0: it has none, or is pruned.
     */
    void (*sealed)(void *owner, const struct receipt_seal *seal, int64_t newest);
    void *owner;

    char database_id[UUID_TEXT_SIZE];
    struct receipt_seal last;                        /* number 0: none yet */
    int64_t seals, pruned, objects, persons;         /* in all */
    struct receipt_range open_objects, open_persons; /* behind the last seal; `after` is the
                                                        first */
    int64_t newest;
    int64_t line; /* of the file; 0: none was read */
    bool ended;
    struct receipt_hash *content, *whole;
};

/* Returns 0, or -1 without memory. */
int receipts_check_init(struct receipts_check *check);
void receipts_check_deinit(struct receipts_check *check);

/* The lines that an export begins and ends with. */
int receipts_check_begin_line(struct receipts_check *check, const char *database_id,
                              struct buffer *line);
int receipts_check_end_line(struct receipts_check *check, struct buffer *line);

/*
 * One more line, with its end. Returns 0, or -1: ERROR_INVALID says what is wrong with the
 * chain; nothing behind that is to be believed.
 */
int receipts_check_line(struct receipts_check *check, const char *bytes, size_t length,
                        struct error *error);

/* Reads a whole file; the same. ERROR_CONFIG: it cannot be read. */
int receipts_check_file(struct receipts_check *check, const char *path, struct error *error);

/* The same of one that is open, from where it is to its end; `path` is for words. */
int receipts_check_stream(struct receipts_check *check, FILE *file, const char *path,
                          struct error *error);

/* Writes a record or a seal, as a service sends it, as the line that is hashed; -1 if it is
 * none. */
int receipts_check_format(const json_t *item, struct buffer *line);

/* "2026-11-23T08:19:37.123Z", or a date: its first instant. Returns 0, or -1. */
int receipts_time_parse(const char *text, int64_t *ret_ms);

#endif
