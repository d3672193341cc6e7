"""
PostgreSQL keeps the plan of a statement that is asked often. One that was made while there was
little to read must not read all of it once there is much.
"""
from support import postgres

# Whoever has no avatar, and whoever was erased but for a key that is not due for a day.
FILL = """
INSERT INTO users (id, first_name, last_name, user_name, email, created_at, updated_at)
SELECT '01900000-0000-7000-8000-' || lpad(n::text, 12, '0'), 'A', 'B', 'C', 'D', 1, 1
FROM generate_series(1, {count}) AS n;
INSERT INTO users (id, first_name, last_name, user_name, email, avatar_key, avatar_store_id,
                   created_at, updated_at)
SELECT '01900000-0000-7000-8001-' || lpad(n::text, 12, '0'), 'A', 'B', 'C', 'D',
       'avatars/01900000-0000-7000-8001-' || lpad(n::text, 12, '0'),
       (SELECT id FROM stores), 1, 1 FROM generate_series(1, {count}) AS n;
UPDATE users SET avatar_should_be_deleted = true WHERE avatar_key IS NOT NULL;
UPDATE deletions SET not_before = not_before + 86400000, due_at = due_at + 86400000;
"""
PAGES = """
SELECT sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)
FROM pg_statio_user_tables WHERE relname IN ('users', 'deletions', 'receipts', 'user_receipts')
"""
COUNT = 30000
DELETES = 40


def delete_users(one, count):
    for user in [one.create_with_avatar()["id"] for _ in range(count)]:
        assert one.delete(user).status == 200


def pages(one):
    """What was looked at so far, once the servers of all connections have told."""
    last = None

    def is_settled():
        nonlocal last
        before, last = last, int(one.rows(PAGES)[0][0])
        return last == before
    one.wait_for(is_settled, 60, "the counts to settle", every=1.5)
    return last


def test_what_was_planned_on_empty_tables_reads_little_of_full_ones(service):
    one = service(timer="off")
    delete_users(one, DELETES)
    before = pages(one)
    delete_users(one, DELETES)
    little = pages(one) - before
    postgres.psql(one.database.address, FILL.format(count=COUNT))
    before = pages(one)
    delete_users(one, DELETES)
    much = pages(one) - before
    assert much < 2 * little
