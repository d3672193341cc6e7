/* Counts what the engine does, at the edge: the engine itself knows of no numbers but its own.
 */
#include "base/log.h"
#include "metrics/metrics.h"
#include "runtime/runtime_state.h"

#include <string.h>

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

/* Whether this is news: an item that failed before the same way was told then. */
static bool item_is_news(const struct confirmation *item)
{
    return item->applied && item->outcome != CONFIRM_DONE &&
           strcmp(item->error_class, item->row->error_class) != 0;
}

/* One line for all that failed alike: an outage must not fill a disk. No key: it may be a name.
 */
static void class_log(const struct confirm *confirm, size_t first)
{
    const struct confirmation *item = &confirm->items[first];
    int64_t count = 0;
    for (size_t i = first; i < confirm->count; i++)
        count += item_is_news(&confirm->items[i]) &&
                 strcmp(confirm->items[i].error_class, item->error_class) == 0;
    log_warning(item->outcome == CONFIRM_BLOCKED ? "deletions blocked"
                                                 : "deletions failed, to be tried again",
                log_number("count", count), log_text("class", item->error_class),
                log_number("status", item->status));
}

static bool class_is_first(const struct confirm *confirm, size_t place)
{
    for (size_t i = 0; i < place; i++) {
        if (item_is_news(&confirm->items[i]) &&
            strcmp(confirm->items[i].error_class, confirm->items[place].error_class) == 0)
            return false;
    }
    return true;
}

void runtime_account_confirm(const struct repository_op *op)
{
    if (op->verb != DELETIONS_CONFIRM || op->outcome != REPOSITORY_OK)
        return;
    for (size_t i = 0; i < op->confirm.count; i++)
        item_account(&op->confirm.items[i]);
    for (size_t i = 0; i < op->confirm.count; i++) {
        if (item_is_news(&op->confirm.items[i]) && class_is_first(&op->confirm, i))
            class_log(&op->confirm, i);
    }
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
