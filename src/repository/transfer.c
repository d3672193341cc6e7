#include "repository/transfer.h"

const struct transfer_table transfer_tables[TRANSFER_TABLES] = {
    {"users",
     "id, first_name, last_name, user_name, email, country_id, birth_date, avatar_key, "
     "avatar_store_id, avatar_content_type, avatar_bytes, avatar_sha256, "
     "avatar_should_be_deleted, deletion_requested_at, version, created_at, "
     "updated_at"},
    {"deletions", "key, store_id, user_id, reason, state, claim, attempts, look, created_at, "
                  "not_before, due_at, leased_until, tried_at, error_class, error"},
    {"receipts", "id, key, store_id, user_id, reason, kind, attempts, status, requested_at, "
                 "finished_at"},
    {"user_receipts", "id, user_id, requested_at, deleted_at, corrected_at"},
    {"receipt_seals", "number, sealed_at, receipts_last, receipts, users_last, users, content, "
                      "digest, pruned_at"},
    {"idempotency", "key, body, user_id, created_at, busy_until"},
    {"epochs", "number, nonce, raised_at"},
    {"audit",
     "one, id, state, deletes, share, pass, store_id, cursor, first_ms, store_objects, "
     "store_strays, store_scheduled, objects, pointers, strays, young, scheduled, "
     "missing, versions, unknown, owner, leased_until, started_at, saved_at, ended_at, "
     "trouble"},
    {"audit_findings", "key, kind, user_id"},
    {"stores", "id, adopted_at"},
    {"about", "name, value"},
};
