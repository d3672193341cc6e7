/*
 * notify: wakes through PostgreSQL's NOTIFY, on the database that is there anyway.
 *
 * Two connections, apart from the store thread's: one tells, one listens. Each wake is a
 * transaction of its own, after the commit that it is about, and names who sent it, so that
 * nobody is woken by himself.
 *
 * Behind a pooler that gives each transaction another connection, LISTEN succeeds and nothing
 * is ever heard. So a listener tells itself something now and then; if that is not heard within
 * 5 s, it wakes its engine every second instead, and says so once.
 */
#ifndef WAKE_POSTGRES_NOTIFY_H
#define WAKE_POSTGRES_NOTIFY_H

#include "wake/wake.h"

/* `url` is the database's address; `listens`: false for who only announces. ERROR_USAGE. */
int wake_postgres_new(const char *url, bool listens, struct wake_driver **ret_driver,
                      struct error *error);

#endif
