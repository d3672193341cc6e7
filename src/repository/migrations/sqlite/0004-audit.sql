-- The audit: how far it is, and what it has found. One row: there is one audit at a time.

CREATE TABLE audit (
    one             INTEGER PRIMARY KEY CHECK (one = 1),
    id              TEXT NOT NULL DEFAULT '',
    state           TEXT NOT NULL DEFAULT 'never',
    deletes         INTEGER NOT NULL DEFAULT 0,
    share           INTEGER NOT NULL DEFAULT 0,
    pass            TEXT NOT NULL DEFAULT 'counting',
    store_id        TEXT NOT NULL DEFAULT '',
    cursor          TEXT NOT NULL DEFAULT '',
    first_ms        INTEGER NOT NULL DEFAULT 0,
    store_objects   INTEGER NOT NULL DEFAULT 0,
    store_strays    INTEGER NOT NULL DEFAULT 0,
    store_scheduled INTEGER NOT NULL DEFAULT 0,
    objects         INTEGER NOT NULL DEFAULT 0,
    pointers        INTEGER NOT NULL DEFAULT 0,
    strays          INTEGER NOT NULL DEFAULT 0,
    young           INTEGER NOT NULL DEFAULT 0,
    scheduled       INTEGER NOT NULL DEFAULT 0,
    missing         INTEGER NOT NULL DEFAULT 0,
    versions        INTEGER NOT NULL DEFAULT 0,
    unknown         INTEGER NOT NULL DEFAULT 0,
    owner           TEXT NOT NULL DEFAULT '',
    leased_until    INTEGER NOT NULL DEFAULT 0,
    started_at      INTEGER NOT NULL DEFAULT 0,
    saved_at        INTEGER NOT NULL DEFAULT 0,
    ended_at        INTEGER NOT NULL DEFAULT 0,
    trouble         TEXT NOT NULL DEFAULT ''
);

-- As if one had ended now: the first that is due by a schedule comes a whole interval later.
INSERT INTO audit (one, ended_at)
VALUES (1, CAST((julianday('now') - 2440587.5) * 86400000.0 AS INTEGER));

CREATE TABLE audit_findings (
    key     TEXT PRIMARY KEY,
    kind    TEXT NOT NULL,
    user_id TEXT
) WITHOUT ROWID;
