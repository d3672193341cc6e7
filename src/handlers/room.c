#include "handlers/room.h"

#include "config/limits.h"

#include <assert.h>
#include <stdlib.h>

static_assert(LIMIT_AVATAR_OPTION_BYTES < LIMIT_UPLOAD_BYTES,
              "the largest image must find room");

static bool room_take(atomic_size_t *taken, size_t limit, size_t bytes, struct room *ret_room)
{
    size_t before = atomic_load(taken);
    do {
        if (before > limit || bytes > limit - before)
            return false;
    } while (!atomic_compare_exchange_weak(taken, &before, before + bytes));
    *ret_room = (struct room){.taken = taken, .bytes = bytes};
    return true;
}

bool room_take_upload(struct request *request, struct room *ret_room)
{
    struct service *service = request_context(request);
    const char *length = request_header(request, "Content-Length");
    size_t bytes = length ? (size_t)strtoull(length, NULL, 10) : 0;
    if (room_take(&service->upload_bytes, LIMIT_UPLOAD_BYTES, bytes, ret_room))
        return true;
    request_reply_crowded(request, "too many images are being uploaded; try again");
    return false;
}

bool room_take_download(struct request *request, size_t bytes, struct room *ret_room)
{
    struct service *service = request_context(request);
    if (room_take(&service->download_bytes, LIMIT_DOWNLOAD_BYTES, bytes, ret_room))
        return true;
    request_reply_crowded(request, "too many images are being read; try again");
    return false;
}

void room_give(struct room *room)
{
    if (room->taken)
        atomic_fetch_sub(room->taken, room->bytes);
    *room = (struct room){0};
}
