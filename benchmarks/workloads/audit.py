"""
audit: the service compares what the store lists with what its users point at, and finds nothing
amiss. How many objects a second, and in how much memory?

The store answers a page of its listing after 20 ms; the pages of a listing come one after another.
"""
import pathlib
import time

import backlog
from stage import programs, run_node
from workload import Contestant, Figure

WHAT = "objects that an audit compares a second, the store answering in 20 ms"

ROUNDS = 3

FIGURES = (
    Figure("rate", "objects/s"),
    Figure("memory", "MiB private at most", best="low", digits=1),
)

GOALS = ()


class Audit:
    def __init__(self, stage, made, bucket):
        self.stage, self.made, self.bucket = stage, made, bucket

    def __call__(self, turn):
        address = self.made.copy()
        service = self.stage.service(database=address, files=self.made.files,
                                     environment=self.bucket.environment)
        try:
            service.start().wait_until_alive().wait_until_ready()
            return self.measure(service)
        finally:
            service.end()
            self.made.drop(address)

    def measure(self, service):
        begun, most, last = time.monotonic(), 0, {}
        status, answer = service.call("POST", "/api/audit", private=True)
        if status != 202:
            raise RuntimeError(str(answer))

        def is_over():
            nonlocal most, last
            most = max(most, service.memory()[0])
            last = service.call("GET", "/api/audit", private=True)[1]["data"]
            return last["state"] not in ("never", "running")
        programs.wait_for(is_over, 300, "the audit to end", every=0.02)
        seconds = time.monotonic() - begun
        counts = last["counts"]
        if (last["state"], counts["strays"], counts["missing"]) != ("done", 0, 0) \
                or counts["objects"] < self.made.rows:
            raise RuntimeError(f"the audit found {last}")
        return {"rate": counts["objects"] / seconds, "memory": most}


def put_all(stage, made, keys, bucket):
    path = pathlib.Path(stage.new_folder("keys")) / "keys"
    path.write_text("".join(f"{key}\n" for key in keys))
    run_node("put.mjs", bucket.endpoint, made.prefix, path)


def contestants(stage):
    bucket = stage.s3d(20)
    rows = stage.size(100_000, 2_000)
    on_postgres = backlog.PostgresBacklog(stage, rows, bucket, live=True)
    on_sqlite = backlog.SqliteBacklog(stage, rows, bucket, live=True)
    found = []
    bucket.clear()
    for name, made in (("ours, PostgreSQL", on_postgres), ("ours, SQLite", on_sqlite)):
        put_all(stage, made, made.keys(), bucket)
        found.append(Contestant(name, Audit(stage, made, bucket), ours=True))
    bucket.fault("latency,ms=20")
    return found


def notes(stage):
    return {"objects": stage.size(100_000, 2_000)}
