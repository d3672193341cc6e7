/*
 * receipts: all that is finished, page by page with its seals, and the end of what was
 * exported.
 */
#ifndef HANDLERS_RECEIPTS_H
#define HANDLERS_RECEIPTS_H

#include "http/server.h"

/* GET /api/receipts?cursor= */
void receipts_get(struct request *request);

/* DELETE /api/receipts?seal=&digest= */
void receipts_delete(struct request *request);

#endif
