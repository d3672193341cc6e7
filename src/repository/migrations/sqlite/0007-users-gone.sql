-- What a user's delete does for nothing, over and over, while a backlog drains.

-- Nearly every user who goes has the deletion of the avatar on record already, and whoever
-- finishes that writes the receipt: one look-up says so, and the rest is not entered.
DROP TRIGGER users_gone;

CREATE TRIGGER users_gone AFTER DELETE ON users
WHEN NOT EXISTS (SELECT 1 FROM deletions WHERE user_id = OLD.id AND key = OLD.avatar_key)
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

-- The same rules, asked only of a change that could break one.
DROP TRIGGER users_update_rules;

CREATE TRIGGER users_update_rules BEFORE UPDATE ON users
WHEN NEW.id IS NOT OLD.id
     OR (OLD.avatar_should_be_deleted = 1 AND NEW.avatar_should_be_deleted IS NOT 1)
     OR (NEW.avatar_key IS NOT NULL AND NEW.avatar_key IS NOT OLD.avatar_key)
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

-- AUTOINCREMENT keeps the highest number in a table of its own, which every delete of a user
-- read and every receipt wrote. The last receipt is never pruned any more, so that no number is
-- given twice without it. Only where the last one was pruned already it stays. The rows are the
-- same with it and without, so that they are not copied: there may be many.
PRAGMA writable_schema = ON;

UPDATE sqlite_schema SET sql = replace(sql, 'PRIMARY KEY AUTOINCREMENT', 'PRIMARY KEY')
WHERE type = 'table' AND name = 'user_receipts'
  AND (SELECT coalesce(max(id), 0) FROM user_receipts) >=
      (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'user_receipts');

PRAGMA writable_schema = RESET;
