/*
 * restored: the operator's word that a database was restored from a backup.
 *
 * What was erased since is erased again, from an export of the receipts, before anything is
 * served: people and images come to be ordinary deletions. Only then is the database taken for
 * the one that the store knows.
 */
#ifndef PROGRAMS_RESTORED_H
#define PROGRAMS_RESTORED_H

#include "files/files.h"
#include "repository/repository.h"

struct restored;

/* Verifies an export and keeps what it has. ERROR_CONFIG: it is not whole, or none. */
int restored_load(const char *export_path, struct restored **ret_restored, struct error *error);

/* NULL is allowed. */
void restored_free(struct restored *restored);

/*
 * Erases who is in the export and not erased, and takes the epochs that a store has and the
 * database lacks. Nobody else may use `repository` yet. Returns 0, also when there is nothing
 * to do, or -1: the export is of another database (ERROR_CONFIG), or one of both does not
 * answer.
 */
int restored_run(const struct restored *restored, struct repository *repository,
                 struct files *const *files, size_t store_count, int64_t timeout_ms,
                 struct error *error);

#endif
