#include "sandbox/sandbox.h"

#include "base/log.h"

const char *sandbox_state_name(enum sandbox_state state)
{
    static const char *const names[] = {
        [SANDBOX_OFF] = "off", [SANDBOX_UNSUPPORTED] = "unsupported", [SANDBOX_ON] = "on"};
    return names[state];
}

static int report_judge(const struct sandbox_report *report, bool required, struct error *error)
{
    const char *seccomp = sandbox_state_name(report->seccomp);
    const char *landlock = sandbox_state_name(report->landlock);
    log_info("sandbox", log_text("seccomp", seccomp), log_text("landlock", landlock),
             log_number("landlockAbi", report->landlock_abi),
             log_text("tcp", report->tcp ? "on" : "off"));
    if (!required || (report->seccomp == SANDBOX_ON && report->landlock == SANDBOX_ON))
        return 0;
    return error_set(error, ERROR_UNAVAILABLE,
                     "this kernel has not all that is required (seccomp %s, Landlock %s); "
                     "--sandbox on takes what there is",
                     seccomp, landlock);
}

int sandbox_enter(struct sandbox *sandbox, bool required, struct sandbox_report *ret_report,
                  struct error *error)
{
    int landlock = sandbox_enter_landlock(sandbox, error);
    int seccomp = landlock < 0 ? -1 : sandbox_enter_seccomp(sandbox->listens, error);
    sandbox_close(sandbox);
    if (seccomp < 0)
        return -1;
    *ret_report = (struct sandbox_report){
        .seccomp = seccomp ? SANDBOX_UNSUPPORTED : SANDBOX_ON,
        .landlock = landlock ? SANDBOX_UNSUPPORTED : SANDBOX_ON,
        .landlock_abi = sandbox->abi,
        .tcp = sandbox->tcp,
    };
    return report_judge(ret_report, required, error);
}
