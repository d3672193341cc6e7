/*
 * The failpoints of what talks to PostgreSQL: the database's driver and its queue.
 */
#ifndef FAILPOINTS_CALLS_POSTGRES_H
#define FAILPOINTS_CALLS_POSTGRES_H

#include "failpoints/failpoints.h"

#include <libpq-fe.h>

#define PQconnectPoll(...) FAILPOINT_CALL(PQconnectPoll, PGRES_POLLING_FAILED, 0, __VA_ARGS__)

#define PQconnectStartParams(...) FAILPOINT_MAKE(PQconnectStartParams, NULL, 0, __VA_ARGS__)
#define PQconnectdbParams(...)    FAILPOINT_MAKE(PQconnectdbParams, NULL, 0, __VA_ARGS__)
#define PQconsumeInput(...)       FAILPOINT_CALL(PQconsumeInput, 0, 0, __VA_ARGS__)
#define PQfinish(...)             FAILPOINT_VOID(PQfinish, __VA_ARGS__)
#define PQflush(...)              FAILPOINT_CALL(PQflush, -1, 0, __VA_ARGS__)
#define PQgetResult(...)          FAILPOINT_DO(PQgetResult, __VA_ARGS__)
#define PQpipelineSync(...)       FAILPOINT_MAKE(PQpipelineSync, 0, 0, __VA_ARGS__)
#define PQputCopyData(...)        FAILPOINT_MAKE(PQputCopyData, -1, 0, __VA_ARGS__)
#define PQputCopyEnd(...)         FAILPOINT_MAKE(PQputCopyEnd, -1, 0, __VA_ARGS__)
#define PQsendPrepare(...)        FAILPOINT_MAKE(PQsendPrepare, 0, 0, __VA_ARGS__)
#define PQsendQuery(...)          FAILPOINT_MAKE(PQsendQuery, 0, 0, __VA_ARGS__)
#define PQsendQueryParams(...)    FAILPOINT_MAKE(PQsendQueryParams, 0, 0, __VA_ARGS__)
#define PQsendQueryPrepared(...)  FAILPOINT_MAKE(PQsendQueryPrepared, 0, 0, __VA_ARGS__)

#endif
