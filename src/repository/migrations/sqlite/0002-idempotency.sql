-- Requests that may be repeated. Digests keyed with a secret of this database: nothing personal.

INSERT INTO about (name, value) VALUES ('secret', lower(hex(randomblob(32))));

CREATE TABLE idempotency (
    key        TEXT PRIMARY KEY,
    body       TEXT NOT NULL,
    user_id    TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    busy_until INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX idempotency_created ON idempotency (created_at);
