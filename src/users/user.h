/*
 * user: what a user's fields must be, declared once in a table.
 */
#ifndef USERS_USER_H
#define USERS_USER_H

#include "base/field.h"
#include "repository/repository.h"

/* Of struct user. */
extern const struct field user_fields[];
extern const size_t user_fields_count;

#endif
