"""Databases with users whose deletion is pending, made once and copied for each round."""
import contextlib
import shutil
import sqlite3
import time

from support import programs
from support.postgres import psql

# Keys and ids as the service makes them: UUIDs in the order of time (RFC 9562, version 7).
POSTGRES_ROWS = """
CREATE FUNCTION pg_temp.uuid7(n bigint) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(lpad(to_hex(1760000000000 + n), 12, '0'), '(.{{8}})(.{{4}})', '\\1-\\2-7')
        || substr(h, 1, 3) || '-8' || substr(h, 4, 3) || '-' || substr(h, 7, 12)
    FROM (SELECT md5(n::text) AS h) AS hashed $$;
INSERT INTO users (id, first_name, last_name, user_name, email, country_id, birth_date,
    avatar_key, avatar_store_id, avatar_content_type, avatar_bytes, avatar_sha256,
    avatar_should_be_deleted, deletion_requested_at, created_at, updated_at)
SELECT pg_temp.uuid7(n), 'Ada', 'Lovelace ' || n, 'ada' || n, 'ada' || n || '@example.org', 'GB',
    '1815-12-10', 'avatars/' || pg_temp.uuid7({spread} + n), s.id, 'image/png', 51234,
    md5(n::text) || md5('b' || n), true, {now} - {rows} + n, {now} - 86400000, {now}
FROM generate_series(1, {rows}) AS n, (SELECT id FROM stores LIMIT 1) AS s;
INSERT INTO deletions (key, store_id, user_id, reason, created_at, not_before, due_at)
SELECT avatar_key, avatar_store_id, id, 'user', deletion_requested_at, deletion_requested_at,
    deletion_requested_at FROM users ORDER BY id;
"""

SQLITE_ROWS = """
INSERT INTO users (id, first_name, last_name, user_name, email, country_id, birth_date,
    avatar_key, avatar_store_id, avatar_content_type, avatar_bytes, avatar_sha256,
    avatar_should_be_deleted, deletion_requested_at, created_at, updated_at)
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})
SELECT uuid7(n), 'Ada', 'Lovelace ' || n, 'ada' || n, 'ada' || n || '@example.org', 'GB',
    '1815-12-10', 'avatars/' || uuid7({spread} + n), (SELECT id FROM stores LIMIT 1), 'image/png',
    51234, hash(n) || hash(n + 1), 1, {now} - {rows} + n, {now} - 86400000, {now} FROM numbers;
INSERT INTO deletions (key, store_id, user_id, reason, created_at, not_before, due_at)
SELECT avatar_key, avatar_store_id, id, 'user', deletion_requested_at, deletion_requested_at,
    deletion_requested_at FROM users ORDER BY id;
"""

# Keys are issued later than ids.
SPREAD = 100_000_000


def uuid7(number):
    import hashlib
    digits = hashlib.md5(str(number).encode()).hexdigest()
    time_part = f"{1760000000000 + number:012x}"
    return (f"{time_part[:8]}-{time_part[8:]}-7{digits[:3]}-8{digits[3:6]}-{digits[6:18]}")


def hashed(number):
    import hashlib
    return hashlib.md5(str(number).encode()).hexdigest()


def adopt(stage, database, files, environment):
    """Makes the tables, and the store's identity: the service does that at its first start."""
    service = stage.service(database=database, files=files, environment=environment)
    try:
        service.start().wait_until_alive().wait_until_ready()
    finally:
        service.end()


def source(statements, marked, live):
    """The statements that fill a database: with users who go, or with live ones (`live`)."""
    if not live:
        return statements
    users = statements.split("INSERT INTO deletions")[0]
    mark = f", {marked}, {{now}} - {{rows}} + n,"
    assert mark in users
    return users.replace(mark, ", false, NULL,")


class Backlog:
    """A copy is what a service refuses to start on, once another one was started on that store."""

    def epochs(self):
        return set(self.bucket.objects(f"{self.prefix}/.fallback-store-epoch-"))

    def epochs_since(self):
        """Those of copies: the backlog's own were there before."""
        return self.epochs() - self.known

    def has_epoch(self):
        return bool(self.epochs_since())

    def forget_copies(self):
        """The store is as it was when the backlog was made: it knows of no copy that was used."""
        for name in self.epochs_since():
            self.bucket.client.delete_object(
                Bucket=self.bucket.bucket, Key=f"{self.prefix}/.fallback-store-epoch-{name}")


class PostgresBacklog(Backlog):
    """`rows` pending deletions on PostgreSQL; `copy` gives a database of one's own."""

    def __init__(self, stage, rows, bucket, live=False):
        self.server, self.rows, self.bucket = stage.postgres(), rows, bucket
        self.prefix = f"postgres-{rows}"
        self.files = bucket.url(self.prefix)
        self.name, self.copies = f"backlog_{rows}", 0
        psql(self.server.address(), f"CREATE DATABASE {self.name}")
        adopt(stage, self.server.address(self.name), self.files, bucket.environment)
        self.known = self.epochs()
        now = int(time.time() * 1000)
        psql(self.server.address(self.name),
             source(POSTGRES_ROWS, "true", live).format(rows=rows, now=now, spread=SPREAD))
        psql(self.server.address(self.name), "VACUUM (FREEZE, ANALYZE)")

    def copy(self):
        self.forget_copies()
        self.copies += 1
        name = f"{self.name}_{self.copies}"
        psql(self.server.address(), f"CREATE DATABASE {name} TEMPLATE {self.name} "
             "STRATEGY file_copy")
        # Nobody pays for what was written before.
        psql(self.server.address(), "CHECKPOINT")
        return self.server.address(name)

    def drop(self, address):
        psql(self.server.address(), f"DROP DATABASE {address.rsplit('/', 1)[1]} WITH (FORCE)")

    def keys(self):
        """Every avatar's key."""
        return psql(self.server.address(self.name), "SELECT avatar_key FROM users").split()

    def run(self, address, statement):
        psql(address, statement)

    def run_source(self, statement):
        """On what copies are made of."""
        psql(self.server.address(self.name), statement)
        psql(self.server.address(self.name), "VACUUM (FREEZE, ANALYZE)")

    def is_done(self, address):
        return psql(address, "SELECT EXISTS (SELECT FROM deletions)") == "f"

    def finished(self, address):
        return int(psql(address, "SELECT count(*) FROM user_receipts"))


class SqliteBacklog(Backlog):
    """The same in a file."""

    def __init__(self, stage, rows, bucket, live=False):
        self.prefix, self.bucket = f"sqlite-{rows}", bucket
        self.rows, self.files, self.stage = rows, bucket.url(self.prefix), stage
        self.path = stage.new_folder("backlog") / "users.db"
        adopt(stage, f"sqlite:{self.path}", self.files, bucket.environment)
        self.known = self.epochs()
        now = int(time.time() * 1000)
        with contextlib.closing(sqlite3.connect(self.path)) as shell, shell:
            shell.create_function("uuid7", 1, uuid7, deterministic=True)
            shell.create_function("hash", 1, hashed, deterministic=True)
            rows_of = source(SQLITE_ROWS, "1", live).format(rows=rows, now=now, spread=SPREAD)
            shell.executescript(f"BEGIN;{rows_of}COMMIT; PRAGMA wal_checkpoint(TRUNCATE);")

    def copy(self):
        self.forget_copies()
        path = self.stage.new_folder("copy") / "users.db"
        shutil.copy(self.path, path)
        with open(path, "rb+") as file:
            import os
            os.fsync(file.fileno())
        return f"sqlite:{path}"

    def drop(self, address):
        import pathlib
        shutil.rmtree(pathlib.Path(address.removeprefix("sqlite:")).parent)

    def keys(self):
        with contextlib.closing(sqlite3.connect(self.path)) as shell:
            return [key for key, in shell.execute("SELECT avatar_key FROM users")]

    def run(self, address, statement):
        path = address.removeprefix("sqlite:")
        with contextlib.closing(sqlite3.connect(path)) as shell, shell:
            shell.execute(statement)

    def is_done(self, address):
        path = address.removeprefix("sqlite:")
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as shell:
            return not shell.execute("SELECT EXISTS (SELECT 1 FROM deletions)").fetchone()[0]

    def finished(self, address):
        path = address.removeprefix("sqlite:")
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as shell:
            return shell.execute("SELECT count(*) FROM user_receipts").fetchone()[0]


def empty_copy(made):
    """A copy without the backlog: what a service at rest has."""
    address = made.copy()
    for table in ("deletions", "users"):
        made.run(address, f"DELETE FROM {table}")
    made.run(address, "DELETE FROM deletions")
    return address


def drain(service, backlog, address, bucket, asked, timeout=600):
    """
    Starts a service on a backlog. Seconds from its start to the last confirmed deletion, and the
    most private memory seen meanwhile, in MiB. `asked`: what the stand-in was asked before.
    """
    memory = 0
    begun = time.monotonic()
    service.start()

    def is_sent():
        nonlocal memory
        if not service.process.is_running():
            raise RuntimeError(service.process.complaint())
        memory = max(memory, service.memory()[0])
        return bucket.status()["keysAsked"] - asked >= backlog.rows

    # Asking the stand-in costs the database nothing; that is asked at the end only.
    programs.wait_for(is_sent, timeout, "the keys to be sent", every=0.02)
    programs.wait_for(lambda: backlog.is_done(address), timeout, "the backlog to drain", every=0)
    seconds = time.monotonic() - begun
    if backlog.finished(address) != backlog.rows:
        raise RuntimeError("a user has no receipt")
    return seconds, memory
