/*
 * room: where requests wait for their time, or for ever, without holding a thread.
 */
#ifndef S3D_ROOM_H
#define S3D_ROOM_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

/* Of a guest that leaves only when the room is emptied. */
#define ROOM_FOREVER INT64_MAX

struct guest {
    struct guest *before, *after;
    struct MHD_Connection *connection;
    int64_t due_ms; /* boot-time clock */
};

struct room;

/* Starts the thread that lets guests go; NULL if the system has none left. */
struct room *room_create(void);

/* Lets everybody go and stops the thread; nobody may enter any more. */
void room_close(struct room *room);

/* Frees a closed room. */
void room_free(struct room *room);

/*
 * Suspends `connection` until `due_ms`; the guest is the caller's and is left alone afterwards.
 * Must be called from the connection's handler. False if the room is closed.
 */
bool room_enter(struct room *room, struct guest *guest, struct MHD_Connection *connection,
                int64_t due_ms);

/* Lets go all who wait for ever. */
void room_release(struct room *room);

/* How many wait for ever. */
uint64_t room_hanging(struct room *room);

#endif
