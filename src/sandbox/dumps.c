#include "sandbox/sandbox.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int sandbox_refuse_dumps(struct error *error)
{
    /* The limit may have been taken from us by whoever set it; it is the flag that counts. */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0});
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)
        return 0;
    return error_set_errno(error, ERROR_INTERNAL, errno, "core dumps cannot be switched off");
}
