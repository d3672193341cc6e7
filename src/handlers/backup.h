/*
 * backup: a copy of the whole database, taken while it is in use.
 */
#ifndef HANDLERS_BACKUP_H
#define HANDLERS_BACKUP_H

#include "http/server.h"

/* GET /api/backup */
void backup_get(struct request *request);

#endif
