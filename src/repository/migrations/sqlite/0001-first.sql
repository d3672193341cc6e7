-- The first schema. Times are milliseconds since 1970-01-01 UTC, by the database's clock.
-- Triggers use built-in functions only, so that they work from any shell.

CREATE TABLE about (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- The stores that this database's objects are in; the one adopted last takes new objects.
CREATE TABLE stores (
    id         TEXT PRIMARY KEY,
    adopted_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE users (
    id                       TEXT PRIMARY KEY,
    first_name               TEXT NOT NULL,
    last_name                TEXT NOT NULL,
    user_name                TEXT NOT NULL,
    email                    TEXT NOT NULL,
    country_id               TEXT NOT NULL DEFAULT '',
    birth_date               TEXT NOT NULL DEFAULT '',
    avatar_key               TEXT UNIQUE,
    avatar_store_id          TEXT,
    avatar_content_type      TEXT,
    avatar_bytes             INTEGER,
    avatar_sha256            TEXT,
    avatar_should_be_deleted INTEGER NOT NULL DEFAULT 0 CHECK (avatar_should_be_deleted IN (0, 1)),
    deletion_requested_at    INTEGER,
    version                  INTEGER NOT NULL DEFAULT 1,
    created_at               INTEGER NOT NULL,
    updated_at               INTEGER NOT NULL,
    -- A pointer always says which store it points into; the store may outlive the pointer.
    CHECK (avatar_key IS NULL OR avatar_store_id IS NOT NULL)
) WITHOUT ROWID;

CREATE INDEX users_marked ON users (id) WHERE avatar_should_be_deleted = 1;

-- Only what is unfinished. No foreign key leads to users: an intent outlives everything.
CREATE TABLE deletions (
    key          TEXT PRIMARY KEY,
    store_id     TEXT NOT NULL,
    user_id      TEXT,
    reason       TEXT NOT NULL CHECK (reason IN ('user', 'replaced', 'upload', 'external')),
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

CREATE INDEX deletions_due ON deletions (due_at);
CREATE INDEX deletions_user ON deletions (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX deletions_blocked ON deletions (store_id, error_class, tried_at)
    WHERE state = 'blocked';

-- What is finished: one row a key; 'corrected' takes back a receipt that turned out untrue.
CREATE TABLE receipts (
    id           INTEGER PRIMARY KEY,
    key          TEXT NOT NULL,
    store_id     TEXT NOT NULL,
    user_id      TEXT,
    reason       TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('done', 'corrected')),
    attempts     INTEGER NOT NULL,
    status       INTEGER NOT NULL,
    requested_at INTEGER NOT NULL,
    finished_at  INTEGER NOT NULL
);

CREATE INDEX receipts_key ON receipts (key);
CREATE INDEX receipts_user ON receipts (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX receipts_finished ON receipts (finished_at);

CREATE TABLE user_receipts (
    user_id      TEXT PRIMARY KEY,
    requested_at INTEGER NOT NULL,
    deleted_at   INTEGER NOT NULL,
    corrected_at INTEGER
) WITHOUT ROWID;

-- Intent first: whatever makes an object unneeded writes its deletion, in the same transaction.
-- ON CONFLICT inside, because an outer OR REPLACE would override OR IGNORE (D2).

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

-- What SQL typed by hand may not do (D1). REPLACE deletes without firing delete triggers.

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
