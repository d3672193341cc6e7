"""Reads of one user while PostgreSQL takes its time: nobody else waits, and nobody is forgotten."""
import contextlib
import http.client
import signal
import socket
import subprocess

from support import programs
from support.postgres import PROGRAMS

WAITERS = ("SELECT count(*) FROM pg_locks WHERE NOT granted "
           "AND relation IN ('users'::regclass, 'users_pkey'::regclass)")


class Shell:
    """One connection of a shell's, for as long as it is open."""

    def __init__(self, address):
        self.psql = subprocess.Popen(
            [PROGRAMS / "psql", "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", address],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, statements):
        """The last statement gives one row."""
        self.psql.stdin.write(f"{statements};\n")
        self.psql.stdin.flush()
        return self.psql.stdout.readline().strip()

    def end(self):
        self.psql.communicate()


@contextlib.contextmanager
def shell(users):
    made = Shell(users.options["database"])
    try:
        yield made
    finally:
        made.end()


class Asked:
    """A request on a connection of its own, whose answer is read later."""

    def __init__(self, users, path):
        self.socket = socket.create_connection(("127.0.0.1", users.port))
        self.socket.settimeout(60)
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    def status(self):
        with self.socket:
            answer = http.client.HTTPResponse(self.socket)
            answer.begin()
            answer.read()
            return answer.status


def hold(one):
    """Whoever reads users waits from here on."""
    assert one.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE; SELECT 'held'") == "held"


def wait_until_held(one):
    programs.wait_for(lambda: one.run(WAITERS) != "0", 30, "a read to wait")


def test_a_read_that_waits_for_the_database_holds_up_nobody(service):
    users = service(http_threads=1)
    ada = users.create_with_avatar()["id"]
    with shell(users) as one:
        hold(one)
        asked = [Asked(users, f"/api/users/{ada}{what}") for what in ("", "", "/avatar")]
        asked.append(Asked(users, f"/api/deletions/{ada}"))
        wait_until_held(one)
        assert users.client().get("/api/health").status == 200
        assert one.run(WAITERS) != "0"
        assert one.run("COMMIT; SELECT 'let go'") == "let go"
        assert [each.status() for each in asked] == [200, 200, 200, 404]


def test_a_stop_answers_the_reads_that_wait(service):
    users = service(stop_timeout="60s", http_threads=1)
    ada = users.create()["id"]
    with shell(users) as one:
        hold(one)
        asked = [Asked(users, f"/api/users/{ada}")]
        wait_until_held(one)
        asked += [Asked(users, f"/api/users/{ada}") for _ in range(4)]
        # One thread: it has read what came before these.
        assert all(users.client().get("/api/health").status == 200 for _ in range(3))
        users.process.child.send_signal(signal.SIGTERM)
        users.wait_for(lambda: '"stopping"' in users.log(), what="it to begin to stop")
        assert one.run("COMMIT; SELECT 'let go'") == "let go"
        assert [each.status() for each in asked] == [200] * 5
        users.stop()


def test_reads_are_refused_while_the_database_is_away_and_answered_when_it_is_back(service):
    users = service()
    ada = users.create()["id"]
    assert users.user(ada).status == 200
    name = users.options["database"].rsplit("/", 1)[1].split("?")[0]
    server = users.options["database"].rsplit("/", 1)[0] + "/postgres"
    other = Shell(server)
    try:
        assert other.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false; SELECT 'shut'") == "shut"
        other.run("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                  f"WHERE datname = '{name}'")
        refused = users.user(ada)
        assert refused.status == 503 and refused.headers["Retry-After"] == "1"
        assert users.receipt(ada).status == 503
        assert other.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true; SELECT 'open'") == "open"
    finally:
        other.end()
    users.wait_for(lambda: users.user(ada).status == 200, 60, "it to read again")
