#!/usr/bin/python3
"""PostgreSQL 15, the real one, in a folder and on a port of its own.

    postgres.py run [--pooled] COMMAND [ARGUMENT ...]
                             runs a program that finds it in REPOSITORY_ADDRESS, and with --pooled
                             PgBouncer in front of it in REPOSITORY_POOLER
    postgres.py start DIR    starts it and writes DIR/address
    postgres.py stop DIR     ends it

`run` takes the server that REPOSITORY_ADDRESS names, if it does, else starts one.

DIR is made, for the user that the server runs as: whoever calls this, or postgres if that is root,
which the server refuses. Everybody on this machine may connect as postgres without a password, and
as `guarded` with "open sesame". Without Debian's package postgresql-15, `run` is skipped (77).
"""
import contextlib
import itertools
import json
import os
import pathlib
import pwd
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from support.network import HERE  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.programs import wait_for  # noqa: E402

SKIPPED = 77
PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")
TIMEOUT = 30

ACCESS = """\
host all guarded 127.0.0.1/32 scram-sha-256
host all all     127.0.0.1/32 trust
host all all     10.77.0.0/16 trust
local all all                 trust
local replication all         trust
"""

# What a test waits for is the server, not the disk; the machine does not lose power in between.
SETTINGS = {"listen_addresses": "127.0.0.1", "max_connections": "60", "fsync": "off",
            "shared_buffers": "64MB", "max_wal_size": "256MB", "log_min_messages": "warning"}


def is_installed():
    return (PROGRAMS / "postgres").exists()


def is_running(pid):
    """Whoever was left without a parent may stay as a zombie."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def account():
    """The user to run as: (uid, gid), or None for oneself."""
    if os.geteuid() != 0:
        return None
    found = pwd.getpwnam("postgres")
    return found.pw_uid, found.pw_gid


class Server:
    """
    A server that is up once it was made: with a cluster of its own, or as a standby of `primary`.
    `settings` are added to its configuration.
    """

    def __init__(self, folder, node=HERE, primary=None, **settings):
        self.folder = pathlib.Path(folder).resolve()
        self.data = self.folder / "data"
        self.node = node
        self.settings = {**SETTINGS, "listen_addresses": node.host, **settings}
        self.folder.mkdir(parents=True, exist_ok=True)
        if account():
            os.chown(self.folder, *account())
        self.port = free_port()
        if primary:
            self.follow(primary)
            return
        self.run("initdb", "--pgdata", self.data, "--username=postgres", "--encoding=UTF8",
                 "--no-locale", "--auth=trust", "--no-sync")
        (self.data / "pg_hba.conf").write_text(ACCESS)
        self.start()
        self.sql("CREATE ROLE guarded LOGIN PASSWORD 'open sesame'")

    def follow(self, primary):
        """Starts as a standby of another server, with a copy of it; whatever it held is gone."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.run("pg_basebackup", "--pgdata", self.data, "--host", primary.folder, "--port",
                 primary.port, "--username=postgres", "--write-recovery-conf",
                 "--checkpoint=fast", "--no-sync")
        self.start()

    def promote(self):
        """A standby becomes a server that takes changes."""
        self.run("pg_ctl", "promote", "--wait", f"--timeout={TIMEOUT}", "--pgdata", self.data)

    def run(self, program, *arguments, check=True):
        as_user = {}
        if account():
            uid, gid = account()
            as_user = {"user": uid, "group": gid, "extra_groups": []}
        with self.node.inside():
            return subprocess.run([str(PROGRAMS / program), *map(str, arguments)], check=check,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  cwd=self.folder, **as_user)

    def start(self):
        """Starts it, with a new process, on the same data and port; waits until it answers."""
        settings = {**self.settings, "port": self.port, "unix_socket_directories": self.folder}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        started = self.run("pg_ctl", "start", "--wait", f"--timeout={TIMEOUT}", "--pgdata",
                           self.data, "--log", self.folder / "log", "--options", options,
                           check=False)
        if started.returncode != 0:
            raise RuntimeError(started.stdout + (self.folder / "log").read_text())

    def pid(self):
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def stop(self, how=signal.SIGINT):
        """Ends it: SIGINT ends what is under way first, SIGQUIT is a crash."""
        try:
            pid = self.pid()
        except FileNotFoundError:
            return
        os.kill(pid, how)
        end = time.monotonic() + TIMEOUT
        while (self.data / "postmaster.pid").exists():
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
                raise RuntimeError(f"PostgreSQL did not stop in {TIMEOUT} s")
            time.sleep(0.02)

    def kill(self):
        """Ends its first process as the kernel would; the others notice, and end."""
        everybody = [self.pid(), *self.children()]
        os.kill(everybody[0], signal.SIGKILL)
        wait_for(lambda: not any(map(is_running, everybody)), TIMEOUT,
                 "PostgreSQL's processes to end")
        # Where nobody buries zombies, their locks look as if they were held.
        for lock in (self.data / "postmaster.pid", self.folder / f".s.PGSQL.{self.port}.lock"):
            lock.unlink(missing_ok=True)

    def pause(self):
        """Stops the server and its processes where they are."""
        self.signal_all(signal.SIGSTOP)

    def resume(self):
        self.signal_all(signal.SIGCONT)

    def children(self):
        pid = self.pid()
        return list(map(int, pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))

    def signal_all(self, which):
        for each in (self.pid(), *self.children()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, which)

    def address(self, database="postgres", role="postgres", parameters=""):
        return f"postgresql://{role}@{self.node.host}:{self.port}/{database}{parameters}"

    def sql(self, statement, database="postgres"):
        return psql(self.address(database), statement)

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def psql(address, statement):
    """Runs SQL as a shell would; the rows as text, columns apart by a bar."""
    # Debian's psql on the path is a script that looks for this one, and takes its time.
    return subprocess.run([str(PROGRAMS / "psql"), "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1",
                           "-c", statement, address],
                          check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def run_program(name, *arguments):
    """Runs a program of this version to its end; code and output."""
    return subprocess.run([str(PROGRAMS / name), *map(str, arguments)], check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)


NUMBERS = itertools.count(1)


def new_database(address):
    """Makes an empty database on the server of `address`; its address."""
    name = f"test_{os.getpid()}_{next(NUMBERS)}"
    psql(address, f"CREATE DATABASE {name}")
    return f"{address.rsplit('/', 1)[0]}/{name}"


class Database:
    """A new database on the server of `address`, for one service or several replicas of it."""

    def __init__(self, address):
        self.address = new_database(address)

    def exists(self):
        """Whether a service has made its tables in it."""
        return psql(self.address, "SELECT to_regclass('about') IS NOT NULL") == "t"

    def rows(self, query):
        return [tuple(line.split("|")) for line in psql(self.address, query).splitlines()]

    def copy(self, folder):
        """A SQLite file of what is committed, once nobody is connected any more."""
        wait_for(lambda: psql(self.address, OTHERS) == "0", what="connections to end")
        copy_to_sqlite(self.address, folder / "users.db")
        return folder / "users.db"


# Whoever was killed may have sent a COMMIT that the server is still at.
OTHERS = ("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
          "AND pid <> pg_backend_pid()")


def copy_to_sqlite(address, path):
    """Copies every row into a SQLite file, for the checker, which knows nothing of servers."""
    with contextlib.closing(sqlite3.connect(path)) as copy, copy:
        tables = [line.split("|") for line in psql(
            address, "SELECT table_name, string_agg(column_name::text, ',' ORDER BY "
            "ordinal_position) FROM information_schema.columns WHERE table_schema = 'public' "
            "GROUP BY table_name").splitlines()]
        each = ", ".join(f"(SELECT coalesce(json_agg(t), '[]') FROM {name} AS t)"
                         for name, _ in tables)
        found = json.loads(psql(address, f"SELECT json_build_array({each})"))
        for (name, columns), rows in zip(tables, found):
            columns = columns.split(",")
            copy.execute(f"CREATE TABLE {name} ({','.join(columns)})")
            copy.executemany(f"INSERT INTO {name} VALUES ({','.join('?' * len(columns))})",
                             [[row[column] for column in columns] for row in rows])


@contextlib.contextmanager
def server_address():
    """Of the server that is there already, or of one that ends with this."""
    given = os.environ.get("REPOSITORY_ADDRESS", "")
    if given.startswith("postgresql://"):
        yield given
        return
    server = Server(tempfile.mkdtemp(prefix="postgres-"))
    try:
        yield server.address()
    finally:
        server.remove()


@contextlib.contextmanager
def pooler_address(address):
    from support.pgbouncer import Pooler
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as folder:
        os.chmod(folder, 0o755)
        pooler = Pooler(f"{folder}/pooler", urllib.parse.urlsplit(address).port)
        try:
            yield pooler.address()
        finally:
            pooler.stop()


def run(command):
    pooled = command[0] == "--pooled"
    if not is_installed() or pooled and not shutil.which("pgbouncer", path="/usr/sbin"):
        print("PostgreSQL 15 or PgBouncer is not installed: nothing was tested")
        return SKIPPED
    with contextlib.ExitStack() as stack:
        environment = dict(os.environ)
        address = environment["REPOSITORY_ADDRESS"] = stack.enter_context(server_address())
        if pooled:
            environment["REPOSITORY_POOLER"] = stack.enter_context(pooler_address(address))
        return subprocess.run(command[pooled:], env=environment, check=False).returncode


def main(verb, *arguments):
    if verb == "run":
        return run(arguments)
    folder = pathlib.Path(arguments[0])
    if verb == "start":
        server = Server(folder)
        (folder / "address").write_text(server.address() + "\n")
        print(server.address())
    else:
        server = Server.__new__(Server)
        server.folder, server.data = folder, folder / "data"
        server.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
