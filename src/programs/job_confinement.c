#include "programs/job_confinement.h"

#include "base/log.h"
#include "sandbox/sandbox.h"

#include <string.h>

static int states_allow(struct sandbox *sandbox, const struct roster *roster,
                        struct error *error)
{
    int failed = 0;
    for (size_t i = 0; i < roster->count && !failed; i++) {
        const char *state = roster->jobs[i].options->state;
        if (state)
            failed = sandbox_allow_beside(sandbox, state, SANDBOX_WRITES, error);
    }
    return failed;
}

static int enter(const struct roster *roster, bool required, struct error *error)
{
    struct sandbox sandbox;
    struct sandbox_report report;
    if (sandbox_open(&sandbox, false, SANDBOX_ABI_NEWEST, error) < 0)
        return -1;
    sandbox.listens = roster->program.listen;
    if (sandbox_allow(&sandbox, "/", SANDBOX_READS, error) < 0 ||
        sandbox_allow(&sandbox, "/dev/null", SANDBOX_WRITES, error) < 0 ||
        states_allow(&sandbox, roster, error) < 0) {
        sandbox_close(&sandbox);
        return -1;
    }
    return sandbox_enter(&sandbox, required, &report, error);
}

int job_confinement_enter(const struct roster *roster, struct error *error)
{
    const char *wanted = roster->program.sandbox;
    bool required = strcmp(wanted, "required") == 0;
    if (strcmp(wanted, "off") == 0)
        return 0;
    if (!roster_starts_programs(roster))
        return enter(roster, required, error) < 0 ? error_wrap(error, "--sandbox %s", wanted)
                                                  : 0;
    if (required)
        return error_set(error, ERROR_CONFIG,
                         "--sandbox required: an --alert-command would have to live in it; "
                         "give the one or the other");
    log_info("no sandbox", log_text("reason", "a job has an alert command"));
    return 0;
}
