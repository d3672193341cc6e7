#include "config/limits.h"
#include "handlers/audits.h"
#include "handlers/avatars.h"
#include "handlers/backup.h"
#include "handlers/copy.h"
#include "handlers/deletions.h"
#include "handlers/epochs.h"
#include "handlers/erasures.h"
#include "handlers/fallback.h"
#include "handlers/health.h"
#include "handlers/new_user.h"
#include "handlers/page.h"
#include "handlers/receipts.h"
#include "handlers/scrape.h"
#include "handlers/service.h"
#include "handlers/status.h"
#include "handlers/users.h"

#include <assert.h>
#include <string.h>

#define JSON LIMIT_JSON_BODY_BYTES

size_t routes_public(const struct service *service, struct route routes[static ROUTES_MAX])
{
    size_t image = service->avatar_limit;
    const struct route table[] = {
        {"GET", "/api/health", health_get, .open = true},
        {"GET", "/api/ready", ready_get, .open = true},
        {"POST", "/api/users", new_user_post, image + 2 * JSON, .admit = new_user_admit},
        {"GET", "/api/users", users_list},
        {"GET", "/api/users/{id}", users_get},
        {"PUT", "/api/users/{id}", users_put, .body_limit = JSON},
        {"DELETE", "/api/users/{id}", users_delete},
        {"PUT", "/api/users/{id}/avatar", avatars_put, image, .admit = avatars_admit_put},
        {"GET", "/api/users/{id}/avatar", avatars_get, .admit = avatars_admit},
        {"DELETE", "/api/users/{id}/avatar", avatars_delete, .admit = avatars_admit},
        {"GET", "/api/deletions/{id}", erasures_get},
    };
    static_assert(sizeof table / sizeof *table <= ROUTES_MAX, "too many routes");
    /* Who does not serve users says only how it is. */
    size_t count = service->serves_users ? sizeof table / sizeof *table : 2;
    memcpy(routes, table, count * sizeof *table);
    return count;
}

size_t routes_private(const struct service *service, struct route routes[static ROUTES_MAX])
{
    (void)service;
    const struct route table[] = {
        {"GET", "/api/health", health_get, .open = true},
        {"DELETE", "/api/users/fallback", fallback_delete},
        {"GET", "/api/deletions", deletions_list},
        {"POST", "/api/deletions", deletions_post, .body_limit = JSON},
        {"POST", "/api/deletions/retry", deletions_retry, .body_limit = JSON},
        {"GET", "/api/audit", audit_get},
        {"POST", "/api/audit", audit_post},
        {"DELETE", "/api/audit", audit_delete},
        {"GET", "/api/audit/findings", audit_findings_get},
        {"GET", "/api/backup", backup_get},
        {"POST", "/api/epochs", epochs_post},
        {"GET", "/api/files/copy", copy_get},
        {"POST", "/api/files/copy", copy_post},
        {"GET", "/api/status", status_get},
        {"GET", "/api/status/history", status_history_get},
        {"GET", "/api/receipts", receipts_get},
        {"DELETE", "/api/receipts", receipts_delete},
        {"GET", "/api/receipts/{id}", erasures_get},
        {"GET", "/metrics", scrape_get},
        {"GET", "/", page_get, .open = true},
        {"GET", "/web/{name}", page_file_get, .open = true},
    };
    static_assert(sizeof table / sizeof *table <= ROUTES_MAX, "too many routes");
    memcpy(routes, table, sizeof table);
    return sizeof table / sizeof *table;
}
