-- The audit: how far it is, and what it has found. One row: there is one audit at a time.

CREATE TABLE audit (
    one             bigint PRIMARY KEY CHECK (one = 1),
    id              text NOT NULL DEFAULT '',
    state           text NOT NULL DEFAULT 'never',
    deletes         bigint NOT NULL DEFAULT 0,
    share           bigint NOT NULL DEFAULT 0,
    pass            text NOT NULL DEFAULT 'counting',
    store_id        text NOT NULL DEFAULT '',
    cursor          text NOT NULL DEFAULT '',
    first_ms        bigint NOT NULL DEFAULT 0,
    store_objects   bigint NOT NULL DEFAULT 0,
    store_strays    bigint NOT NULL DEFAULT 0,
    store_scheduled bigint NOT NULL DEFAULT 0,
    objects         bigint NOT NULL DEFAULT 0,
    pointers        bigint NOT NULL DEFAULT 0,
    strays          bigint NOT NULL DEFAULT 0,
    young           bigint NOT NULL DEFAULT 0,
    scheduled       bigint NOT NULL DEFAULT 0,
    missing         bigint NOT NULL DEFAULT 0,
    versions        bigint NOT NULL DEFAULT 0,
    unknown         bigint NOT NULL DEFAULT 0,
    owner           text NOT NULL DEFAULT '',
    leased_until    bigint NOT NULL DEFAULT 0,
    started_at      bigint NOT NULL DEFAULT 0,
    saved_at        bigint NOT NULL DEFAULT 0,
    ended_at        bigint NOT NULL DEFAULT 0,
    trouble         text NOT NULL DEFAULT ''
);

-- As if one had ended now: the first that is due by a schedule comes a whole interval later.
INSERT INTO audit (one, ended_at)
VALUES (1, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint);

CREATE TABLE audit_findings (
    key     text COLLATE "C" PRIMARY KEY,
    kind    text NOT NULL,
    user_id text COLLATE "C"
);
