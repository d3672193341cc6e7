/*
 * versions: the part of S3's protocol that is about versions and their locks.
 */
#ifndef S3D_VERSIONS_H
#define S3D_VERSIONS_H

#include "protocol.h"

/* What is said of a version that may not be deleted. */
#define VERSIONS_LOCKED "Access Denied because object protected by object lock."

/* PUT and GET of ?versioning. */
void versions_keep(const struct protocol *protocol, const struct request *request,
                   struct reply *reply);
void versions_tell_keeping(const struct protocol *protocol, const struct request *request,
                           struct reply *reply);

/* PUT of ?retention and ?legal-hold. Whether the bucket allows locks is not asked. */
void versions_lock(const struct protocol *protocol, const struct request *request,
                   struct reply *reply);

/* GET of ?versions, at most `limit` entries. */
void versions_list(const struct protocol *protocol, const struct request *request, size_t limit,
                   struct reply *reply);

#endif
