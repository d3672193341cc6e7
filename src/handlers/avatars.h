/*
 * avatars: /api/users/{id}/avatar, the image itself.
 */
#ifndef HANDLERS_AVATARS_H
#define HANDLERS_AVATARS_H

#include "http/request.h"

void avatars_admit(struct request *request);
/* Takes room for the image before it is read; 503 if there is none. */
void avatars_admit_put(struct request *request);

void avatars_put(struct request *request);
void avatars_get(struct request *request);
void avatars_delete(struct request *request);

#endif
