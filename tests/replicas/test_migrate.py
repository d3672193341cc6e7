"""users-service migrate: a service moves from SQLite to PostgreSQL, and nobody can tell."""
import contextlib
import signal
import sqlite3
import subprocess

import pytest

from support import postgres, programs
from support.rows import contents
from support.service import person

PATIENCE = 60
ONCE = {"Idempotency-Key": "once"}
# As many rows as it takes to be met half-way.
CROWD = 150000


def run_sql(path, statement, *values):
    with contextlib.closing(sqlite3.connect(path)) as shell, shell:
        shell.execute(statement, values)


class Move:
    """A service on SQLite, and an empty PostgreSQL database to go to."""

    def __init__(self, service, folder, **options):
        self.service = service(start=False, **options)
        self.to = self.service.options["database"]
        self.path = self.service.folder / "users.db"
        self.copy = folder / "copy.db"
        self.service.start(database=f"sqlite:{self.path}").wait_until_ready()

    def command(self, to=None):
        return [programs.program("users-service"), "migrate", "--from", f"sqlite:{self.path}",
                "--to", to or self.to]

    def run(self, to=None):
        return subprocess.run(self.command(to), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=PATIENCE, check=False)

    def begin(self):
        """Begins it, and stops it in the middle of a table."""
        running = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        programs.wait_for(lambda: postgres.psql(self.to, HALF_WAY) == "t", what="rows", every=0)
        running.send_signal(signal.SIGSTOP)
        assert postgres.psql(self.to, HALF_WAY) == "t", "it was over before it could be stopped"
        return running

    def crowd(self):
        self.service.stop()
        run_sql(self.path, MANY_USERS, CROWD)

    def assert_copied(self):
        postgres.copy_to_sqlite(self.to, self.copy)
        source = contents(self.path, self.path)
        assert contents(self.copy, self.path) == source
        return source


HALF_WAY = "SELECT count(*) > 0 FROM pg_stat_progress_copy WHERE tuples_processed > 0"
END_BACKEND = "SELECT pg_terminate_backend(pid) FROM pg_stat_progress_copy"
MANY_USERS = """
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    INSERT INTO users (id, first_name, last_name, user_name, email, created_at, updated_at)
    SELECT 'many-' || i, 'Ada', 'Lovelace ' || i, 'ada' || i, 'ada@example.org', i, i FROM n"""


@pytest.fixture
def move(service, tmp_path):
    return lambda **options: Move(service, tmp_path, **options)


def test_the_service_goes_on_where_it_was(move, s3d, agrees):
    moved = move(files=s3d.url("p"), environment=s3d.environment, delete_wait="1s")
    one = moved.service
    kept = one.create_with_avatar()
    plain = one.create(firstName="\\N", lastName="back\\slash \\. \u00e4\U0001f600")
    sent = person()
    once = one.public.post("/api/users", sent, headers=ONCE).data
    gone, waiting, blocked = (one.create_with_avatar() for _ in range(3))
    assert one.delete(gone["id"]).status == 200
    old_receipt = one.receipt(gone["id"]).data
    s3d.fault("refuse,verb=BATCH,status=503,code=SlowDown",
              "refuse,verb=DELETE,status=503,code=SlowDown")
    assert one.delete(waiting["id"]).status == 202
    assert one.public.delete(f"/api/users/{blocked['id']}/avatar").status == 202
    page = one.public.get("/api/users").data
    one.stop()
    # Such as a provider might say, and no request gets in.
    run_sql(moved.path, "UPDATE deletions SET error = ?", "\tnot\r\n\\now\\")

    done = moved.run()
    assert done.returncode == 0, done
    rows = moved.assert_copied()
    assert [len(rows[table]) for table in ("deletions", "receipts", "user_receipts",
                                           "idempotency", "stores")] == [2, 1, 1, 1, 1]
    total = sum(map(len, rows.values()))
    assert done.stdout.splitlines()[-1] == f"{total} rows copied, and counted in both"

    s3d.clear()
    one.start(database=moved.to).wait_until_ready()
    assert [user["id"] for user in one.public.get("/api/users").data["items"]] == \
        [user["id"] for user in page["items"]]
    assert one.user(plain["id"]).data == plain
    assert one.avatar(kept["id"]).status == 200
    assert one.receipt(gone["id"]).data == old_receipt
    repeated = one.public.post("/api/users", sent, headers=ONCE)
    assert (repeated.status, repeated.data["id"]) == (201, once["id"])
    one.wait_until_erased(waiting["id"])
    # A new receipt has a number of its own.
    later = one.create_with_avatar()
    assert one.delete(later["id"]).status == 200
    one.wait_for(lambda: one.backlog() == (0, 0), what="the backlog to be finished")
    agrees(one, s3d, "p")


def test_a_database_that_is_not_empty_is_left_alone(move):
    moved = move()
    moved.service.create()
    moved.service.stop()
    assert moved.run().returncode == 0
    before = postgres.psql(moved.to, "SELECT max(xmin::text::bigint), count(*) FROM users")
    again = moved.run()
    assert again.returncode == 78 and "--to: the database is not empty" in again.stderr, again
    assert "give a new database, or drop these tables" in again.stderr
    assert postgres.psql(moved.to,
                         "SELECT max(xmin::text::bigint), count(*) FROM users") == before


@pytest.mark.parametrize("how", ["the command is killed", "the connection breaks"])
def test_what_was_cut_off_left_nothing_and_is_run_again(move, how):
    moved = move()
    moved.crowd()
    running = moved.begin()
    if how == "the command is killed":
        running.kill()
        running.communicate()
    else:
        postgres.psql(moved.to, END_BACKEND)
        running.send_signal(signal.SIGCONT)
        words = running.communicate(timeout=PATIENCE)[1]
        assert running.returncode == 69, words
    assert postgres.psql(moved.to, "SELECT to_regclass('users') IS NULL") == "t"
    done = moved.run()
    assert done.returncode == 0, done
    assert f"users {CROWD}\n" in done.stdout
    assert postgres.psql(moved.to, "SELECT count(*), sum(version) FROM users") == \
        f"{CROWD}|{CROWD}"


def test_a_running_service_keeps_it_off(move):
    moved = move()
    refused = moved.run()
    assert refused.returncode == 69 and "in use by another process" in refused.stderr, refused
    assert moved.service.create()
    assert postgres.psql(moved.to, "SELECT to_regclass('users') IS NULL") == "t"


def test_a_row_that_does_not_fit_keeps_all_of_it_back(move):
    moved = move()
    moved.service.create()
    moved.service.stop()
    for statement, words in (
            ("UPDATE users SET birth_date = 'x' || char(0)", "birth_date has a zero byte"),
            ("UPDATE users SET birth_date = CAST(x'e9' AS TEXT)", "invalid byte sequence"),
    ):
        run_sql(moved.path, statement)
        refused = moved.run()
        assert refused.returncode == 78 and "table users: " in refused.stderr, refused
        assert words in refused.stderr and "Lovelace" not in refused.stderr
        assert postgres.psql(moved.to, "SELECT to_regclass('users') IS NULL") == "t"


def test_rows_that_something_else_adds_or_keeps_out_are_noticed(move):
    """Counts are compared: here an event trigger puts a rule on the new table."""
    moved = move()
    moved.service.create()
    moved.service.stop()
    postgres.psql(moved.to, """
        CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
            IF to_regclass('users') IS NOT NULL AND NOT EXISTS
                (SELECT FROM pg_trigger WHERE tgname = 'meddle') THEN
                CREATE TRIGGER meddle BEFORE INSERT ON users FOR EACH ROW
                EXECUTE FUNCTION nothing();
            END IF;
        END $$;
        CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
        EXECUTE FUNCTION meddle()""")
    refused = moved.run()
    assert refused.returncode == 70, refused
    assert "table users has 1 rows and its copy 0: nothing was kept" in refused.stderr
    assert postgres.psql(moved.to, "SELECT to_regclass('users') IS NULL") == "t"


def test_what_cannot_be_moved_is_refused_in_words(move, tmp_path):
    moved = move()
    moved.service.stop()
    newer, none = tmp_path / "newer.db", tmp_path / "none.db"
    newer.write_bytes(moved.path.read_bytes())
    run_sql(newer, "PRAGMA user_version = 99")
    for arguments, code, words in (
            ((), 64, "--from and --to are required"),
            (("--from", moved.to, "--to", moved.to), 64, "--from: give sqlite:PATH"),
            (("--from", f"sqlite:{moved.path}", "--to", f"sqlite:{none}"), 64,
             "--to: give postgresql://HOST/NAME"),
            (("--from", f"sqlite:{none}", "--to", moved.to), 78, "there is no database at"),
            (("--from", f"sqlite:{newer}", "--to", moved.to), 78, "a newer version"),
            (("--from", f"sqlite:{moved.path}", "--to", "postgresql://127.0.0.1:1/users"), 69,
             "--to: cannot connect to the database"),
    ):
        done = subprocess.run([programs.program("users-service"), "migrate", *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        assert done.returncode == code and words in done.stderr, done
    assert not none.exists()
    assert postgres.psql(moved.to, "SELECT to_regclass('users') IS NULL") == "t"
