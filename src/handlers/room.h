/*
 * room: the memory that images may take on their way in and out (config/limits.h).
 */
#ifndef HANDLERS_ROOM_H
#define HANDLERS_ROOM_H

#include "handlers/service.h"

/* Room that was taken; all zero: none. */
struct room {
    atomic_size_t *taken;
    size_t bytes;
};

/*
 * Takes room for a request's body, by the length that its head says, before it is read; or for
 * an image of so many bytes that is to be sent. False, with a 503, if too little is left.
 */
bool room_take_upload(struct request *request, struct room *ret_room);
bool room_take_download(struct request *request, size_t bytes, struct room *ret_room);

/* Gives it back; once is enough. */
void room_give(struct room *room);

#endif
