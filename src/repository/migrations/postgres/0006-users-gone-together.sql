-- Users who go in one statement leave their deletions and receipts in two, not in two for each:
-- a confirm removes hundreds at once. What the rows' own trigger did is done for all of them.
--
-- Its plans are kept, and were made for as many users as went the first time, when the tables
-- may have been empty: by these settings each looks up its own rows by an index, one or a million.
-- OFFSET keeps the look-up from becoming a join, whose inner side would be all deletions.

CREATE FUNCTION users_gone_together() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    t bigint := floor(extract(epoch FROM clock_timestamp()) * 1000);
BEGIN
    INSERT INTO deletions (key, store_id, user_id, reason, created_at, not_before, due_at)
    SELECT avatar_key, avatar_store_id, id, 'user', t, t, t
    FROM gone WHERE avatar_key IS NOT NULL
    ORDER BY avatar_key
    ON CONFLICT (key) DO NOTHING;
    -- Those who leave nothing behind; of the others, the last confirm writes it (C6).
    INSERT INTO user_receipts (user_id, requested_at, deleted_at)
    SELECT id, coalesce(deletion_requested_at, t), t
    FROM gone WHERE NOT EXISTS (SELECT 1 FROM deletions WHERE user_id = gone.id OFFSET 0)
    ORDER BY id
    ON CONFLICT (user_id) DO NOTHING;
    RETURN NULL;
END $$;

DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION %I.users_gone_together() SET search_path = pg_catalog, %I, '
                   'pg_temp', current_schema(), current_schema());
END $$;

CREATE TRIGGER users_gone_together AFTER DELETE ON users REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION users_gone_together();

-- Where session_replication_role silences ordinary triggers the rows' own goes on: what applies
-- another server's changes has no statements, and fires no trigger of theirs.
ALTER TABLE users ENABLE REPLICA TRIGGER users_gone;
