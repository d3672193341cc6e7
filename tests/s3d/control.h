/*
 * control: the paths under /_control/.
 */
#ifndef S3D_CONTROL_H
#define S3D_CONTROL_H

#include "server.h"

/* Answers `method` on `path`; `bucket` and `prefix` are the query's, or NULL. */
void control_answer(struct server *server, const char *method, const char *path,
                    const char *bucket, const char *prefix, const struct buffer *body,
                    struct reply *reply);

#endif
