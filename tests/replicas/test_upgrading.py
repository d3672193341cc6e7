"""A new version brings the tables of an older one up to date while others work on them."""
import concurrent.futures
import contextlib
import pathlib
import subprocess
import uuid

from support import postgres

MIGRATIONS = pathlib.Path(__file__).resolve().parents[2] / "src/repository/migrations/postgres"
WAITING = "SELECT count(*) FROM pg_locks WHERE relation = 'users'::regclass AND {granted}"


def make_older(database):
    """The tables before a trigger on users was made anew."""
    for path in sorted(MIGRATIONS.glob("*.sql"))[:5]:
        postgres.psql(database.address, path.read_text())
    postgres.psql(database.address, "INSERT INTO about (name, value) VALUES "
                  f"('schema_version', '5'), ('database_id', '{uuid.uuid4()}')")


@contextlib.contextmanager
def changing_users(database):
    """Somebody's transaction that has changed users and is not ended."""
    shell = subprocess.Popen(["psql", "--quiet", database.address], stdin=subprocess.PIPE)
    try:
        shell.stdin.write(b"BEGIN; UPDATE users SET version = version WHERE false;\n")
        shell.stdin.flush()
        yield
    finally:
        shell.stdin.close()
        shell.wait()


def locks(database, granted):
    return int(postgres.psql(database.address, WAITING.format(granted=granted)))


def test_a_start_that_waits_for_a_lock_keeps_nobody_from_changing_users(service, pair):
    database = postgres.Database(pair.primary.address())
    make_older(database)
    one = service(start=False, on=database)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        with changing_users(database):
            one.wait_for(lambda: locks(database, "granted") > 0, 60, "the change")
            started = pool.submit(one.start)
            one.wait_for(lambda: locks(database, "NOT granted") > 0, 60, "the start to wait")
            # It steps aside again and again; a queue behind it would not end.
            one.wait_for(lambda: locks(database, "NOT granted") == 0, 60, "it to step aside")
            postgres.psql(database.address, "UPDATE users SET version = version WHERE false")
            assert not started.done()
        started.result(timeout=60)
    assert one.rows("SELECT value FROM about WHERE name = 'schema_version'") == [("6",)]
