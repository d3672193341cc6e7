/* Landlock by its system calls: the C library has no functions for them. */
#include "sandbox/build.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The first ABI forbids every rename from one folder to another, which is how the local store
 * finishes an upload: it is of no use here.
 */
#define ABI_LEAST    2
#define ABI_TRUNCATE 3
#define ABI_TCP      4
#define ABI_DEVICES  5
#define ABI_SCOPES   6

/* What came after the headers that we build with. */
#define FS_TRUNCATE     (UINT64_C(1) << 14)
#define FS_IOCTL_DEVICE (UINT64_C(1) << 15)
#define NET_BIND_TCP    (UINT64_C(1) << 0)
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT  (UINT64_C(1) << 0)
#define SCOPE_SIGNAL    (UINT64_C(1) << 1)
#define RULE_NET_PORT   2

struct ruleset_attributes {
    uint64_t files, net, scopes;
};

struct port_rule {
    uint64_t allowed, port;
};

/* All rights on files that the second ABI knows; the third and the fifth add one each. */
#define FS_FIRST                                                                               \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |                              \
     LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |                              \
     LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                          \
     LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |                              \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |                              \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |                            \
     LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)

#define FS_READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITES                                                                              \
    (FS_READS | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                            \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE)

/* Those of them that a rule about a single file may name. */
#define FS_OF_FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)

static uint64_t files_handled(int abi)
{
    return FS_FIRST | (abi >= ABI_TRUNCATE ? FS_TRUNCATE : 0) |
           (abi >= ABI_DEVICES ? FS_IOCTL_DEVICE : 0);
}

/* The newest ABI of this kernel, up to `most`; 0: no Landlock that is of use. */
static int abi_find(int most)
{
    if (SANDBOX_SANITIZED)
        return 0;
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    abi = abi < most ? abi : most;
    return abi >= ABI_LEAST ? (int)abi : 0;
}

int sandbox_open(struct sandbox *ret_sandbox, bool tcp, int abi_most, struct error *error)
{
    *ret_sandbox = (struct sandbox){.ruleset = -1, .abi = abi_find(abi_most)};
    if (!ret_sandbox->abi)
        return 0;
    ret_sandbox->tcp = tcp && ret_sandbox->abi >= ABI_TCP;
    struct ruleset_attributes attributes = {
        .files = files_handled(ret_sandbox->abi),
        .net = ret_sandbox->tcp ? NET_BIND_TCP | NET_CONNECT_TCP : 0,
        .scopes = ret_sandbox->abi >= ABI_SCOPES ? SCOPE_ABSTRACT | SCOPE_SIGNAL : 0};
    long ruleset =
        syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, UINT32_C(0));
    if (ruleset < 0)
        return error_set_errno(error, ERROR_UNAVAILABLE, errno, "Landlock");
    ret_sandbox->ruleset = (int)ruleset;
    return 0;
}

static int path_add(const struct sandbox *sandbox, int handle, enum sandbox_access access)
{
    struct stat status;
    if (fstat(handle, &status) < 0)
        return -1;
    uint64_t wanted = access == SANDBOX_WRITES ? FS_WRITES : FS_READS;
    struct landlock_path_beneath_attr rule = {
        .parent_fd = handle,
        .allowed_access = wanted & files_handled(sandbox->abi) &
                          (S_ISDIR(status.st_mode) ? UINT64_MAX : FS_OF_FILES)};
    return (int)syscall(SYS_landlock_add_rule, sandbox->ruleset, LANDLOCK_RULE_PATH_BENEATH,
                        &rule, UINT32_C(0));
}

int sandbox_allow(struct sandbox *sandbox, const char *path, enum sandbox_access access,
                  struct error *error)
{
    if (sandbox->ruleset < 0)
        return 0;
    int handle = open(path, O_PATH | O_CLOEXEC);
    /* What cannot even be looked up now will not be opened later. */
    if (handle < 0)
        return 0;
    int failed = path_add(sandbox, handle, access);
    int code = errno;
    close(handle);
    return failed ? error_set_errno(error, ERROR_UNAVAILABLE, code, "Landlock on %s", path) : 0;
}

static int parent_allow(struct sandbox *sandbox, const char *file, enum sandbox_access access,
                        struct error *error)
{
    char copy[PATH_MAX];
    if (strlen(file) >= sizeof copy)
        return error_set(error, ERROR_CONFIG, "the path %.64s… is too long", file);
    memcpy(copy, file, strlen(file) + 1);
    return sandbox_allow(sandbox, dirname(copy), access, error);
}

int sandbox_allow_beside(struct sandbox *sandbox, const char *file, enum sandbox_access access,
                         struct error *error)
{
    if (parent_allow(sandbox, file, access, error) < 0)
        return -1;
    char *target = realpath(file, NULL);
    int failed = target ? parent_allow(sandbox, target, access, error) : 0;
    free(target);
    return failed;
}

int sandbox_allow_port(struct sandbox *sandbox, int port, struct error *error)
{
    struct port_rule rule = {.allowed = NET_CONNECT_TCP, .port = (uint64_t)port};
    if (!sandbox->tcp || syscall(SYS_landlock_add_rule, sandbox->ruleset, RULE_NET_PORT, &rule,
                                 UINT32_C(0)) == 0)
        return 0;
    return error_set_errno(error, ERROR_UNAVAILABLE, errno, "Landlock on port %d", port);
}

int sandbox_enter_landlock(const struct sandbox *sandbox, struct error *error)
{
    if (sandbox->ruleset < 0)
        return 1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        syscall(SYS_landlock_restrict_self, sandbox->ruleset, UINT32_C(0)) == 0)
        return 0;
    return error_set_errno(error, ERROR_UNAVAILABLE, errno, "Landlock");
}

void sandbox_close(struct sandbox *sandbox)
{
    if (sandbox->ruleset >= 0)
        close(sandbox->ruleset);
    sandbox->ruleset = -1;
}
