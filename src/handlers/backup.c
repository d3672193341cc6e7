#include "handlers/backup.h"

#include "handlers/service.h"

#include <stdlib.h>
#include <unistd.h>

static void op_free(void *state)
{
    struct repository_op *op = state;
    if (op->file >= 0)
        close(op->file);
    repository_op_deinit(op);
    free(op);
}

static void op_done(struct repository_op *op)
{
    request_resume(op->owner);
}

static void backup_send(struct request *request, struct repository_op *op)
{
    int file = op->file;
    op->file = -1;
    request_set_header(request, "Content-Type", "application/vnd.sqlite3");
    request_set_header(request, "Cache-Control", "no-store");
    request_reply_file(request, 200, file, op->matched);
}

static void backup_end(struct request *request)
{
    struct repository_op *op = request_state(request);
    switch (op->outcome) {
    case REPOSITORY_OK:
        backup_send(request, op);
        return;
    case REPOSITORY_NOT_FOUND:
        request_reply_error(
            request, 501,
            "a PostgreSQL database is copied by its own means: pg_dump, or base "
            "backups with the log for a point in time; call POST /api/epochs afterwards");
        return;
    case REPOSITORY_BUSY:
        request_reply_unavailable(request, "another copy is being made; try again");
        return;
    default:
        request_explain(request, op->error.text);
        request_reply_unavailable(request, op->error.class != ERROR_NONE
                                               ? op->error.text
                                               : "too much waits for the database; try again");
    }
}

void backup_get(struct request *request)
{
    struct service *service = request_context(request);
    struct repository_op *op = NULL;
    if (request_refuse_unknown_query(request, (const char *const[]){NULL}))
        return;
    op = calloc(1, sizeof *op);
    if (!op) {
        request_reply_error(request, 500, "out of memory; try again");
        return;
    }
    *op = (struct repository_op){
        .verb = DATABASE_COPY, .file = -1, .done = op_done, .owner = request};
    request_keep(request, op, op_free);
    request_suspend(request, backup_end);
    if (!runtime_write(service->runtime, op)) {
        op->outcome = REPOSITORY_FAILED;
        request_resume(request);
    }
}
