/*
 * The system calls in three lists: what a service makes is allowed; what only an intruder would
 * make ends the process; everything else is answered as by a kernel that does not have it, so
 * that a library that tries something newer falls back to what it did before.
 */
#include "sandbox/build.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Longest name of a call, with its end. */
#define CALL_NAME_SIZE 32

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static const char *const allowed[] = {
    /* Memory; mmap and mprotect are below. */
    "brk munmap mremap madvise mlock munlock msync mincore membarrier",
    /* Threads and time. */
    "futex futex_waitv set_robust_list get_robust_list rseq set_tid_address sched_yield "
    "sched_getaffinity sched_getparam sched_getscheduler sched_get_priority_max "
    "sched_get_priority_min getcpu exit exit_group restart_syscall nanosleep clock_nanosleep "
    "clock_gettime clock_getres gettimeofday time times",
    /* Files. */
    "read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 open openat "
    "openat2 creat close close_range lseek stat lstat fstat newfstatat fstatat64 statx statfs "
    "fstatfs access faccessat faccessat2 readlink readlinkat getdents getdents64 getcwd mkdir "
    "mkdirat rmdir rename renameat renameat2 link linkat unlink unlinkat fchmod fchown umask "
    "truncate ftruncate fallocate fsync fdatasync sync_file_range fadvise64 copy_file_range "
    "sendfile flock fcntl dup dup2 dup3 utimensat",
    /* Waiting. */
    "poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait "
    "epoll_pwait2 eventfd eventfd2 pipe pipe2 timerfd_create timerfd_settime timerfd_gettime "
    "signalfd signalfd4 pause",
    /* The network; socket is below, and listen is added for who needs it. */
    "socketpair bind connect accept accept4 shutdown getsockname getpeername getsockopt "
    "setsockopt sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg",
    /* Signals to itself, and what it may know about itself. */
    "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigtimedwait rt_sigpending rt_sigsuspend "
    "sigaltstack getpid gettid getppid getuid geteuid getgid getegid getgroups getresuid "
    "getresgid getrusage getrlimit sysinfo uname getrandom"};

static const char *const fatal[] = {
    /* Other programs, and other processes' memory. */
    "execve execveat fork vfork ptrace process_vm_readv process_vm_writev pidfd_getfd kcmp "
    "userfaultfd personality",
    /* What the machine is made of. */
    "mount umount2 pivot_root chroot fsopen fsconfig fsmount fspick move_mount open_tree "
    "mount_setattr setns unshare open_by_handle_at swapon swapoff reboot kexec_load "
    "kexec_file_load init_module finit_module delete_module settimeofday clock_settime "
    "sethostname setdomainname iopl ioperm modify_ldt syslog acct quotactl mknod mknodat",
    /* Whose faults have been the way into the kernel. */
    "bpf perf_event_open io_uring_setup io_uring_enter io_uring_register fanotify_init",
    /* Other users' rights. */
    "setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capset"};

/* What sanitizers do beside: they stop threads to look for leaks, and read their own maps. */
static const char sanitizers_need[] =
    "mmap mprotect clone prctl ptrace personality wait4 tgkill prlimit64 process_vm_readv "
    "setrlimit kill";

/* A rule about one or two of a call's arguments. */
struct argument_rule {
    const char *call;
    uint32_t action;
    struct scmp_arg_cmp arguments[2]; /* the second: all zero if there is none */
};

/* Arguments: its place, and what must hold for it. */
#define IS(place, value)                                                                       \
    {                                                                                          \
        (place), SCMP_CMP_EQ, (value), 0                                                       \
    }
#define BITS(place, mask, value)                                                               \
    {                                                                                          \
        (place), SCMP_CMP_MASKED_EQ, (mask), (value)                                           \
    }
#define FAMILY(family) IS(0, family)
#define KIND(kind)     BITS(1, 0xf, kind)

static const struct argument_rule argument_rules[] = {
    /* Nothing is written and run. */
    {"mmap", SCMP_ACT_ALLOW, {BITS(2, PROT_EXEC, 0)}},
    {"mmap",
     SCMP_ACT_ALLOW,
     {BITS(2, PROT_EXEC | PROT_WRITE, PROT_EXEC), BITS(3, MAP_ANONYMOUS, 0)}},
    {"mprotect", SCMP_ACT_ALLOW, {BITS(2, PROT_EXEC, 0)}},
    /* A thread, and no process. clone3 hides its flags: the C library then takes this one. */
    {"clone", SCMP_ACT_ALLOW, {BITS(0, CLONE_THREAD, CLONE_THREAD)}},
    {"socket", SCMP_ACT_ALLOW, {FAMILY(AF_UNIX)}},
    {"socket", SCMP_ACT_ALLOW, {FAMILY(AF_INET), KIND(SOCK_STREAM)}},
    {"socket", SCMP_ACT_ALLOW, {FAMILY(AF_INET), KIND(SOCK_DGRAM)}},
    {"socket", SCMP_ACT_ALLOW, {FAMILY(AF_INET6), KIND(SOCK_STREAM)}},
    {"socket", SCMP_ACT_ALLOW, {FAMILY(AF_INET6), KIND(SOCK_DGRAM)}},
    /* By which getaddrinfo learns the machine's addresses. */
    {"socket", SCMP_ACT_ALLOW, {FAMILY(AF_NETLINK), IS(2, 0)}},
    {"socket", SCMP_ACT_KILL_PROCESS, {FAMILY(AF_INET), KIND(SOCK_RAW)}},
    {"socket", SCMP_ACT_KILL_PROCESS, {FAMILY(AF_INET6), KIND(SOCK_RAW)}},
    {"socket", SCMP_ACT_KILL_PROCESS, {FAMILY(AF_PACKET)}},
    {"ioctl", SCMP_ACT_ALLOW, {IS(1, FIONBIO)}},
    {"ioctl", SCMP_ACT_ALLOW, {IS(1, FIONREAD)}},
    {"ioctl", SCMP_ACT_ALLOW, {IS(1, TCGETS)}},
    {"ioctl", SCMP_ACT_ALLOW, {IS(1, TIOCGWINSZ)}},
    {"ioctl", SCMP_ACT_ALLOW, {IS(1, SIOCGIFINDEX)}},
    {"prctl", SCMP_ACT_ALLOW, {IS(0, PR_SET_NAME)}},
    {"prctl", SCMP_ACT_ALLOW, {IS(0, PR_GET_NAME)}},
    {"prctl", SCMP_ACT_ALLOW, {IS(0, PR_GET_DUMPABLE)}},
    /* To ask for a limit, not to set one. */
    {"prlimit64", SCMP_ACT_ALLOW, {IS(2, 0)}},
};

/* Finds the next word of `*text` and moves behind it; false at the end. */
static bool word_take(const char **text, char ret_word[static CALL_NAME_SIZE])
{
    *text += strspn(*text, " ");
    size_t length = strcspn(*text, " ");
    if (length == 0 || length >= CALL_NAME_SIZE)
        return false;
    memcpy(ret_word, *text, length);
    ret_word[length] = '\0';
    *text += length;
    return true;
}

static bool sanitizers_want(const char *name)
{
    char word[CALL_NAME_SIZE];
    for (const char *rest = sanitizers_need; SANDBOX_SANITIZED && word_take(&rest, word);) {
        if (strcmp(word, name) == 0)
            return true;
    }
    return false;
}

/* A call that this machine does not have needs no rule. */
static int calls_add(scmp_filter_ctx filter, uint32_t action, const char *names)
{
    char name[CALL_NAME_SIZE];
    int failed = 0;
    while (!failed && word_take(&names, name)) {
        int call = seccomp_syscall_resolve_name(name);
        if (call >= 0 && (action == SCMP_ACT_ALLOW || !sanitizers_want(name)))
            failed = seccomp_rule_add(filter, action, call, 0);
    }
    return failed;
}

static int argument_rule_add(scmp_filter_ctx filter, const struct argument_rule *rule)
{
    int call = seccomp_syscall_resolve_name(rule->call);
    if (call < 0 || sanitizers_want(rule->call))
        return 0;
    unsigned count = rule->arguments[1].op ? 2 : 1;
    return seccomp_rule_add_array(filter, rule->action, call, count, rule->arguments);
}

static int rules_add(scmp_filter_ctx filter)
{
    int failed = 0;
    for (size_t i = 0; i < COUNT(allowed) && !failed; i++)
        failed = calls_add(filter, SCMP_ACT_ALLOW, allowed[i]);
    for (size_t i = 0; i < COUNT(fatal) && !failed; i++)
        failed = calls_add(filter, SCMP_ACT_KILL_PROCESS, fatal[i]);
    if (SANDBOX_SANITIZED && !failed)
        failed = calls_add(filter, SCMP_ACT_ALLOW, sanitizers_need);
    for (size_t i = 0; i < COUNT(argument_rules) && !failed; i++)
        failed = argument_rule_add(filter, &argument_rules[i]);
    /* abort: a signal to itself. */
    struct scmp_arg_cmp own = SCMP_A0_64(SCMP_CMP_EQ, (scmp_datum_t)getpid());
    if (!failed && !SANDBOX_SANITIZED)
        failed = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &own);
    return failed;
}

int sandbox_enter_seccomp(bool listens, struct error *error)
{
    /* A kernel without it says so here. */
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
        return 1;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (!filter)
        return error_set(error, ERROR_NO_MEMORY, "no memory for the seccomp filter");
    int failed = rules_add(filter);
    if (!failed && listens)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(listen), 0);
    /* Also for a thread that a library may have started by now. */
    if (!failed)
        failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (!failed)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    return failed ? error_set_errno(error, ERROR_UNAVAILABLE, -failed, "seccomp") : 0;
}
