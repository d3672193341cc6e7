-- For a list of more than two, SQLite fills a table of its own each time that it checks it: a
-- sixth of all that a confirm costs, since the trigger of a user who goes checks it too. So the
-- reasons are compared one by one. A check can only be changed with its table; the triggers that
-- name that are made anew, as they were. Views that somebody made of it are to stay: the rename
-- must not look at them while there is no such table.

DROP TRIGGER users_avatar_left;
DROP TRIGGER users_marked_for_deletion;
DROP TRIGGER users_gone;
DROP TRIGGER users_insert_rules;
DROP TRIGGER users_update_rules;

CREATE TABLE deletions_lean (
    key          TEXT PRIMARY KEY,
    store_id     TEXT NOT NULL,
    user_id      TEXT,
    reason       TEXT NOT NULL CHECK (reason = 'user' OR reason = 'replaced' OR
                                      reason = 'upload' OR reason = 'external'),
    state        TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'blocked')),
    claim        INTEGER NOT NULL DEFAULT 0,
    attempts     INTEGER NOT NULL DEFAULT 0,
    look         TEXT NOT NULL DEFAULT 'first' CHECK (look IN ('first', 'second')),
    created_at   INTEGER NOT NULL,
    not_before   INTEGER NOT NULL,
    due_at       INTEGER NOT NULL,
    leased_until INTEGER NOT NULL DEFAULT 0,
    tried_at     INTEGER NOT NULL DEFAULT 0,
    error_class  TEXT,
    error        TEXT
) WITHOUT ROWID;

INSERT INTO deletions_lean SELECT * FROM deletions;

DROP TABLE deletions;

PRAGMA legacy_alter_table = ON;

ALTER TABLE deletions_lean RENAME TO deletions;

PRAGMA legacy_alter_table = OFF;

CREATE INDEX deletions_due ON deletions (due_at);
CREATE INDEX deletions_user ON deletions (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX deletions_blocked ON deletions (store_id, error_class, tried_at)
    WHERE state = 'blocked';

CREATE TRIGGER users_avatar_left AFTER UPDATE ON users
WHEN OLD.avatar_key IS NOT NULL AND OLD.avatar_key IS NOT NEW.avatar_key
BEGIN
    INSERT INTO deletions (key, store_id, user_id, reason, created_at, not_before, due_at)
    SELECT OLD.avatar_key, OLD.avatar_store_id, OLD.id,
           CASE NEW.avatar_should_be_deleted WHEN 1 THEN 'user' ELSE 'replaced' END, t, t, t
    FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) AS t)
    WHERE true
    ON CONFLICT (key) DO NOTHING;
END;

CREATE TRIGGER users_marked_for_deletion AFTER UPDATE ON users
WHEN NEW.avatar_should_be_deleted = 1 AND OLD.avatar_should_be_deleted = 0
     AND NEW.avatar_key IS NOT NULL
BEGIN
    INSERT INTO deletions (key, store_id, user_id, reason, created_at, not_before, due_at)
    SELECT NEW.avatar_key, NEW.avatar_store_id, NEW.id, 'user', t, t, t
    FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER) AS t)
    WHERE true
    ON CONFLICT (key) DO NOTHING;
END;

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

CREATE TRIGGER users_insert_rules BEFORE INSERT ON users
BEGIN
    SELECT RAISE(ABORT, 'users: this id exists; update the row instead')
    WHERE EXISTS (SELECT 1 FROM users WHERE id = NEW.id);
    SELECT RAISE(ABORT, 'users: this avatar_key belongs to another user or was used before')
    WHERE NEW.avatar_key IS NOT NULL
      AND (EXISTS (SELECT 1 FROM users WHERE avatar_key = NEW.avatar_key)
           OR EXISTS (SELECT 1 FROM deletions WHERE key = NEW.avatar_key)
           OR EXISTS (SELECT 1 FROM receipts WHERE key = NEW.avatar_key));
END;

CREATE TRIGGER users_update_rules BEFORE UPDATE ON users
BEGIN
    SELECT RAISE(ABORT, 'users: an id never changes')
    WHERE NEW.id IS NOT OLD.id;
    SELECT RAISE(ABORT, 'users: a deletion that was asked for cannot be taken back')
    WHERE OLD.avatar_should_be_deleted = 1 AND NEW.avatar_should_be_deleted IS NOT 1;
    SELECT RAISE(ABORT, 'users: this avatar_key belongs to another user or was used before')
    WHERE NEW.avatar_key IS NOT NULL AND NEW.avatar_key IS NOT OLD.avatar_key
      AND (EXISTS (SELECT 1 FROM users WHERE avatar_key = NEW.avatar_key)
           OR EXISTS (SELECT 1 FROM deletions WHERE key = NEW.avatar_key)
           OR EXISTS (SELECT 1 FROM receipts WHERE key = NEW.avatar_key));
END;
