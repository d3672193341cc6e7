-- A user without a pointer breaks no rule about pointers, and is not to cost a look at the
-- receipts: every confirmed deletion of a user with others left takes its pointer away.

CREATE OR REPLACE FUNCTION users_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
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
        IF NEW.avatar_key IS NULL OR NEW.avatar_key IS NOT DISTINCT FROM OLD.avatar_key THEN
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

-- Whoever replaces a function replaces its settings too.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION %I.users_rules() SET search_path = pg_catalog, %I, pg_temp',
                   current_schema(), current_schema());
END $$;
