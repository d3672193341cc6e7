"""
size: what the programs take when there is nothing to do, how soon they answer, how large they are.

Private memory is RssAnon, which no other process shares; RSS counts the libraries' pages as well.
Idle is measured with no connection open, when two looks a second apart say the same.

The goal for the start is of the program as it is out of the box, with images in a folder. With S3 a
start is several calls one after another, so that the store's own time is nearly all that is seen.
"""
import contextlib
import http.client
import shutil
import subprocess
import time

import backlog
from stage import BUILD, free_port, programs
from support import certificates
from support.postgres import psql
from workload import Contestant, Figure, Goal

WHAT = "memory of an idle program, time from start to the first answer, size of the program"

FIGURES = (
    Figure("private", "MiB private (RssAnon), idle", best="low", digits=2),
    Figure("resident", "MiB resident (RSS), idle", best="low", digits=2),
    Figure("start", "ms from start to the first 200, images in a folder", best="low", digits=1),
    Figure("start_s3", "ms from start to the first 200, S3 at 20 ms a call", best="low",
           digits=1),
    Figure("bytes", "KiB of the stripped program", best="low"),
    Figure("draining", "MiB private at most, draining", best="low", digits=1),
)

SQLITE, POSTGRES = "users-service, SQLite", "users-service, PostgreSQL"
JOB, JOB_TLS = "fallback-job, http", "fallback-job, https"

GOALS = (
    Goal(SQLITE, "private", 3, 3),
    Goal(POSTGRES, "private", 3, 3),
    Goal(JOB, "private", 2.0, 2.0),
    Goal(JOB_TLS, "private", 2.4, 2.4),
    Goal(SQLITE, "start", 30, 30),
    Goal(POSTGRES, "draining", 16, 16),
    Goal(SQLITE, "draining", 32, 32),
)


def memory_of(pid):
    found = {}
    for line in open(f"/proc/{pid}/status", encoding="ascii"):
        name, _, rest = line.partition(":")
        if name in ("RssAnon", "VmRSS"):
            found[name] = int(rest.split()[0]) / 1024
    return found["RssAnon"], found["VmRSS"]


def settled_memory(process):
    before = None
    for _ in range(30):
        now = memory_of(process.pid)
        if now == before:
            return now
        before = now
        time.sleep(1)
    return before


def stripped_size(stage, name):
    copy = stage.new_folder("stripped") / name
    shutil.copy(BUILD / "src/programs" / name, copy)
    subprocess.run(["strip", copy], check=True)
    return copy.stat().st_size / 1024


def first_answer(service):
    """Milliseconds from the start to a 200 of the health route."""
    begun = time.monotonic()
    service.start()
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if service.call("GET", "/api/health", timeout=1)[0] == 200:
                return (time.monotonic() - begun) * 1000
        time.sleep(0.0005)
        if not service.process.is_running() or time.monotonic() - begun > 30:
            raise RuntimeError(service.process.complaint())


class Service:
    """
    Starts on databases that are there already and rests; then, in the first round only, drains
    a backlog: a million rows unless told otherwise. `small` has never had a user.
    """

    def __init__(self, stage, made, empty, bucket, small):
        self.stage, self.made, self.empty, self.bucket = stage, made, empty, bucket
        self.environment = bucket.environment
        self.small, self.folder = small, f"file://{stage.new_folder('files')}"
        backlog.adopt(stage, small, self.folder, {})

    def start_on_folder(self):
        service = self.stage.service(database=self.small, files=self.folder)
        try:
            return first_answer(service)
        finally:
            service.end()

    def __call__(self, turn):
        self.made.forget_copies()
        service = self.stage.service(database=self.empty, files=self.made.files,
                                     environment=self.environment)
        try:
            start_s3 = first_answer(service)
            private, resident = settled_memory(service.process)
        finally:
            service.end()
        figures = {"start": self.start_on_folder(), "start_s3": start_s3, "private": private,
                   "resident": resident, "bytes": stripped_size(self.stage, "users-service")}
        if turn == 0:
            figures["draining"] = self.draining()
        return figures

    def draining(self):
        address = self.made.copy()
        service = self.stage.service(database=address, files=self.made.files,
                                     environment=self.environment)
        try:
            asked = self.bucket.status()["keysAsked"]
            return backlog.drain(service, self.made, address, self.bucket, asked)[1]
        finally:
            service.end()
            self.made.drop(address)


def job(stage, service, scheme, *more):
    """A job that has called and waits for its schedule: every minute, after a first call now."""
    def measure(turn):
        address = f"{scheme}://localhost:{service.private_port}"
        process = programs.Process(
            [BUILD / "src/programs/fallback-job", "run", "--schedule", "@every 3s",
             "--token-file", service.options["token_file"], "--health", f"{address}/api/health",
             "--fallback", f"{address}/api/users/fallback", *more],
            stage.new_folder("job") / "stderr")
        calls = service.sweeps()
        try:
            programs.wait_for(lambda: service.sweeps() >= calls + 2 or not process.is_running(),
                              60, "the job to call")
            if not process.is_running():
                raise RuntimeError(process.complaint())
            private, resident = settled_memory(process)
        finally:
            process.stop()
        return {"private": private, "resident": resident,
                "bytes": stripped_size(stage, "fallback-job")}
    return measure


def called_service(stage, bucket, prefix, **more):
    service = stage.service(database=f"sqlite:{stage.new_folder('called') / 'users.db'}",
                            files=bucket.url(prefix), environment=bucket.environment,
                            log_level="info", **more)
    service.start().wait_until_alive()
    stage.stack.callback(service.end)
    return service


def contestants(stage):
    bucket = stage.s3d(20)
    rows = stage.size(1_000_000, 5_000)
    on_sqlite = backlog.SqliteBacklog(stage, rows, bucket)
    on_postgres = backlog.PostgresBacklog(stage, rows, bucket)
    psql(stage.postgres().address(), "CREATE DATABASE small")
    found = []
    for name, made, small in (
            (SQLITE, on_sqlite, f"sqlite:{stage.new_folder('small') / 'users.db'}"),
            (POSTGRES, on_postgres, stage.postgres().address("small"))):
        empty = backlog.empty_copy(made)
        found.append(Contestant(name, Service(stage, made, empty, bucket, small), ours=True))
    folder = stage.new_folder("certificates")
    certificates.make_authority(folder)
    certificates.make_certificate(folder, "server")
    plain = called_service(stage, bucket, "http")
    secret = called_service(stage, bucket, "https", private_tls_cert=folder / "server.pem",
                            private_tls_key=folder / "server.key")
    found.append(Contestant(JOB, job(stage, plain, "http"), ours=True))
    found.append(Contestant(JOB_TLS, job(stage, secret, "https", "--ca",
                                         folder / "authority.pem"), ours=True))
    return found


def notes(stage):
    return {"rows_drained": stage.size(1_000_000, 5_000)}
