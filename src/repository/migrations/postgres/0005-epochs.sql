-- How often this database was started or copied, each with a mark of its own. The store has them
-- too: a database that lacks one of those was restored, or has gone on as another.
CREATE TABLE epochs (
    number    bigint PRIMARY KEY,
    nonce     text NOT NULL,
    raised_at bigint NOT NULL
);
