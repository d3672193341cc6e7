/*
 * sandbox-probe: enters the sandbox as a program does, tries one thing in it, and says how that
 * went: "done", the name of the error, or it is ended by the signal SIGSYS.
 *
 *     sandbox-probe ABI READ WRITE PORT ACT [ARGUMENT]
 *
 * ABI is the newest of Landlock that may be used, READ and WRITE are folders that are allowed,
 * PORT a TCP port.
 */
#include "sandbox/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int file_read(const char *path)
{
    char byte;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    int failed = read(file, &byte, 1) < 0 ? -1 : 0;
    close(file);
    return failed;
}

static int file_write(const char *path)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return -1;
    int failed = write(file, "x", 1) == 1 ? 0 : -1;
    close(file);
    return failed;
}

/* What the local store does with an upload: made in one folder, linked into another. */
static int file_move(const char *folder)
{
    char from[4096], to[4096];
    snprintf(from, sizeof from, "%s/one", folder);
    snprintf(to, sizeof to, "%s/two", folder);
    if (mkdir(from, 0700) < 0 || mkdir(to, 0700) < 0)
        return -1;
    snprintf(from, sizeof from, "%s/one/file", folder);
    snprintf(to, sizeof to, "%s/two/file", folder);
    return file_write(from) < 0 || rename(from, to) < 0 ? -1 : unlink(to);
}

static struct sockaddr_in address_of(const char *port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)strtol(port, NULL, 10)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int port_connect(const char *port)
{
    struct sockaddr_in address = address_of(port);
    int handle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return handle < 0 ? -1 : connect(handle, (struct sockaddr *)&address, sizeof address);
}

static int port_bind(const char *port)
{
    struct sockaddr_in address = address_of(port);
    int handle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return handle < 0 ? -1 : bind(handle, (struct sockaddr *)&address, sizeof address);
}

static int port_listen(const char *unused)
{
    (void)unused;
    int handle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return handle < 0 ? -1 : listen(handle, 1);
}

static int program_run(const char *path)
{
    return execl(path, path, (char *)NULL);
}

static int process_fork(const char *unused)
{
    (void)unused;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    return child < 0 ? -1 : waitpid(child, NULL, 0) == child ? 0 : -1;
}

static void *thread_run(void *data)
{
    return data;
}

static int thread_start(const char *unused)
{
    pthread_t thread;
    (void)unused;
    errno = pthread_create(&thread, NULL, thread_run, NULL);
    return errno || pthread_join(thread, NULL) ? -1 : 0;
}

/* Of a process that is nobody's: where it is allowed, it finds none. */
static int process_trace(const char *unused)
{
    (void)unused;
    return (int)ptrace(PTRACE_ATTACH, 0, NULL, NULL);
}

static int folder_mount(const char *unused)
{
    (void)unused;
    return mount("none", "/mnt", "tmpfs", 0, NULL);
}

static int rights_take(const char *unused)
{
    (void)unused;
    return setuid(0);
}

static int code_write(const char *unused)
{
    (void)unused;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? -1 : 0;
}

static int code_bless(const char *unused)
{
    (void)unused;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? -1 : mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static int packets_forge(const char *unused)
{
    (void)unused;
    return socket(AF_INET, SOCK_RAW, IPPROTO_TCP);
}

static int packets_read(const char *unused)
{
    (void)unused;
    return socket(AF_PACKET, SOCK_RAW, 0);
}

static int socket_exotic(const char *unused)
{
    (void)unused;
    return socket(AF_BLUETOOTH, SOCK_STREAM, 0);
}

static int parent_kill(const char *unused)
{
    (void)unused;
    return kill(getppid(), 0);
}

static int dumps_allow(const char *unused)
{
    (void)unused;
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static int filter_probe(const char *unused)
{
    (void)unused;
    return (int)syscall(SYS_bpf, 0, NULL, 0);
}

static int ring_set_up(const char *unused)
{
    (void)unused;
    return (int)syscall(SYS_io_uring_setup, 1, NULL);
}

static int typing_forge(const char *unused)
{
    (void)unused;
    return ioctl(STDIN_FILENO, 0x5412 /* TIOCSTI */, "x");
}

static int itself_abort(const char *unused)
{
    (void)unused;
    abort();
}

static const struct act {
    const char *name;
    int (*run)(const char *argument);
} acts[] = {
    {"read", file_read},        {"write", file_write},        {"move", file_move},
    {"connect", port_connect},  {"bind", port_bind},          {"listen", port_listen},
    {"execute", program_run},   {"fork", process_fork},       {"thread", thread_start},
    {"trace", process_trace},   {"mount", folder_mount},      {"setuid", rights_take},
    {"write-code", code_write}, {"bless-code", code_bless},   {"raw-socket", packets_forge},
    {"packets", packets_read},  {"bluetooth", socket_exotic}, {"signal", parent_kill},
    {"dumpable", dumps_allow},  {"bpf", filter_probe},        {"io-uring", ring_set_up},
    {"typing", typing_forge},   {"abort", itself_abort},
};

static int enter(char **argv, struct sandbox_report *report, struct error *error)
{
    struct sandbox sandbox;
    if (sandbox_refuse_dumps(error) < 0 ||
        sandbox_open(&sandbox, true, (int)strtol(argv[1], NULL, 10), error) < 0 ||
        sandbox_allow(&sandbox, argv[2], SANDBOX_READS, error) < 0 ||
        sandbox_allow(&sandbox, argv[3], SANDBOX_WRITES, error) < 0 ||
        sandbox_allow_port(&sandbox, (int)strtol(argv[4], NULL, 10), error) < 0)
        return -1;
    return sandbox_enter(&sandbox, false, report, error);
}

static void report_print(const struct sandbox_report *report)
{
    struct rlimit cores;
    getrlimit(RLIMIT_CORE, &cores);
    printf("seccomp=%s landlock=%s abi=%d tcp=%d dumpable=%d cores=%d\n",
           sandbox_state_name(report->seccomp), sandbox_state_name(report->landlock),
           report->landlock_abi, report->tcp, prctl(PR_GET_DUMPABLE, 0, 0, 0, 0),
           (int)cores.rlim_max);
}

static int act(const char *name, const char *argument)
{
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        if (strcmp(acts[i].name, name) != 0)
            continue;
        int failed = acts[i].run(argument);
        puts(failed < 0 ? strerrorname_np(errno) : "done");
        return 0;
    }
    return 64;
}

int main(int argc, char **argv)
{
    struct sandbox_report report;
    struct error error = {0};
    if (argc < 6)
        return 64;
    if (enter(argv, &report, &error) < 0) {
        fprintf(stderr, "sandbox-probe: %s\n", error.text);
        return 69;
    }
    if (strcmp(argv[5], "report") == 0) {
        report_print(&report);
        return 0;
    }
    return act(argv[5], argc > 6 ? argv[6] : NULL);
}
