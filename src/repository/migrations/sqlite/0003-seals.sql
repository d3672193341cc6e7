-- Receipts are sealed in ranges of their numbers. A person's receipt had none: it gets one, in
-- the order in which people went, and what is pruned never gives its number to another.

DROP TRIGGER users_gone;

CREATE TABLE user_receipts_numbered (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id      TEXT NOT NULL UNIQUE,
    requested_at INTEGER NOT NULL,
    deleted_at   INTEGER NOT NULL,
    corrected_at INTEGER
);

INSERT INTO user_receipts_numbered (user_id, requested_at, deleted_at, corrected_at)
SELECT user_id, requested_at, deleted_at, corrected_at FROM user_receipts
ORDER BY deleted_at, user_id;

DROP TABLE user_receipts;

ALTER TABLE user_receipts_numbered RENAME TO user_receipts;

CREATE TRIGGER users_gone AFTER DELETE ON users
BEGIN
    INSERT INTO deletions (key, store_id, user_id, reason, created_at, not_before, due_at)
    SELECT OLD.avatar_key, OLD.avatar_store_id, OLD.id, 'user', t, t, t
    FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) AS t)
    WHERE OLD.avatar_key IS NOT NULL
    ON CONFLICT (key) DO NOTHING;
    -- The receipt of a person who leaves nothing behind; else the last confirm writes it (C6).
    INSERT INTO user_receipts (user_id, requested_at, deleted_at)
    SELECT OLD.id, coalesce(OLD.deletion_requested_at, t), t
    FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) AS t)
    WHERE NOT EXISTS (SELECT 1 FROM deletions WHERE user_id = OLD.id)
    ON CONFLICT (user_id) DO NOTHING;
END;

-- The chain: each seal covers the receipts up to a number, from where the one before ends, and
-- its digest is over the one before too.
CREATE TABLE receipt_seals (
    number        INTEGER PRIMARY KEY,
    sealed_at     INTEGER NOT NULL,
    receipts_last INTEGER NOT NULL,
    receipts      INTEGER NOT NULL,
    users_last    INTEGER NOT NULL,
    users         INTEGER NOT NULL,
    content       TEXT NOT NULL,
    digest        TEXT NOT NULL,
    pruned_at     INTEGER
);
