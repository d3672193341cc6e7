-- The first schema. Times are milliseconds since 1970-01-01 UTC, by the database's clock.
-- Ids and keys compare by their bytes, so that pages come in the same order on every server.

CREATE TABLE about (
    name  text PRIMARY KEY,
    value text NOT NULL
);

-- What digests are keyed with, made here and known to this database alone.
INSERT INTO about (name, value)
VALUES ('secret', replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));

-- The stores that this database's objects are in; the one adopted last takes new objects.
CREATE TABLE stores (
    id         text COLLATE "C" PRIMARY KEY,
    adopted_at bigint NOT NULL
);

-- The last transaction of each process that writes: how one whose connection broke at COMMIT
-- finds out whether that took effect.
CREATE TABLE writers (
    id         text COLLATE "C" PRIMARY KEY,
    batch      bigint NOT NULL,
    written_at bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE users (
    id                       text COLLATE "C" PRIMARY KEY,
    first_name               text NOT NULL,
    last_name                text NOT NULL,
    user_name                text NOT NULL,
    email                    text NOT NULL,
    country_id               text NOT NULL DEFAULT '',
    birth_date               text NOT NULL DEFAULT '',
    avatar_key               text COLLATE "C" UNIQUE,
    avatar_store_id          text COLLATE "C",
    avatar_content_type      text,
    avatar_bytes             bigint,
    avatar_sha256            text,
    avatar_should_be_deleted boolean NOT NULL DEFAULT false,
    deletion_requested_at    bigint,
    version                  bigint NOT NULL DEFAULT 1,
    created_at               bigint NOT NULL,
    updated_at               bigint NOT NULL,
    -- A pointer always says which store it points into; the store may outlive the pointer.
    CHECK (avatar_key IS NULL OR avatar_store_id IS NOT NULL)
);

CREATE INDEX users_marked ON users (id) WHERE avatar_should_be_deleted;

-- Only what is unfinished. No foreign key leads to users: an intent outlives everything.
-- Half of each page stays free and no index holds what a claim writes, so that the new version
-- of a claimed row fits beside the old one. Vacuum comes by the number of rows that went, not by
-- their share: an index whose head is full of dead entries is slow to claim from.
CREATE TABLE deletions (
    key          text COLLATE "C" PRIMARY KEY,
    store_id     text COLLATE "C" NOT NULL,
    user_id      text COLLATE "C",
    reason       text NOT NULL CHECK (reason IN ('user', 'replaced', 'upload', 'external')),
    state        text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'blocked')),
    claim        bigint NOT NULL DEFAULT 0,
    attempts     bigint NOT NULL DEFAULT 0,
    look         text NOT NULL DEFAULT 'first' CHECK (look IN ('first', 'second')),
    created_at   bigint NOT NULL,
    not_before   bigint NOT NULL,
    due_at       bigint NOT NULL,
    leased_until bigint NOT NULL DEFAULT 0,
    tried_at     bigint NOT NULL DEFAULT 0,
    error_class  text COLLATE "C",
    error        text
) WITH (
    fillfactor = 50,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 50000,
    autovacuum_vacuum_cost_delay = 0
);

CREATE INDEX deletions_due ON deletions (due_at);
CREATE INDEX deletions_user ON deletions (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX deletions_blocked ON deletions (store_id, error_class, tried_at)
    WHERE state = 'blocked';

-- What is finished: one row a key; 'corrected' takes back a receipt that turned out untrue.
CREATE TABLE receipts (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key          text COLLATE "C" NOT NULL,
    store_id     text COLLATE "C" NOT NULL,
    user_id      text COLLATE "C",
    reason       text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('done', 'corrected')),
    attempts     bigint NOT NULL,
    status       bigint NOT NULL,
    requested_at bigint NOT NULL,
    finished_at  bigint NOT NULL
);

CREATE INDEX receipts_key ON receipts (key);
CREATE INDEX receipts_user ON receipts (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX receipts_finished ON receipts (finished_at);

CREATE TABLE user_receipts (
    user_id      text COLLATE "C" PRIMARY KEY,
    requested_at bigint NOT NULL,
    deleted_at   bigint NOT NULL,
    corrected_at bigint
);

-- Requests that may be repeated. Digests keyed with the secret: nothing personal.
CREATE TABLE idempotency (
    key        text COLLATE "C" PRIMARY KEY,
    body       text NOT NULL,
    user_id    text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    busy_until bigint NOT NULL
);

CREATE INDEX idempotency_created ON idempotency (created_at);

-- Intent first: whatever makes an object unneeded writes its deletion, in the same transaction,
-- with the rights of the tables' owner, whoever changes the user.

CREATE FUNCTION users_avatar_left() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    t bigint := floor(extract(epoch FROM clock_timestamp()) * 1000);
BEGIN
    INSERT INTO deletions (key, store_id, user_id, reason, created_at, not_before, due_at)
    VALUES (OLD.avatar_key, OLD.avatar_store_id, OLD.id,
            CASE WHEN NEW.avatar_should_be_deleted THEN 'user' ELSE 'replaced' END, t, t, t)
    ON CONFLICT (key) DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER users_avatar_left AFTER UPDATE ON users FOR EACH ROW
WHEN (OLD.avatar_key IS NOT NULL AND OLD.avatar_key IS DISTINCT FROM NEW.avatar_key)
EXECUTE FUNCTION users_avatar_left();

CREATE FUNCTION users_marked_for_deletion() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
AS $$
DECLARE
    t bigint := floor(extract(epoch FROM clock_timestamp()) * 1000);
BEGIN
    INSERT INTO deletions (key, store_id, user_id, reason, created_at, not_before, due_at)
    VALUES (NEW.avatar_key, NEW.avatar_store_id, NEW.id, 'user', t, t, t)
    ON CONFLICT (key) DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER users_marked_for_deletion AFTER UPDATE ON users FOR EACH ROW
WHEN (NEW.avatar_should_be_deleted AND NOT OLD.avatar_should_be_deleted
      AND NEW.avatar_key IS NOT NULL)
EXECUTE FUNCTION users_marked_for_deletion();

CREATE FUNCTION users_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    t bigint := floor(extract(epoch FROM clock_timestamp()) * 1000);
BEGIN
    IF OLD.avatar_key IS NOT NULL THEN
        INSERT INTO deletions (key, store_id, user_id, reason, created_at, not_before, due_at)
        VALUES (OLD.avatar_key, OLD.avatar_store_id, OLD.id, 'user', t, t, t)
        ON CONFLICT (key) DO NOTHING;
    END IF;
    -- The receipt of a person who leaves nothing behind; else the last confirm writes it (C6).
    INSERT INTO user_receipts (user_id, requested_at, deleted_at)
    SELECT OLD.id, coalesce(OLD.deletion_requested_at, t), t
    WHERE NOT EXISTS (SELECT 1 FROM deletions WHERE user_id = OLD.id)
    ON CONFLICT (user_id) DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER users_gone AFTER DELETE ON users FOR EACH ROW EXECUTE FUNCTION users_gone();

-- What SQL typed by hand may not do (D1, D7). An insert over an existing id or another user's key
-- is refused by the unique constraints.

CREATE FUNCTION users_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        RAISE 'users: TRUNCATE would lose every object; use DELETE'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF NEW.id IS DISTINCT FROM OLD.id THEN
            RAISE 'users: an id never changes' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF OLD.avatar_should_be_deleted AND NEW.avatar_should_be_deleted IS NOT TRUE THEN
            RAISE 'users: a deletion that was asked for cannot be taken back'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        IF NEW.avatar_key IS NOT DISTINCT FROM OLD.avatar_key THEN
            RETURN NEW;
        END IF;
    END IF;
    IF EXISTS (SELECT 1 FROM deletions WHERE key = NEW.avatar_key)
       OR EXISTS (SELECT 1 FROM receipts WHERE key = NEW.avatar_key) THEN
        RAISE 'users: this avatar_key was used before'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER users_insert_rules BEFORE INSERT ON users FOR EACH ROW
WHEN (NEW.avatar_key IS NOT NULL) EXECUTE FUNCTION users_rules();

CREATE TRIGGER users_update_rules BEFORE UPDATE ON users FOR EACH ROW
WHEN (NEW.id IS DISTINCT FROM OLD.id OR NEW.avatar_key IS DISTINCT FROM OLD.avatar_key
      OR OLD.avatar_should_be_deleted)
EXECUTE FUNCTION users_rules();

CREATE TRIGGER users_truncate_rules BEFORE TRUNCATE ON users FOR EACH STATEMENT
EXECUTE FUNCTION users_rules();

-- Also where session_replication_role silences ordinary triggers.
ALTER TABLE users ENABLE ALWAYS TRIGGER users_avatar_left;
ALTER TABLE users ENABLE ALWAYS TRIGGER users_marked_for_deletion;
ALTER TABLE users ENABLE ALWAYS TRIGGER users_gone;
ALTER TABLE users ENABLE ALWAYS TRIGGER users_insert_rules;
ALTER TABLE users ENABLE ALWAYS TRIGGER users_update_rules;
ALTER TABLE users ENABLE ALWAYS TRIGGER users_truncate_rules;

-- The functions see the tables of this schema, and nothing that a caller puts in front of them.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['users_avatar_left', 'users_marked_for_deletion', 'users_gone',
                                'users_rules'] LOOP
        EXECUTE format('ALTER FUNCTION %I.%I() SET search_path = pg_catalog, %I, pg_temp',
                       current_schema(), name, current_schema());
    END LOOP;
END $$;
