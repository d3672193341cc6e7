/*
 * rabbitmq: wakes through a quorum queue of RabbitMQ, of which each goes to one worker.
 *
 * The queue is durable and survives the loss of a node; it is short, and what is in it too old
 * to matter, RabbitMQ drops. Messages have no body. One is under way at a time, and its
 * publisher's confirm is waited for, so a broker that does not read can never block us.
 *
 * amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps:// with ?cacert=FILE for the authority that
 * signed the broker's certificate, which is always checked.
 */
#ifndef WAKE_RABBITMQ_RABBITMQ_H
#define WAKE_RABBITMQ_RABBITMQ_H

#include "wake/wake.h"

/* `listens`: false for who only announces. ERROR_USAGE: the address was not understood. */
int wake_rabbitmq_new(const char *url, bool listens, struct wake_driver **ret_driver,
                      struct error *error);

#endif
