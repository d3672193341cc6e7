/*
 * new_user: POST /api/users, as JSON or as a form with an avatar, and its repeats.
 */
#ifndef HANDLERS_NEW_USER_H
#define HANDLERS_NEW_USER_H

#include "http/request.h"

/* Refuses a body that is too long for its kind, and takes a place for an image, before it is
 * read. */
void new_user_admit(struct request *request);

void new_user_post(struct request *request);

#endif
