/*
 * audits: /api/audit and /api/audit/findings: whether the file store holds what the users point
 * at, and nothing else.
 */
#ifndef HANDLERS_AUDITS_H
#define HANDLERS_AUDITS_H

#include "http/request.h"
#include "runtime/auditor.h"

void audit_get(struct request *request);
void audit_post(struct request *request);
void audit_delete(struct request *request);
void audit_findings_get(struct request *request);

/* An audit as the API tells of it. */
json_t *audit_encode(const struct audit_place *place);

#endif
