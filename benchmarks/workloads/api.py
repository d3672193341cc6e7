"""
api: users are created, read and deleted over HTTP, the last while the store never answers.

Every contestant has a copy of the same users, and is asked by wrk over 64 connections from one
thread: the reads first, then the creates, then the store hangs and the deletes follow. Ours has
met the silence before those are counted: its breaker is open. An answer other than 2xx, or none,
makes a measurement void.
"""
import json
import random
import subprocess

import backlog
from stage import BUILD, ROOT, answers, free_port, node_command, programs
from support.postgres import psql
from workload import Contestant, Figure, Goal

WHAT = "users created and read a second, and deleted while the store never answers"

FIGURES = (
    Figure("create", "users created a second"),
    Figure("read", "users read a second"),
    Figure("delete", "deletes answered a second, the store silent"),
    Figure("p99", "ms at the 99th percentile of those deletes", best="low", digits=1),
)

POSTGRES, SQLITE = "ours, PostgreSQL", "ours, SQLite"
PUBLISHED, FASTIFY = "as published (Go)", "Fastify with pg"
LOAD = "wrk alone"

GOALS = (
    Goal(POSTGRES, "create", 2, 1.5, (PUBLISHED,)),
    Goal(SQLITE, "create", 3, 2, (PUBLISHED,)),
    Goal(POSTGRES, "read", 2, 1.5, (PUBLISHED,)),
    Goal(SQLITE, "read", 2.5, 2, (PUBLISHED,)),
    Goal(POSTGRES, "p99", 15, 15),
    Goal(SQLITE, "p99", 15, 15),
    Goal(POSTGRES, "delete", 10000, 10000),
    Goal(SQLITE, "delete", 10000, 10000),
)

CONNECTIONS = 64
# What a peer's processes have to PostgreSQL, together: more gained nothing.
POOL = 32

# What the peers need of a user, as ours have it; a commit costs the same WAL or less.
PEERS_TABLE = """
CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), first_name text NOT NULL,
    last_name text NOT NULL, user_name text NOT NULL, email text NOT NULL,
    country_id text NOT NULL, birth_date date NOT NULL, avatar_key text,
    avatar_should_be_deleted boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
INSERT INTO users (first_name, last_name, user_name, email, country_id, birth_date, avatar_key)
SELECT 'Ada', 'Lovelace ' || n, 'ada' || n, 'ada' || n || '@example.org', 'GB', '1815-12-10',
    'avatars/' || gen_random_uuid() FROM generate_series(1, {rows}) AS n;
"""


class Load:
    """wrk, for so many seconds at a time."""

    def __init__(self, stage):
        self.seconds = stage.size(5, 1)

    def ask(self, port, kind, ids=None, more=0, refused=False):
        """The requests a second and the 99th percentile, in ms."""
        done = subprocess.run(
            ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--timeout", "30s",
             "--duration", f"{self.seconds + more}s", "--script", ROOT / "benchmarks/load.lua",
             f"http://127.0.0.1:{port}", "--", kind, *([ids.path] if ids else [])],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0 or not done.stdout.endswith("}\n"):
            raise RuntimeError(f"wrk ended with {done.returncode}\n{done.stdout}{done.stderr}")
        said = json.loads(done.stdout.splitlines()[-1])
        if (said["wrong"] and not refused) or not said["requests"]:
            raise RuntimeError(f"{kind}: {said['wrong']} of {said['requests']} went wrong")
        if kind == "delete" and said["requests"] + CONNECTIONS > ids.left:
            raise RuntimeError(f"{said['requests']} deletes: there were too few users")
        return said["requests"] / said["seconds"], said["p99_ms"]


class Ids:
    """Users' ids in a file, in an order that no index has; some are kept to try with."""

    SPARE = 64

    def __init__(self, stage, ids):
        random.Random(1).shuffle(ids)
        self.spare = ids[:self.SPARE]
        self.left = len(ids) - self.SPARE
        self.path = stage.new_folder("ids") / "ids"
        self.path.write_text("\n".join(ids[self.SPARE:]) + "\n")


def measure(load, port, ids, bucket, silence, more=0):
    """`silence` is called once the store hangs, and `more` seconds are added to the deletes."""
    figures = {"read": load.ask(port, "read", ids)[0], "create": load.ask(port, "create")[0]}
    bucket.fault("hang")
    try:
        silence()
        figures["delete"], figures["p99"] = load.ask(port, "delete", ids, more)
    finally:
        bucket.clear()
    return figures


class Ours:
    def __init__(self, stage, load, made, bucket):
        self.stage, self.load, self.made, self.bucket = stage, load, made, bucket
        self.ids = Ids(stage, [backlog.uuid7(n) for n in range(1, made.rows + 1)])

    def __call__(self, turn):
        address = self.made.copy()
        service = self.stage.service(database=address, files=self.made.files,
                                     environment=self.bucket.environment, files_timeout="1s",
                                     delete_wait="1s")
        try:
            service.start().wait_until_alive().wait_until_ready()
            return measure(self.load, service.port, self.ids, self.bucket,
                           lambda: self.open_breaker(service))
        finally:
            service.end()
            self.made.drop(address)

    def open_breaker(self, service):
        ids = iter(self.ids.spare)

        def is_open():
            service.call("DELETE", f"/api/users/{next(ids)}")
            return service.metric("users_service_breaker_opened_total") > 0
        programs.wait_for(is_open, 60, "the breaker to open")


class Peer:
    """Something that listens, on a database of its own. `start(port, address)`: its Process."""

    def __init__(self, stage, load, bucket, rows, start):
        self.stage, self.load, self.bucket, self.start = stage, load, bucket, start
        self.server = stage.postgres()
        self.source, self.ids = stage.once("users of peers", lambda: self.make(rows))

    def make(self, rows):
        name = "peers"
        psql(self.server.address(), f"CREATE DATABASE {name}")
        psql(self.server.address(name), PEERS_TABLE.format(rows=rows))
        psql(self.server.address(name), "VACUUM (FREEZE, ANALYZE)")
        ids = psql(self.server.address(name), "SELECT id FROM users").split()
        return name, Ids(self.stage, ids)

    def __call__(self, turn):
        name = f"{self.source}_copy"
        psql(self.server.address(), f"CREATE DATABASE {name} TEMPLATE {self.source} "
             "STRATEGY file_copy")
        psql(self.server.address(), "CHECKPOINT")
        port = free_port()
        process = self.start(port, self.server.address(name))
        try:
            programs.wait_for(lambda: answers(port) or not process.is_running(),
                              what="the peer to listen")
            # A second more, for deletes to come to their time-out.
            return measure(self.load, port, self.ids, self.bucket, lambda: None, more=1)
        finally:
            process.kill()
            psql(self.server.address(), f"DROP DATABASE {name} WITH (FORCE)")


def published(stage, bucket):
    def start(port, address):
        return programs.Process(
            [BUILD / "published", f"127.0.0.1:{port}", f"{address}?pool_max_conns={POOL}",
             bucket.endpoint], stage.new_folder("published") / "stderr")
    return start


def fastify(stage, bucket):
    def start(port, address):
        import os
        command, environment = node_command("api.mjs", port, address, bucket.endpoint,
                                            max(POOL // os.cpu_count(), 1))
        return programs.Process(command, stage.new_folder("fastify") / "stderr", environment)
    return start


def load_alone(load, bucket, ids):
    """
    What wrk can ask: the same requests of the stand-in, which answers them with 404 from memory
    and takes its share of the cores, too.
    """
    def measure_load(turn):
        return {kind: load.ask(bucket.port, kind, ids, refused=True)[0]
                for kind in ("read", "create")}
    return measure_load


def contestants(stage):
    bucket, load = stage.s3d(0), Load(stage)
    rows = stage.size(200_000, 40_000)
    on_postgres = backlog.PostgresBacklog(stage, rows, bucket, live=True)
    on_sqlite = backlog.SqliteBacklog(stage, rows, bucket, live=True)
    ours = Ours(stage, load, on_postgres, bucket)
    return [
        Contestant(POSTGRES, ours, ours=True),
        Contestant(SQLITE, Ours(stage, load, on_sqlite, bucket), ours=True),
        Contestant(PUBLISHED, Peer(stage, load, bucket, rows, published(stage, bucket))),
        Contestant(FASTIFY, Peer(stage, load, bucket, rows, fastify(stage, bucket))),
        Contestant(LOAD, load_alone(load, bucket, ours.ids)),
    ]


def notes(stage):
    return {"users": stage.size(200_000, 40_000), "connections": CONNECTIONS,
            "seconds": stage.size(5, 1)}
