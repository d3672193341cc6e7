/*
 * epochs: POST /api/epochs: a backup was made, so whatever restores it is to be noticed.
 */
#ifndef HANDLERS_EPOCHS_H
#define HANDLERS_EPOCHS_H

#include "http/request.h"

void epochs_post(struct request *request);

#endif
