/*
 * The failpoints of the queue on RabbitMQ.
 */
#ifndef FAILPOINTS_CALLS_RABBITMQ_H
#define FAILPOINTS_CALLS_RABBITMQ_H

#include "failpoints/failpoints.h"

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>

/* What a broker that is gone lets the library say. */
#define FAILPOINT_NO_REPLY                                                                     \
    ((amqp_rpc_reply_t){.reply_type = AMQP_RESPONSE_LIBRARY_EXCEPTION,                         \
                        .library_error = AMQP_STATUS_SOCKET_ERROR})

#define amqp_basic_ack(...)                                                                    \
    FAILPOINT_CALL(amqp_basic_ack, AMQP_STATUS_SOCKET_ERROR, 0, __VA_ARGS__)
#define amqp_basic_consume(...) FAILPOINT_DO(amqp_basic_consume, __VA_ARGS__)
#define amqp_basic_publish(...)                                                                \
    FAILPOINT_CALL(amqp_basic_publish, AMQP_STATUS_SOCKET_ERROR, 0, __VA_ARGS__)
#define amqp_basic_qos(...)          FAILPOINT_DO(amqp_basic_qos, __VA_ARGS__)
#define amqp_channel_open(...)       FAILPOINT_DO(amqp_channel_open, __VA_ARGS__)
#define amqp_confirm_select(...)     FAILPOINT_DO(amqp_confirm_select, __VA_ARGS__)
#define amqp_destroy_connection(...) FAILPOINT_DO(amqp_destroy_connection, __VA_ARGS__)
#define amqp_get_rpc_reply(...)                                                                \
    FAILPOINT_CALL(amqp_get_rpc_reply, FAILPOINT_NO_REPLY, 0, __VA_ARGS__)
#define amqp_login(...)         FAILPOINT_CALL(amqp_login, FAILPOINT_NO_REPLY, 0, __VA_ARGS__)
#define amqp_queue_declare(...) FAILPOINT_DO(amqp_queue_declare, __VA_ARGS__)
#define amqp_simple_wait_frame_noblock(...)                                                    \
    FAILPOINT_CALL(amqp_simple_wait_frame_noblock, AMQP_STATUS_CONNECTION_CLOSED, 0,           \
                   __VA_ARGS__)
#define amqp_socket_open_noblock(...)                                                          \
    FAILPOINT_MAKE(amqp_socket_open_noblock, AMQP_STATUS_SOCKET_ERROR, 0, __VA_ARGS__)
#define amqp_ssl_socket_set_cacert(...)                                                        \
    FAILPOINT_MAKE(amqp_ssl_socket_set_cacert, AMQP_STATUS_SSL_ERROR, 0, __VA_ARGS__)

#endif
