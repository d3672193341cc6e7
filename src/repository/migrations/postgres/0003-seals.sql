-- Receipts are sealed in ranges of their numbers. A person's receipt had none: it gets one, and
-- what is pruned never gives its number to another.

ALTER TABLE user_receipts ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY;

CREATE UNIQUE INDEX user_receipts_id ON user_receipts (id);

-- The chain: each seal covers the receipts up to a number, from where the one before ends, and
-- its digest is over the one before too.
CREATE TABLE receipt_seals (
    number        bigint PRIMARY KEY,
    sealed_at     bigint NOT NULL,
    receipts_last bigint NOT NULL,
    receipts      bigint NOT NULL,
    users_last    bigint NOT NULL,
    users         bigint NOT NULL,
    content       text NOT NULL,
    digest        text NOT NULL,
    pruned_at     bigint
);

-- Numbers are given before a transaction ends, so a later one may be seen first. What may be
-- sealed is what was seen by a transaction that began before `xid`: once all that were
-- under way then have ended, nothing can come in between any more. `seen` is what the next one
-- may take for that.
CREATE TABLE receipt_horizon (
    one           boolean PRIMARY KEY DEFAULT true CHECK (one),
    receipts_seen bigint NOT NULL DEFAULT 0,
    users_seen    bigint NOT NULL DEFAULT 0,
    receipts      bigint NOT NULL DEFAULT 0,
    users         bigint NOT NULL DEFAULT 0,
    xid           xid8 NOT NULL DEFAULT '0'
);

INSERT INTO receipt_horizon DEFAULT VALUES;
