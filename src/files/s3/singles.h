/*
 * singles: deletes many keys as one key many times, where a store knows no other way.
 */
#ifndef FILES_S3_SINGLES_H
#define FILES_S3_SINGLES_H

#include "files/driver.h"

/* True if the answer to DeleteObjects says that the store does not know it. */
bool s3_singles_are_needed(const struct files_answer *answer);

/*
 * Starts a FILES_DELETE of its own for each open key of `op`, which is answered when all are.
 * Without memory it is answered with that.
 */
void s3_singles_start(struct files_driver *driver, struct files_op *op);

#endif
