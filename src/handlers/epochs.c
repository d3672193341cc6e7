#include "handlers/epochs.h"

#include "handlers/service.h"

#include <stdlib.h>

static void raise_ended(struct epoch_raise *raise)
{
    request_resume(raise->owner);
}

static void post_end(struct request *request)
{
    const struct epoch_raise *raise = request_state(request);
    if (raise->number)
        request_reply_data(request, 200,
                           json_pack("{s:I}", "epoch", (json_int_t)raise->number));
    else if (raise->error.class == ERROR_CONFIG)
        request_reply_error(request, 409, "%s", raise->error.text);
    else
        request_reply_unavailable(request, raise->error.text);
}

void epochs_post(struct request *request)
{
    struct service *service = request_context(request);
    if (request_refuse_unknown_query(request, (const char *const[]){NULL}))
        return;
    struct epoch_raise *raise = calloc(1, sizeof *raise);
    if (!raise) {
        request_reply_error(request, 500, "out of memory; try again");
        return;
    }
    raise->ended = raise_ended;
    raise->owner = request;
    request_keep(request, raise, free);
    request_suspend(request, post_end);
    if (!runtime_raise_epoch(service->runtime, raise)) {
        error_set(&raise->error, ERROR_UNAVAILABLE, "too much waits for the engine; try again");
        request_resume(request);
    }
}
