"""
PostgreSQL keeps the plan of a statement that is asked often, and plans by what it last counted.
What was planned while there was little to read must not read all of it once there is much.
"""
import pytest

from support.postgres import Database, Server, psql

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
# By statement, of those that each delete sends; what triggers run counts for their statement.
PAGES = """
SELECT (shared_blks_hit + shared_blks_read) / calls, query FROM pg_stat_statements
WHERE calls >= {deletes} AND toplevel ORDER BY 1 DESC LIMIT 1
"""
COUNT = 30000
DELETES = 40


@pytest.fixture
def server(open_folder):
    """A server of the test's own, which counts what each statement reads."""
    made = Server(open_folder / "plans", shared_preload_libraries="pg_stat_statements",
                  autovacuum="off")
    yield made
    made.remove()


def delete_users(one):
    for user in [one.create_with_avatar()["id"] for _ in range(DELETES)]:
        assert one.delete(user).status == 200


def test_what_was_planned_on_empty_tables_reads_little_of_full_ones(server, service):
    database = Database(server.address())
    psql(database.address, "CREATE EXTENSION pg_stat_statements")
    one = service(on=database, timer="off")
    for _ in range(DELETES):
        one.create_with_avatar()
    psql(database.address, "ANALYZE")
    delete_users(one)
    psql(database.address, FILL.format(count=COUNT))
    psql(database.address, "SELECT pg_stat_statements_reset()")
    delete_users(one)
    pages, query = psql(database.address, PAGES.format(deletes=DELETES)).split("|", 1)
    assert int(pages) < 100, query
