"""
drain: users wait for their deletion, the store answers again. How many deletions a second?

Ours starts as a process on a database with the backlog; the clock runs from that start until the
last user is gone and has its receipt. The clocks of the others run from the start of their worker
in a program that is already up, until their last job is done; they keep no users and write no
receipts. Their jobs are as many as take some seconds.
"""
import http.client
import json
import subprocess

import backlog
from stage import BUILD, answers, free_port, programs, run_node
from support.postgres import psql
from workload import Contestant, Figure, Goal

WHAT = "pending deletions finished a second, the store answering in 20 ms"

FIGURES = (
    Figure("rate", "deletions/s"),
    Figure("processor", "µs of processor time a deletion", best="low", digits=1),
    Figure("memory", "MiB private while draining", best="low", digits=1),
)

GRAPHILE, BULLMQ, RESTATE = "graphile-worker", "BullMQ", "Restate"
BOSS, BOSS_BATCH = "pg-boss", "pg-boss, batches by hand"
PUBLISHED = "as published (Go)"
POSTGRES, SQLITE = "ours, PostgreSQL", "ours, SQLite"
CEILING_POSTGRES, CEILING_SQLITE = "PostgreSQL alone", "SQLite alone"
STORE = "the store alone"

GOALS = (
    Goal(POSTGRES, "rate", 40000, 30000),
    Goal(POSTGRES, "rate", 12, 10, (GRAPHILE, BULLMQ)),
    Goal(POSTGRES, "rate", 3, 2.5, (BOSS_BATCH,)),
    Goal(POSTGRES, "rate", 800, 600, (PUBLISHED,)),
    Goal(SQLITE, "rate", 60000, 35000),
    Goal(POSTGRES, "rate", 75, 65, (CEILING_POSTGRES,), scale=100, unit="%"),
    Goal(SQLITE, "rate", 75, 65, (CEILING_SQLITE,), scale=100, unit="%"),
)

# Beyond the defaults: a store of our own has no limit per prefix.
TUNED = {"pages": 16}


class Ours:
    def __init__(self, stage, made, bucket):
        self.stage, self.made, self.bucket = stage, made, bucket

    def __call__(self, turn):
        address = self.made.copy()
        service = self.stage.service(
            database=address, files=self.made.files,
            environment=self.bucket.environment, **TUNED)
        try:
            asked = self.bucket.status()["keysAsked"]
            seconds, memory = backlog.drain(service, self.made, address, self.bucket, asked)
            spent = service.processor_seconds()
            service.stop()
        finally:
            service.end()
            self.made.drop(address)
        return {"rate": self.made.rows / seconds, "processor": spent * 1e6 / self.made.rows,
                "memory": memory}


class Ceiling:
    """The same rows through the same code, with nobody to ask."""

    def __init__(self, made):
        self.made = made

    def __call__(self, turn):
        address = self.made.copy()
        try:
            done = subprocess.run([BUILD / "benchmarks/ceiling", "--database", address,
                                   "--pages", str(TUNED["pages"])], check=True,
                                  capture_output=True, text=True, stdin=subprocess.DEVNULL)
            result = json.loads(done.stdout)
            if result["rows"] != self.made.rows or not self.made.is_done(address):
                raise RuntimeError(f"finished {result['rows']} rows of {self.made.rows}")
        finally:
            self.made.drop(address)
        return {"rate": result["rows"] / result["seconds"]}


class Node:
    """A script of peers/node on a database of its own."""

    def __init__(self, stage, script, endpoint, jobs, *more):
        self.stage, self.script, self.endpoint = stage, script, endpoint
        self.jobs, self.more, self.made = jobs, more, 0

    def database(self):
        self.made += 1
        return f"peer_{self.script.split('.')[0]}_{'_'.join(self.more)}_{self.made}"

    def __call__(self, turn):
        server = self.stage.postgres()
        name = self.database()
        psql(server.address(), f"CREATE DATABASE {name}")
        psql(server.address(), "CHECKPOINT")
        try:
            result = run_node(self.script, server.address(name), self.endpoint, self.jobs,
                              *self.more)
        finally:
            psql(server.address(), f"DROP DATABASE {name} WITH (FORCE)")
        return {"rate": result["jobs"] / result["seconds"]}


def bullmq(stage, endpoint, jobs):
    port = stage.redis()

    def measure(turn):
        result = run_node("bullmq.mjs", port, endpoint, jobs)
        return {"rate": result["jobs"] / result["seconds"]}
    return measure


def restate(stage, endpoint, jobs):
    def measure(turn):
        ports = [free_port() for _ in range(4)]
        result = run_node("restate.mjs", stage.new_folder("restate"), *ports, endpoint, jobs)
        return {"rate": result["jobs"] / result["seconds"]}
    return measure


def published(stage, endpoint, users):
    """Its table has what it needs and no more."""
    def measure(turn):
        server = stage.postgres()
        name = f"published_{turn}"
        psql(server.address(), f"CREATE DATABASE {name}")
        address, port = server.address(name), free_port()
        psql(address, "CREATE TABLE users (id text PRIMARY KEY, avatar_key text, "
             "avatar_should_be_deleted boolean NOT NULL); INSERT INTO users SELECT "
             f"gen_random_uuid(), 'avatars/' || gen_random_uuid(), true "
             f"FROM generate_series(1, {users})")
        process = programs.Process([BUILD / "published", f"127.0.0.1:{port}", address, endpoint],
                                   stage.new_folder("published") / "stderr")
        try:
            programs.wait_for(lambda: answers(port), what="the published service")
            seconds = call(port)
        finally:
            process.kill()
            psql(server.address(), f"DROP DATABASE {name} WITH (FORCE)")
        return {"rate": users / seconds}
    return measure


def call(port):
    import time
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    begun = time.monotonic()
    connection.request("DELETE", "/api/users/fallback")
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(body.decode())
    return time.monotonic() - begun


def store_alone(bucket, rows):
    """What the stand-in can take, asked in pages as we ask it: not the limit of anybody."""
    def measure(turn):
        result = run_node("store.mjs", bucket.endpoint, rows, 250, 32)
        return {"rate": result["jobs"] / result["seconds"]}
    return measure


def contestants(stage):
    bucket = stage.s3d(20)
    rows = stage.size(100_000, 5_000)
    slow = stage.size(20_000, 1_000)
    on_postgres = backlog.PostgresBacklog(stage, rows, bucket)
    on_sqlite = backlog.SqliteBacklog(stage, rows, bucket)
    return [
        Contestant(POSTGRES, Ours(stage, on_postgres, bucket), ours=True),
        Contestant(SQLITE, Ours(stage, on_sqlite, bucket), ours=True),
        Contestant(GRAPHILE, Node(stage, "graphile.mjs", bucket.endpoint, slow)),
        Contestant(BOSS, Node(stage, "pgboss.mjs", bucket.endpoint, slow // 4, "single")),
        Contestant(BOSS_BATCH, Node(stage, "pgboss.mjs", bucket.endpoint, rows // 2, "batch")),
        Contestant(BULLMQ, bullmq(stage, bucket.endpoint, slow)),
        Contestant(RESTATE, restate(stage, bucket.endpoint, slow // 2)),
        Contestant(PUBLISHED, published(stage, bucket.endpoint, stage.size(150, 30))),
        Contestant(CEILING_POSTGRES, Ceiling(on_postgres)),
        Contestant(CEILING_SQLITE, Ceiling(on_sqlite)),
        Contestant(STORE, store_alone(bucket, rows * 4)),
    ]


def notes(stage):
    return {"rows": stage.size(100_000, 5_000), "latency_ms": 20, **TUNED}
