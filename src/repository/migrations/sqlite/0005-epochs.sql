-- How often this database was started or copied, each with a mark of its own. The store has them
-- too: a database that lacks one of those was restored, or has gone on as another.
CREATE TABLE epochs (
    number    INTEGER PRIMARY KEY,
    nonce     TEXT NOT NULL,
    raised_at INTEGER NOT NULL
);
