#include "wake/rabbitmq/rabbitmq.h"

#include "base/clock.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define QUEUE   "users-service.wake"
#define CHANNEL 1

#define CONNECT_TIMEOUT_MS 3000
#define HEARTBEAT_S        10
/* More than one wake says no more than one does. */
#define QUEUE_LENGTH 100
/* An older wake is worthless: time has done its work. */
#define QUEUE_AGE_MS 60000

#define AUTHORITIES "/etc/ssl/certs/ca-certificates.crt"

struct rabbitmq {
    struct wake_driver driver;
    char *url; /* a secret: it holds a password; `broker` points into it */
    const char *authority;
    struct amqp_connection_info broker;
    bool listens;
    amqp_connection_state_t connection;

    bool heard, confirmed, refused;
    uint64_t delivery; /* the last one that is not acknowledged yet; 0: none */
};

static struct timeval timeval_of(int64_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = 1000 * (ms % 1000)};
}

static int status_fail(const char *words, int status, struct error *error)
{
    return error_set(error, ERROR_UNAVAILABLE, "%s: %s", words, amqp_error_string2(status));
}

/* The words of a refusal are the broker's. */
static int reply_check(const char *words, amqp_rpc_reply_t reply, struct error *error)
{
    if (reply.reply_type == AMQP_RESPONSE_NORMAL)
        return 0;
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
        return status_fail(words, reply.library_error, error);
    amqp_bytes_t text = {.len = 0};
    if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD)
        text = ((amqp_connection_close_t *)reply.reply.decoded)->reply_text;
    else if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD)
        text = ((amqp_channel_close_t *)reply.reply.decoded)->reply_text;
    return error_set(error, ERROR_UNAVAILABLE, "%s: %.*s", words, (int)text.len,
                     (const char *)text.bytes);
}

static int socket_open(struct rabbitmq *rabbitmq, struct error *error)
{
    struct timeval timeout = timeval_of(CONNECT_TIMEOUT_MS);
    bool tls = rabbitmq->broker.ssl;
    rabbitmq->connection = amqp_new_connection();
    if (!rabbitmq->connection)
        return error_set(error, ERROR_NO_MEMORY, "no memory for a connection");
    amqp_socket_t *opened = tls ? amqp_ssl_socket_new(rabbitmq->connection)
                                : amqp_tcp_socket_new(rabbitmq->connection);
    if (!opened)
        return error_set(error, ERROR_NO_MEMORY, "no memory for a connection");
    if (tls) {
        int status = amqp_ssl_socket_set_cacert(opened, rabbitmq->authority);
        if (status != AMQP_STATUS_OK)
            return status_fail("cannot read the authorities' certificates", status, error);
        amqp_ssl_socket_set_verify_peer(opened, 1);
        amqp_ssl_socket_set_verify_hostname(opened, 1);
    }
    int status = amqp_socket_open_noblock(opened, rabbitmq->broker.host, rabbitmq->broker.port,
                                          &timeout);
    return status == AMQP_STATUS_OK ? 0 : status_fail("cannot connect", status, error);
}

static int session_open(struct rabbitmq *rabbitmq, struct error *error)
{
    amqp_connection_state_t connection = rabbitmq->connection;
    struct timeval timeout = timeval_of(WAKE_CALL_TIMEOUT_MS);
    if (amqp_set_handshake_timeout(connection, &timeout) != AMQP_STATUS_OK ||
        amqp_set_rpc_timeout(connection, &timeout) != AMQP_STATUS_OK)
        return error_set(error, ERROR_NO_MEMORY, "no memory for a connection");
    const char *vhost = *rabbitmq->broker.vhost ? rabbitmq->broker.vhost : "/";
    amqp_rpc_reply_t reply = amqp_login(
        connection, vhost, AMQP_DEFAULT_MAX_CHANNELS, AMQP_DEFAULT_FRAME_SIZE, HEARTBEAT_S,
        AMQP_SASL_METHOD_PLAIN, rabbitmq->broker.user, rabbitmq->broker.password);
    if (reply_check("the broker lets nobody in", reply, error) < 0)
        return -1;
    amqp_channel_open(connection, CHANNEL);
    if (reply_check("cannot open a channel", amqp_get_rpc_reply(connection), error) < 0)
        return -1;
    amqp_confirm_select(connection, CHANNEL);
    return reply_check("the broker confirms nothing", amqp_get_rpc_reply(connection), error);
}

static amqp_table_entry_t entry_number(const char *key, int32_t number)
{
    return (amqp_table_entry_t){
        .key = amqp_cstring_bytes(key),
        .value = {.kind = AMQP_FIELD_KIND_I32, .value = {.i32 = number}}};
}

static amqp_table_entry_t entry_text(const char *key, const char *text)
{
    return (amqp_table_entry_t){
        .key = amqp_cstring_bytes(key),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value = {.bytes = amqp_cstring_bytes(text)}}};
}

static int queue_open(struct rabbitmq *rabbitmq, struct error *error)
{
    amqp_table_entry_t entries[] = {
        entry_text("x-queue-type", "quorum"),
        entry_number("x-max-length", QUEUE_LENGTH),
        entry_number("x-message-ttl", QUEUE_AGE_MS),
    };
    amqp_table_t arguments = {.num_entries = sizeof entries / sizeof *entries,
                              .entries = entries};
    amqp_connection_state_t connection = rabbitmq->connection;
    amqp_queue_declare(connection, CHANNEL, amqp_cstring_bytes(QUEUE), 0, 1, 0, 0, arguments);
    if (reply_check("cannot declare the queue", amqp_get_rpc_reply(connection), error) < 0)
        return -1;
    if (!rabbitmq->listens)
        return 0;
    amqp_basic_qos(connection, CHANNEL, 0, QUEUE_LENGTH, 0);
    if (reply_check("cannot bound what is sent", amqp_get_rpc_reply(connection), error) < 0)
        return -1;
    amqp_basic_consume(connection, CHANNEL, amqp_cstring_bytes(QUEUE), amqp_empty_bytes, 0, 0,
                       0, amqp_empty_table);
    return reply_check("cannot listen", amqp_get_rpc_reply(connection), error);
}

static int rabbitmq_open(struct wake_driver *driver, struct error *error)
{
    struct rabbitmq *rabbitmq = (struct rabbitmq *)driver;
    rabbitmq->heard = false;
    rabbitmq->delivery = 0;
    if (socket_open(rabbitmq, error) < 0 || session_open(rabbitmq, error) < 0)
        return -1;
    return queue_open(rabbitmq, error);
}

/* What a frame says; a message's head and body say nothing. */
static int frame_take(struct rabbitmq *rabbitmq, const amqp_frame_t *frame, struct error *error)
{
    if (frame->frame_type != AMQP_FRAME_METHOD)
        return 0;
    switch (frame->payload.method.id) {
    case AMQP_BASIC_DELIVER_METHOD:
        rabbitmq->heard = true;
        rabbitmq->delivery =
            ((amqp_basic_deliver_t *)frame->payload.method.decoded)->delivery_tag;
        return 0;
    case AMQP_BASIC_ACK_METHOD:
        rabbitmq->confirmed = true;
        return 0;
    case AMQP_BASIC_NACK_METHOD:
        rabbitmq->refused = true;
        return 0;
    case AMQP_BASIC_CANCEL_METHOD:
        return error_set(error, ERROR_UNAVAILABLE, "the queue is gone");
    case AMQP_CHANNEL_CLOSE_METHOD:
    case AMQP_CONNECTION_CLOSE_METHOD:
        return error_set(error, ERROR_UNAVAILABLE, "the broker closes the connection");
    default:
        return 0;
    }
}

/* Takes one frame, if there is one in time: 1, or 0. Heartbeats are sent in here. */
static int frame_next(struct rabbitmq *rabbitmq, int64_t timeout_ms, struct error *error)
{
    struct timeval timeout = timeval_of(timeout_ms);
    amqp_frame_t frame;
    amqp_maybe_release_buffers(rabbitmq->connection);
    int status = amqp_simple_wait_frame_noblock(rabbitmq->connection, &frame, &timeout);
    if (status == AMQP_STATUS_TIMEOUT)
        return 0;
    if (status != AMQP_STATUS_OK)
        return status_fail("the connection was lost", status, error);
    return frame_take(rabbitmq, &frame, error) < 0 ? -1 : 1;
}

static int rabbitmq_announce(struct wake_driver *driver, struct error *error)
{
    struct rabbitmq *rabbitmq = (struct rabbitmq *)driver;
    int64_t until = clock_boot_ms() + WAKE_CALL_TIMEOUT_MS;
    rabbitmq->confirmed = rabbitmq->refused = false;
    int status = amqp_basic_publish(rabbitmq->connection, CHANNEL, amqp_empty_bytes,
                                    amqp_cstring_bytes(QUEUE), 0, 0, NULL, amqp_empty_bytes);
    if (status != AMQP_STATUS_OK)
        return status_fail("cannot publish", status, error);
    while (!rabbitmq->confirmed && !rabbitmq->refused) {
        int64_t left = until - clock_boot_ms();
        if (left <= 0)
            return error_set(error, ERROR_UNAVAILABLE, "the broker did not confirm in time");
        if (frame_next(rabbitmq, left, error) < 0)
            return -1;
    }
    if (rabbitmq->refused)
        return error_set(error, ERROR_UNAVAILABLE, "the broker did not keep a message");
    return 0;
}

static int rabbitmq_hear(struct wake_driver *driver, struct error *error)
{
    struct rabbitmq *rabbitmq = (struct rabbitmq *)driver;
    int taken;
    while ((taken = frame_next(rabbitmq, 0, error)) > 0)
        ;
    if (taken < 0)
        return -1;
    if (rabbitmq->delivery) {
        int status =
            amqp_basic_ack(rabbitmq->connection, CHANNEL, rabbitmq->delivery, /*multiple*/ 1);
        if (status != AMQP_STATUS_OK)
            return status_fail("cannot acknowledge", status, error);
        rabbitmq->delivery = 0;
    }
    bool heard = rabbitmq->heard;
    rabbitmq->heard = false;
    return heard;
}

static int rabbitmq_descriptor(const struct wake_driver *driver)
{
    const struct rabbitmq *rabbitmq = (const struct rabbitmq *)driver;
    return rabbitmq->connection ? amqp_get_sockfd(rabbitmq->connection) : -1;
}

/* Without a goodbye: a broker that hangs would not answer it. */
static void rabbitmq_shut(struct wake_driver *driver)
{
    struct rabbitmq *rabbitmq = (struct rabbitmq *)driver;
    if (rabbitmq->connection)
        amqp_destroy_connection(rabbitmq->connection);
    rabbitmq->connection = NULL;
}

static void rabbitmq_close(struct wake_driver *driver)
{
    struct rabbitmq *rabbitmq = (struct rabbitmq *)driver;
    rabbitmq_shut(driver);
    free(rabbitmq->url);
    free(rabbitmq);
}

/* Takes "?cacert=FILE" off the end. */
static int authority_take(struct rabbitmq *rabbitmq, struct error *error)
{
    static const char name[] = "?cacert=";
    rabbitmq->authority = AUTHORITIES;
    char *query = strchr(rabbitmq->url, '?');
    if (!query)
        return 0;
    if (strncmp(query, name, sizeof name - 1) != 0)
        return error_set(error, ERROR_USAGE, "the queue's address takes ?cacert=FILE only");
    rabbitmq->authority = query + sizeof name - 1;
    *query = '\0';
    return 0;
}

int wake_rabbitmq_new(const char *url, bool listens, struct wake_driver **ret_driver,
                      struct error *error)
{
    struct rabbitmq *rabbitmq = calloc(1, sizeof *rabbitmq);
    if (!rabbitmq || !(rabbitmq->url = strdup(url))) {
        free(rabbitmq);
        return error_set(error, ERROR_NO_MEMORY, "no memory for the queue");
    }
    rabbitmq->driver = (struct wake_driver){.name = "rabbitmq",
                                            .open = rabbitmq_open,
                                            .announce = rabbitmq_announce,
                                            .hear = rabbitmq_hear,
                                            .descriptor = rabbitmq_descriptor,
                                            .shut = rabbitmq_shut,
                                            .close = rabbitmq_close,
                                            .interval_ms = 1000 * HEARTBEAT_S / 2};
    rabbitmq->listens = listens;
    /* Without the address: it may hold a password. */
    if (authority_take(rabbitmq, error) == 0) {
        if (amqp_parse_url(rabbitmq->url, &rabbitmq->broker) == AMQP_STATUS_OK) {
            *ret_driver = &rabbitmq->driver;
            return 0;
        }
        error_set(error, ERROR_USAGE,
                  "the queue's address is not understood: give amqp://USER@HOST:PORT/VHOST");
    }
    rabbitmq_close(&rabbitmq->driver);
    return -1;
}
