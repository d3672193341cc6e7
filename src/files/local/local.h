/*
 * local: objects as files below one folder.
 *
 * All work goes through one handle of that folder, opened at start: what is mounted over its
 * name later, or a link laid inside it, leads nowhere else (design rule P6). An object is
 * written under a temporary name in DIR/.tmp/ that derives from its key, synced, and given its
 * name, which it never takes from another object (status 412, "PreconditionFailed"). Nothing is
 * done before the folders are synced too. Files have mode 0600, folders 0700.
 *
 * Operations are carried out in `start`; the files thread waits for the disk.
 */
#ifndef FILES_LOCAL_LOCAL_H
#define FILES_LOCAL_LOCAL_H

#include "files/files.h"

struct files_local_options {
    const char *url; /* "file:///DIR": DIR, or the folder that it is to be made in, exists */
};

/*
 * Opens, and creates if need be, the folder. ERROR_USAGE for a malformed URL, ERROR_CONFIG for
 * a folder that cannot be used; then nothing new is left behind.
 */
int files_local_open(const struct files_local_options *options,
                     struct files_driver **ret_driver, struct error *error);

/*
 * Syncs the folder's name: a process that made it may have been killed before it could. Call it
 * before a sandbox that leaves no way to the folder above. Where that one may not be opened or
 * synced, others made the name, and nothing is done; a malformed URL is refused by
 * files_local_open. ERROR_UNAVAILABLE for a disk that fails.
 */
int files_local_settle(const char *url, struct error *error);

#endif
