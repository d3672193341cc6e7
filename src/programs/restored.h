/*
 * restored: the operator's word that a database was restored from a backup.
 *
 * What was erased since is erased again, from an export of the receipts, before anything is
 * served: people and images come to be ordinary deletions. Only then is the database taken for
 * the one that the store knows. The export may be of any length: it is read as a stream, and
 * the supervisor is told meanwhile that the start goes on.
 */
#ifndef PROGRAMS_RESTORED_H
#define PROGRAMS_RESTORED_H

#include "base/notify.h"
#include "files/files.h"
#include "repository/repository.h"

struct restored;

/*
 * Verifies an export and keeps it open: it is not looked for again. `export_path` and `notify`
 * must last. ERROR_CONFIG, ERROR_INVALID: it is not whole, or none.
 */
int restored_open(const char *export_path, const struct notify *notify,
                  struct restored **ret_restored, struct error *error);

/* NULL is allowed. */
void restored_close(struct restored *restored);

/*
 * Erases who is in the export and not erased, and takes the epochs that a store has and the
 * database lacks. Nobody else may use `repository` yet. Returns 0, also when there is nothing
 * to do, or -1: the export is of another database (ERROR_CONFIG), or one of both does not
 * answer. Cut off anywhere, it may be done again from the start, and restored_check refuses
 * until it is.
 */
int restored_run(struct restored *restored, struct repository *repository,
                 struct files *const *files, size_t store_count, int64_t timeout_ms,
                 struct error *error);

/* For a start without the word. ERROR_CONFIG: one with it was cut off. */
int restored_check(struct repository *repository, struct error *error);

#endif
