/*
 * sandbox: what a program gives up for good before it speaks with anybody.
 *
 * For the day on which somebody has taken the process over from inside. Landlock leaves it the
 * folders and the TCP ports that were named; seccomp leaves it the system calls that a service
 * makes. Both hold for the calling thread and for those that it starts from then on, so enter
 * it before there are others.
 *
 * In a build with sanitizers Landlock stays off, and seccomp allows what they need.
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include "base/error.h"

#include <stdbool.h>

struct sandbox {
    int ruleset;  /* -1: there is no Landlock here */
    int abi;      /* of Landlock, as far as it is used; 0: none */
    bool tcp;     /* ports are named */
    bool listens; /* set it before sandbox_enter to go on opening listeners */
};

enum sandbox_state {
    SANDBOX_OFF, /* nobody wanted it */
    SANDBOX_UNSUPPORTED,
    SANDBOX_ON,
};

/* What holds from now on. */
struct sandbox_report {
    enum sandbox_state seccomp, landlock;
    int landlock_abi;
    bool tcp;
};

/* The state as a constant text: "off", "unsupported" or "on". */
const char *sandbox_state_name(enum sandbox_state state);

enum sandbox_access {
    SANDBOX_READS,
    SANDBOX_WRITES, /* and makes, renames and removes files and folders, and reads */
};

/* The newest ABI of Landlock that is made use of: of Linux 6.12. */
#define SANDBOX_ABI_NEWEST 6

/*
 * Begins a sandbox in which no file may be opened, and with `tcp` no TCP connection made or
 * listened for. Everything below does nothing where the kernel has no Landlock. `abi_most` is
 * SANDBOX_ABI_NEWEST, or less for what an older kernel would do.
 */
int sandbox_open(struct sandbox *ret_sandbox, bool tcp, int abi_most, struct error *error);

/* Allows a file, or a folder and all below it. A path that is not there is passed over. */
int sandbox_allow(struct sandbox *sandbox, const char *path, enum sandbox_access access,
                  struct error *error);

/* Allows the folder that `file` is in, and the one that it leads to if it is a link: a file
 * that is replaced by a rename is another file to the kernel. */
int sandbox_allow_beside(struct sandbox *sandbox, const char *file, enum sandbox_access access,
                         struct error *error);

/* Allows TCP connections to `port` of any machine. */
int sandbox_allow_port(struct sandbox *sandbox, int port, struct error *error);

/*
 * Enters it; there is no way back. What holds then is logged. What this kernel lacks is an
 * error (ERROR_UNAVAILABLE) only if all of it is `required`. The sandbox is closed in any case.
 */
int sandbox_enter(struct sandbox *sandbox, bool required, struct sandbox_report *ret_report,
                  struct error *error);

/* Gives up one that was not entered. */
void sandbox_close(struct sandbox *sandbox);

/* The parts of sandbox_enter. 1: this kernel has no such thing. */
int sandbox_enter_landlock(const struct sandbox *sandbox, struct error *error);
int sandbox_enter_seccomp(bool listens, struct error *error);

/* No core dump and no debugger of the same user from now on: memory holds secrets. */
int sandbox_refuse_dumps(struct error *error);

#endif
