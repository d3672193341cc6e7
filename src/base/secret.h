/*
 * secret: who else can reach a file that holds one.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * True if others than `user`, whose process it is, can. A file of root's that only its group
 * may read passes too, unless the user is root: so Kubernetes hands secrets to a program, in a
 * group that nobody else is in.
 */
bool secret_is_exposed(const struct stat *status, uid_t user);

#endif
