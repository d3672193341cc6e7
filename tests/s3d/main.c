/*
 * s3d: a stand-in for S3, for tests, demos and benchmarks. It keeps objects in memory and does
 * what it is told to go wrong; see faults.h and server.h.
 */
#include "base/log.h"
#include "config/options.h"
#include "digest.h"
#include "server.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct settings {
    int64_t port, threads;
    const char *host, *port_file, *access_key, *log;
    struct option_texts buckets, faults;
};

#define AT(member) offsetof(struct settings, member)

static const struct option options[] = {
    {.name = "host",
     .type = OPTION_TEXT,
     .offset = AT(host),
     .value = "ADDRESS",
     .preset = "127.0.0.1",
     .prose = "The IPv4 address to listen on."},
    {.name = "port",
     .type = OPTION_INTEGER,
     .offset = AT(port),
     .value = "PORT",
     .preset = "0",
     .most = 65535,
     .prose = "Where to listen; 0 picks a free port."},
    {.name = "port-file",
     .type = OPTION_TEXT,
     .offset = AT(port_file),
     .value = "FILE",
     .prose = "Gets the port as soon as requests are answered."},
    {.name = "bucket",
     .type = OPTION_TEXTS,
     .offset = AT(buckets),
     .value = "NAME",
     .prose = "A bucket that is there from the start. May be given several times."},
    {.name = "access-key",
     .type = OPTION_TEXT,
     .offset = AT(access_key),
     .value = "NAME",
     .prose = "Refuses every other access key. Signatures are not checked."},
    {.name = "fault",
     .type = OPTION_TEXTS,
     .offset = AT(faults),
     .value = "RULE",
     .prose = "What goes wrong, such as refuse,verb=DELETE,status=503,p=0.3,seed=7. May be "
              "given several times."},
    {.name = "log",
     .type = OPTION_TEXT,
     .offset = AT(log),
     .value = "FILE",
     .prose = "Gets a line for each request: verb, object, status, code, fault."},
    {.name = "threads",
     .type = OPTION_INTEGER,
     .offset = AT(threads),
     .value = "COUNT",
     .preset = "0",
     .most = 64,
     .prose = "Threads that answer; 0: one for each core."},
};

static const struct option_table table = {
    .program = "s3d",
    .synopsis = "[--port PORT] [--bucket NAME]… [--fault RULE]…",
    .summary = "A stand-in for S3 that keeps objects in memory and fails on request.",
    .options = options,
    .count = sizeof options / sizeof *options,
};

static int port_announce(uint16_t port, const char *path, struct error *error)
{
    printf("listening on %u\n", port);
    if (fflush(stdout) != 0)
        return error_set(error, ERROR_IO, "cannot write to standard output");
    if (!path)
        return 0;
    char temporary[4096];
    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary)
        return error_set(error, ERROR_USAGE, "--port-file: the path is too long");
    FILE *file = fopen(temporary, "w");
    bool written = file && fprintf(file, "%u\n", port) > 0;
    if (file && fclose(file) != 0)
        written = false;
    if (!written || rename(temporary, path) != 0)
        return error_set(error, ERROR_IO, "cannot write %s", path);
    return 0;
}

/* Fills the store and the rules from the command line. */
static int server_prepare(struct server *server, const struct settings *settings,
                          struct error *error)
{
    server->protocol.store = store_create();
    server->protocol.faults = faults_create();
    server->protocol.access_key = settings->access_key;
    if (!server->protocol.store || !server->protocol.faults || !digest_init())
        return error_set(error, ERROR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < settings->buckets.count; i++) {
        if (store_bucket_add(server->protocol.store, settings->buckets.items[i]) ==
            STORE_NO_MEMORY)
            return error_set(error, ERROR_NO_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < settings->faults.count; i++) {
        if (faults_add(server->protocol.faults, settings->faults.items[i], error) < 0)
            return -1;
    }
    if (settings->log) {
        server->log = fopen(settings->log, "a");
        if (!server->log)
            return error_set(error, ERROR_CONFIG, "--log: cannot open %s", settings->log);
        setvbuf(server->log, NULL, _IOLBF, 0);
    }
    return 0;
}

static int serve(struct server *server, const struct settings *settings, struct error *error)
{
    uint16_t port = (uint16_t)settings->port;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = settings->threads ? (unsigned)settings->threads
                       : cores > 0       ? (unsigned)cores
                                         : 1;
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    if (server_open(server, settings->host, &port, threads, error) < 0)
        return -1;
    int failed = port_announce(port, settings->port_file, error);
    int signal = 0;
    if (!failed)
        sigwait(&ends, &signal);
    server_close(server);
    return failed;
}

int main(int argc, char **argv)
{
    struct settings settings = {0};
    struct server server = {0};
    struct error error = {0};
    bool help;
    if (options_read(&table, argc - 1, argv + 1, &settings, &help, &error) < 0) {
        fprintf(stderr, "s3d: %s\n", error.text);
        return EX_USAGE;
    }
    if (help) {
        options_print_help(&table, stdout);
        return 0;
    }
    signal(SIGPIPE, SIG_IGN);
    int failed =
        server_prepare(&server, &settings, &error) < 0 || serve(&server, &settings, &error) < 0;
    if (failed)
        fprintf(stderr, "s3d: %s\n", error.text);
    store_free(server.protocol.store);
    faults_free(server.protocol.faults);
    if (server.log)
        fclose(server.log);
    return failed ? error_exit_code(&error) : 0;
}
