#include "job/work_log.h"

#include "base/log.h"
#include "job/civil.h"

static struct log_field job_field(const struct work *work)
{
    progress_clear(work->progress);
    return log_text("job", work->job->options->name);
}

void work_log_waiting(const struct work *work, const char *reason)
{
    struct log_field job = job_field(work);
    if (reason)
        log_warning("waiting for the service", job, log_text("reason", reason));
    else
        log_info("service is healthy", job);
}

void work_log_call(const struct work *work)
{
    const struct call_verdict *verdict = &work->verdict;
    const struct call_counts *counts = &verdict->counts;
    struct log_field job = job_field(work);
    log_for(&work->trace);
    if (verdict->exit_code)
        log_warning("call failed", job, log_number("status", verdict->status),
                    log_text("reason", verdict->text));
    else if (verdict->counted)
        log_info("call finished", job, log_number("status", verdict->status),
                 log_number("attempted", counts->attempted),
                 log_number("deleted", counts->deleted), log_number("failed", counts->failed),
                 log_number("blocked", counts->blocked),
                 log_number("remaining", counts->remaining),
                 log_text("more", verdict->more ? "yes" : "no"));
    else
        log_info("call finished", job, log_number("status", verdict->status));
    log_for(NULL);
}

#define FIELDS_MAX 20

void work_log_run(const struct work *work)
{
    const struct run_report *last = &work->run.last;
    const struct call_counts *totals = &last->totals;
    char slot[CIVIL_TEXT_SIZE];
    struct log_field fields[FIELDS_MAX];
    size_t count = 0;
    civil_format(last->slot_s, 0, true, slot);
    fields[count++] = job_field(work);
    fields[count++] = log_text("outcome", run_outcome_name(last->outcome));
    fields[count++] = log_text("slot", slot);
    fields[count++] = log_number("latenessMilliseconds", last->lateness_ms);
    fields[count++] = log_number("milliseconds", last->duration_ms);
    fields[count++] = log_number("attempts", last->attempts);
    fields[count++] = log_number("status", last->status);
    if (last->counted) {
        fields[count++] = log_number("attempted", totals->attempted);
        fields[count++] = log_number("deleted", totals->deleted);
        fields[count++] = log_number("failed", totals->failed);
        fields[count++] = log_number("blocked", totals->blocked);
        fields[count++] = log_number("remaining", totals->remaining);
        fields[count++] = log_number("oldestPendingSeconds", last->oldest_pending_s);
    }
    if (last->exit_code) {
        fields[count++] = log_number("exit", last->exit_code);
        fields[count++] = log_text("reason", work->run.reason);
    }
    fields[count++] = log_text("trace", work->trace.id);
    log_write(last->exit_code ? LOG_WARNING : LOG_INFO, "run finished", fields, count);
}

void work_log_passed(const struct work *work, const struct run_command *command)
{
    struct log_field job = job_field(work);
    if (command->missed)
        log_warning("slots missed", job, log_number("slots", command->missed));
    if (command->skipped)
        log_warning("slots skipped", job, log_number("slots", command->skipped));
}

void work_log_sleep(const struct work *work)
{
    const struct zone *zone = work->job->zone;
    struct log_field job = job_field(work);
    char at[CIVIL_TEXT_SIZE];
    int64_t due_s = work->command.until_ms / 1000;
    civil_format(due_s, zone_offset_at(zone, due_s), zone_is_utc(zone), at);
    log_info("next run", job, log_text("at", at));
}
