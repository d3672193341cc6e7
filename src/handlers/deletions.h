/*
 * deletions: what is unfinished, on the private listener: list, hand over, retry.
 */
#ifndef HANDLERS_DELETIONS_H
#define HANDLERS_DELETIONS_H

#include "http/request.h"

void deletions_list(struct request *request);
void deletions_post(struct request *request);
void deletions_retry(struct request *request);

#endif
