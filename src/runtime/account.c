/* Counts what the engine does, at the edge: the engine itself knows of no numbers but its own.
 */
#include "metrics/metrics.h"
#include "runtime/runtime_state.h"

static const char *outcome_name(enum confirm_outcome outcome)
{
    static const char *const names[] = {
        [CONFIRM_DONE] = "done", [CONFIRM_RETRY] = "retry", [CONFIRM_BLOCKED] = "blocked"};
    return names[outcome];
}

static void item_account(const struct confirmation *item)
{
    if (!item->applied)
        return;
    metrics_add(METRIC_ATTEMPTS, 1, outcome_name(item->outcome),
                *item->error_class ? item->error_class : "none");
    if (item->finished)
        metrics_add(METRIC_FINISHED, 1, deletion_reason_name(item->row->reason));
    if (item->user_gone)
        metrics_add(METRIC_ERASED, 1);
}

void runtime_account_confirm(const struct repository_op *op)
{
    if (op->verb != DELETIONS_CONFIRM || op->outcome != REPOSITORY_OK)
        return;
    for (size_t i = 0; i < op->confirm.count; i++)
        item_account(&op->confirm.items[i]);
}

void runtime_account_breaker(enum breaker_state before, enum breaker_state after)
{
    if (before == BREAKER_CLOSED && after != BREAKER_CLOSED)
        metrics_add(METRIC_BREAKER_OPENED, 1);
}

/* Only an alarm about live users' objects has a number. */
void runtime_account_alarm(const struct engine_command *command)
{
    if (command->number)
        metrics_add(METRIC_ALARMS, command->number);
}
