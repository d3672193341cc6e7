#include "http/loop.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/limits.h"
#include "http/guard.h"
#include "http/listener.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long a client may be over its time at most. */
#define LOOK_MS 500

/* TLS 1.2 and 1.3, and what GnuTLS holds to be good today. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct loop {
    struct loop_options options;
    struct MHD_Daemon *daemon;
    int socket; /* a number of its own for the listening socket */
    int events; /* the daemon's epoll set */
    int wake;   /* an eventfd */
    pthread_t thread;
    atomic_bool quiescing, ending;
    atomic_llong alive_at;
    sem_t quiesced;
    pthread_mutex_t lock; /* of the list */
    struct loop_wait *resuming;
    struct visits visits;
    int64_t looked_at; /* at the clients' time */
};

static struct visit *visit_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void loop_suspend(struct loop *loop, struct loop_wait *wait, struct MHD_Connection *connection)
{
    wait->loop = loop;
    wait->connection = connection;
    visit_rest(visit_of(connection));
    MHD_suspend_connection(connection);
}

void loop_resume(struct loop_wait *wait)
{
    struct loop *loop = wait->loop;
    pthread_mutex_lock(&loop->lock);
    bool first = !loop->resuming;
    wait->next = loop->resuming;
    loop->resuming = wait;
    /* Under the lock: without it the loop may be gone by then, with its last request. */
    if (first)
        eventfd_write(loop->wake, 1);
    pthread_mutex_unlock(&loop->lock);
}

/* The library is told by its own thread alone: without one of its own, it would not wake. */
static void waits_end(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct loop_wait *wait = loop->resuming;
    loop->resuming = NULL;
    pthread_mutex_unlock(&loop->lock);
    while (wait) {
        /* It may be gone, or in use again, once its connection goes on. */
        struct loop_wait *next = wait->next;
        MHD_resume_connection(wait->connection);
        wait = next;
    }
}

/* The library tells of a connection before it reads from it, and before it closes its socket.
 */
static void connection_notify(void *data, struct MHD_Connection *connection, void **context,
                              enum MHD_ConnectionNotificationCode code)
{
    struct loop *loop = data;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*context)
            visit_end(*context);
        *context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    /* Without memory there is none: the first request is told so, and is the last one. */
    *context = visit_begin(&loop->visits, info->connect_fd, clock_boot_ms());
}

static void request_completed(void *data, struct MHD_Connection *connection, void **state,
                              enum MHD_RequestTerminationCode code)
{
    struct loop *loop = data;
    loop->options.completed(loop->options.owner, connection, state, code);
    if (visit_of(connection))
        visit_await_head(visit_of(connection), clock_boot_ms());
}

static void *request_announce(void *data, const char *target, struct MHD_Connection *connection)
{
    struct loop *loop = data;
    struct visit *visit = visit_of(connection);
    /* One round may hold many requests, each of which waits for a slow database. */
    atomic_store(&loop->alive_at, clock_boot_ms());
    return visit ? loop->options.announce(loop->options.owner, loop, visit, target, connection)
                 : NULL;
}

static void library_log(void *data, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void library_log(void *data, const char *format, va_list arguments)
{
    (void)data;
    char words[256];
    vsnprintf(words, sizeof words, format, arguments);
    words[strcspn(words, "\n")] = '\0';
    log_debug("libmicrohttpd", log_text("words", words));
}

static_assert(LIMIT_HEAD_BYTES >= GUARD_POOL_MIN, "the guard needs a larger buffer");

static struct MHD_Daemon *daemon_start(struct loop *loop)
{
    const struct loop_options *wanted = &loop->options;
    const struct tls *tls = wanted->tls;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem options[5] = {0};
    size_t count = 0;
    if (tls) {
        flags |= MHD_USE_TLS;
        options[count++] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, tls->certificate};
        options[count++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, tls->key};
        options[count++] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)TLS_PRIORITIES};
        if (tls->client_authority)
            options[count++] =
                (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, tls->client_authority};
    }
    options[count] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    return MHD_start_daemon(
        flags, 0, NULL, NULL, wanted->handle, wanted->owner, MHD_OPTION_EXTERNAL_LOGGER,
        library_log, NULL, MHD_OPTION_LISTEN_SOCKET, loop->socket, MHD_OPTION_CONNECTION_LIMIT,
        wanted->connections, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)((wanted->patience_ms + 999) / 1000), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)LIMIT_HEAD_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, -1,
        MHD_OPTION_NOTIFY_CONNECTION, connection_notify, loop, MHD_OPTION_NOTIFY_COMPLETED,
        request_completed, loop, MHD_OPTION_URI_LOG_CALLBACK, request_announce, loop,
        MHD_OPTION_ARRAY, options, MHD_OPTION_END);
}

/* A daemon that was quiesced leaves the socket open. */
static void daemon_stop(struct loop *loop)
{
    MHD_quiesce_daemon(loop->daemon);
    MHD_stop_daemon(loop->daemon);
}

/*
 * Milliseconds until there is something to do without an event. Never for ever, even without a
 * client: at its limit the library takes the listening socket off its epoll set, and puts it
 * back only when it is run again after they have gone.
 */
static int wait_until_due(const struct loop *loop)
{
    MHD_UNSIGNED_LONG_LONG library;
    if (MHD_get_timeout(loop->daemon, &library) == MHD_YES && library < LOOK_MS)
        return (int)library;
    return LOOK_MS;
}

static void clients_mind(struct loop *loop)
{
    int64_t now = clock_boot_ms();
    if (now - loop->looked_at < LOOK_MS)
        return;
    loop->looked_at = now;
    visits_cut(&loop->visits, now);
}

static void *loop_run(void *data)
{
    struct loop *loop = data;
    pthread_setname_np(pthread_self(), "http");
    while (!atomic_load(&loop->ending)) {
        struct pollfd waits[] = {{.fd = loop->events, .events = POLLIN},
                                 {.fd = loop->wake, .events = POLLIN}};
        poll(waits, 2, wait_until_due(loop));
        eventfd_t woken;
        if (waits[1].revents)
            eventfd_read(loop->wake, &woken);
        if (atomic_exchange(&loop->quiescing, false)) {
            MHD_quiesce_daemon(loop->daemon);
            sem_post(&loop->quiesced);
        }
        waits_end(loop);
        MHD_run(loop->daemon);
        clients_mind(loop);
        atomic_store(&loop->alive_at, clock_boot_ms());
    }
    return NULL;
}

static int loop_assemble(struct loop *loop)
{
    loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake < 0)
        return -1;
    if (sem_init(&loop->quiesced, 0, 0) < 0)
        goto no_semaphore;
    if (pthread_mutex_init(&loop->lock, NULL) != 0)
        goto no_lock;
    loop->daemon = daemon_start(loop);
    if (!loop->daemon)
        goto no_daemon;
    loop->events = MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    if (pthread_create(&loop->thread, NULL, loop_run, loop) == 0)
        return 0;
    daemon_stop(loop);
no_daemon:
    pthread_mutex_destroy(&loop->lock);
no_lock:
    sem_destroy(&loop->quiesced);
no_semaphore:
    close(loop->wake);
    return -1;
}

struct loop *loop_open(const struct loop_options *options)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return NULL;
    loop->options = *options;
    loop->visits.patience_ms = options->patience_ms;
    loop->visits.crowded_until = options->crowded_until;
    loop->socket = fcntl(options->socket, F_DUPFD_CLOEXEC, 0);
    if (loop->socket >= 0 && loop_assemble(loop) == 0)
        return loop;
    listener_close(loop->socket);
    free(loop);
    return NULL;
}

int64_t loop_alive_at(const struct loop *loop)
{
    return atomic_load(&loop->alive_at);
}

void loop_quiesce(struct loop *loop)
{
    atomic_store(&loop->quiescing, true);
    eventfd_write(loop->wake, 1);
    while (sem_wait(&loop->quiesced) < 0)
        continue;
}

void loop_close(struct loop *loop)
{
    if (!loop)
        return;
    atomic_store(&loop->ending, true);
    eventfd_write(loop->wake, 1);
    pthread_join(loop->thread, NULL);
    daemon_stop(loop);
    listener_close(loop->socket);
    pthread_mutex_destroy(&loop->lock);
    sem_destroy(&loop->quiesced);
    close(loop->wake);
    free(loop);
}
