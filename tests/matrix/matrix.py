#!/usr/bin/python3
"""
Kills users-service at its failpoints, each in turn, and has the independent checker look at what
is left every time.

    matrix.py [--kills N] [--seed S] [--lanes N] [--write FILE]

A run goes through every database and provider. In each it first walks through the flows with the
failpoints traced: what a flow passes, and how often, is what there is to be killed at. Then it
kills: a flow is begun, the process ends by SIGKILL when it passes the point for the nth time, and
database and store are judged as they lie there. The next flow starts on them. In between, a world
is left alone until everything in it is finished, judged once more, and given up for a new one.

The programs are those of a build with -Dfailpoints=true, in BUILD. --write makes the table.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import hashlib
import itertools
import multiprocessing
import os
import pathlib
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import uuid
from unittest import mock

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / folder)
                for folder in ("", "checker")]

import table  # noqa: E402
from checker import LocalStore, S3Store, check_service  # noqa: E402
from support import images, postgres, service as services  # noqa: E402
from support.client import NO_ANSWER, Client, multipart  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.programs import Process, program, wait_for  # noqa: E402
from support.s3 import StandIn  # noqa: E402
from support.service import Service, person  # noqa: E402

DATABASES, PROVIDERS = ("sqlite", "postgres"), ("local", "s3d")
COMBINATIONS = list(itertools.product(DATABASES, PROVIDERS))
RULES_SIZE = 4096
PATIENCE = 60
LONG_AGO = 1_600_000_000_000
# Kills on one database before everything has to finish, and a new one is taken; and of one lane.
WORLD = 100
LANE = 100
# A flow that waits passes some points without end: as far as this they are told apart.
PASSES_MOST = 40
# Beside the kill, delays are drawn: other threads are then met elsewhere.
DELAYS = "*=2%delay(1ms)"

OPTIONS = {"upload_guard": "5s", "second_look": "5s", "lease": "3s", "delete_wait": "5s",
           "timer": "off", "log_level": "warning"}


class Killed(Exception):
    """The service ended where it was told to."""


class Subject(Service):
    """A service whose failpoints are set while it runs; what it answers is for other tests."""

    def __init__(self, folder, **options):
        super().__init__(folder, **options)
        self.rules_file = self.folder / "rules"
        self.rules_file.write_bytes(bytes(RULES_SIZE))
        self.environment = {**self.environment, "FAILPOINTS_FILE": str(self.rules_file)}
        self.errors.touch()
        self.read = 0

    def rules(self, text):
        with open(self.rules_file, "r+b", buffering=0) as rules:
            rules.write(text.encode().ljust(RULES_SIZE, b"\0"))

    def begin(self, **changes):
        self.options.update(changes)
        self.port, self.private_port = free_port(), free_port()
        self.process = Process(
            [program("users-service"), *self.arguments(
                listen=f"127.0.0.1:{self.port}", private_listen=f"127.0.0.1:{self.private_port}")],
            self.errors, self.child_environment())
        self.public = Client(self.port, timeout=PATIENCE)
        self.private = Client(self.private_port, self.token, timeout=PATIENCE)

    def is_ready(self):
        if not self.process.is_running():
            raise Killed(self.process.complaint())
        try:
            return self.public.get("/api/ready").status == 200
        except NO_ANSWER:
            self.public.close()
            return False

    def wait_until_ready(self):
        wait_for(self.is_ready, PATIENCE, "the service to be ready", 0.005)
        return self

    def call(self, client, method, path, body=None, headers=None):
        try:
            return client.call(method, path, body, headers)
        except NO_ANSWER:
            self.close_clients()
            self.process.ends(PATIENCE)
            raise Killed(self.process.complaint()) from None

    def said(self):
        """What it has written to standard error since this was asked last."""
        with open(self.errors, "rb") as errors:
            errors.seek(self.read)
            text = errors.read()
        self.read += len(text)
        return text.decode(errors="replace")


def is_empty(path):
    """A database whose first start got nowhere."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        return not database.execute("SELECT 1 FROM sqlite_schema").fetchall()


class World:
    """A database and a store with a service on them, and what clients were told."""

    subject_type, options = Subject, OPTIONS

    def __init__(self, folder, provider):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        options, self.standin = dict(self.options), None
        if provider == "s3d":
            self.standin = StandIn(self.folder)
            options |= {"files": self.standin.url(), "environment": self.standin.environment}
        if services.SERVER:
            options["queue"] = "postgres"
        self.subject = self.subject_type(self.folder / "service", **options)
        self.store = S3Store(self.standin) if self.standin else LocalStore(self.subject.files)
        self.log, self.users = [], []
        self.planted, self.numbers = [], itertools.count(1)

    def close(self):
        if self.subject.process:
            self.subject.kill()
        if self.standin:
            self.standin.stop()

    def note(self, kind, user_id, answer, **more):
        self.log.append({"op": kind, "id": user_id, "status": answer.status if answer else 0,
                         **more})

    def do(self, kind, user_id, method, path, body=None, **more):
        """A change of one user, told to the log also if no answer comes."""
        answer = None
        try:
            answer = self.subject.call(self.subject.public, method, path, body)
        finally:
            self.note(kind, user_id, answer, **more)
        return answer

    def create(self):
        image = images.png(3, 3)
        sent, digest = person(), hashlib.sha256(image).hexdigest()
        answer = self.subject.call(self.subject.public, "POST", "/api/users",
                                   *multipart(sent, image))
        if answer.status == 201:
            self.note("create", answer.data["id"], answer, sha256=digest,
                      lastName=sent["lastName"])
            self.users.append(answer.data["id"])
        return answer.status

    def user(self):
        """Somebody with an avatar, of whom everything is known."""
        wait_for(lambda: self.users or self.create() == 201, PATIENCE, "a user to be made")
        return self.users.pop()

    def replace(self, user_id):
        image = images.png(3, 3)
        digest = hashlib.sha256(image).hexdigest()
        self.do("avatar", user_id, "PUT", f"/api/users/{user_id}/avatar", image, sha256=digest)
        self.users.append(user_id)

    def delete(self, user_id):
        return self.do("delete", user_id, "DELETE", f"/api/users/{user_id}").status

    def sweep(self):
        answer = self.subject.call(self.subject.private, "DELETE",
                                   "/api/users/fallback?limit=50&timeout=5s")
        assert answer.status in (200, 503), answer

    def plant(self):
        """An object that nobody owns, with a key of long ago: an audit's work."""
        key = "avatars/" + str(uuid.UUID(int=(LONG_AGO + len(self.log)) << 80 | 0x7 << 76
                                         | 0x8 << 60 | next(self.numbers)))
        self.planted.append(key)
        if self.standin:
            self.standin.put(key, b"x")
            return
        (self.subject.files / "avatars").mkdir(exist_ok=True)
        (self.subject.files / key).write_bytes(b"x")

    def audit(self):
        """Begins one, or goes on with what a killed service began; its end."""
        subject = self.subject
        begun = subject.call(subject.private, "POST", "/api/audit?delete=true&maxShare=100")
        assert begun.status in (202, 409, 503), begun

        def ended():
            answer = subject.call(subject.private, "GET", "/api/audit")
            state = answer.data["state"] if answer.status == 200 else None
            return state if state in ("done", "refused", "failed", "stopped") else None

        return wait_for(ended, PATIENCE, "the audit to end", 0.005)

    def judge(self, quiescent=False):
        copy = self.subject.copy_of_database(self.folder / "copy")
        if not self.log and is_empty(copy):
            return []
        found = check_service(copy, self.store, quiescent=quiescent, log=self.log)
        known = tuple(f"orphan: {key} " for key in self.planted)
        return [fault for fault in found if not fault.startswith(known)]

    def finish(self):
        """Everything gets time and no more faults; then nothing may be left."""
        subject = self.subject
        subject.rules("")
        subject.begin(inline="on", timer="on")
        subject.wait_until_ready()
        if self.planted:
            wait_for(lambda: self.audit() == "done", PATIENCE, "an audit to be done")
            self.planted.clear()
        wait_for(lambda: subject.backlog() == (0, 0), PATIENCE, "everything to be finished", 0.2)
        subject.stop()
        return self.judge(quiescent=True)


class Flow:
    """
    What is killed in: `options` of the service, what is there before, and the act itself. A flow
    that is not `running` is the start of the service.
    """

    def __init__(self, prepare=None, act=None, running=True, **options):
        self.prepare, self.act, self.running = prepare, act, running
        self.options = {"inline": "on", **options}


def prepare_sweep(world):
    world.delete(world.user())
    return world.delete(world.user())


def prepare_audit(world):
    world.plant()
    return world.plant()


FLOWS = {
    "start": Flow(running=False),
    "create": Flow(act=lambda world, _: world.create()),
    "replace": Flow(World.user, World.replace),
    "delete": Flow(World.user, World.delete),
    "sweep": Flow(prepare_sweep, lambda world, _: world.sweep(), inline="off"),
    "audit": Flow(prepare_audit, lambda world, _: world.audit()),
}


class Lane:
    """One database and one provider, with a seed of its own."""

    def __init__(self, folder, database, provider, seed):
        self.folder, self.provider = pathlib.Path(folder), provider
        self.random = random.Random(seed)
        self.killed = collections.Counter()  # (flow, point)
        self.found, self.missed, self.worlds = [], 0, 0
        self.passes = {}  # of each flow: how often each point
        self.world = None
        self.name = f"{database}, {provider}, seed {seed}"

    def start(self, flow, rules=""):
        """A service for this flow, running and ready, or killed on the way there."""
        subject = self.world.subject
        subject.rules(rules)
        subject.begin(**flow.options)
        subject.wait_until_ready()

    def play(self, flow, rules):
        """Goes through a flow with these rules on; raises Killed."""
        if not flow.running:
            self.start(flow, rules)
            return
        self.start(flow)
        prepared = flow.prepare(self.world) if flow.prepare else None
        self.world.subject.said()
        self.world.subject.rules(rules)
        flow.act(self.world, prepared)

    def new_world(self):
        if self.world:
            self.world.close()
        self.worlds += 1
        self.world = World(self.folder / f"world{self.worlds}", self.provider)

    def census(self):
        self.new_world()
        for name, flow in FLOWS.items():
            self.world.subject.said()
            self.play(flow, "*=trace")
            passes = re.findall(r"^failpoint (\S+)$", self.world.subject.said(), re.MULTILINE)
            self.passes[name] = collections.Counter(passes)
            self.world.subject.kill()

    def plan(self):
        """Without end: every point of every flow, and then again, each at another pass."""
        while True:
            cells = [(flow, point) for flow, points in self.passes.items() for point in points]
            self.random.shuffle(cells)
            for flow, point in cells:
                most = min(self.passes[flow][point], PASSES_MOST)
                yield flow, point, self.random.randint(1, most)

    def kill(self, flow, point, number):
        """True if the process was killed there."""
        subject = self.world.subject
        rules = (f"{point}={number - 1}*off->abort; {DELAYS}; "
                 f"seed={self.random.randrange(1 << 30)}")
        subject.said()
        try:
            self.play(FLOWS[flow], rules)
        except Killed:
            subject.close_clients()
            subject.process.ends(PATIENCE)
        else:
            subject.kill()
        said = subject.said()
        killed = re.search(r"^failpoint (\S+) killed$", said, re.MULTILINE)
        if killed:
            assert killed[1] == point, (killed[1], point)
            self.killed[flow, point] += 1
        else:
            self.missed += 1
        self.judge(f"{flow}, {point} for the {number}th time: {'killed' if killed else said}")
        return bool(killed)

    def judge(self, where, **how):
        self.found += [f"{self.name}, {where}: {fault}" for fault in self.world.judge(**how)]

    def run(self, kills, at_most=10):
        """So many kills; ends early when so much was found."""
        self.census()
        plan, left = self.plan(), WORLD
        while sum(self.killed.values()) < kills and len(self.found) < at_most:
            assert self.missed < 100 + kills, "hardly any point is met"
            left -= self.kill(*next(plan))
            if left == 0:
                self.finish()
                self.new_world()
                left = WORLD
        self.finish()
        self.world.close()
        return self

    def finish(self):
        self.found += [f"{self.name}, in the end: {fault}" for fault in self.world.finish()]


Result = collections.namedtuple("Result", "database provider seed killed missed found")


def run_lane(database, provider, seed, kills):
    """A lane from its beginning to its end, in a process of its own."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(
            prefix="matrix-", dir=folder_in_memory(), ignore_cleanup_errors=True))
        services.SERVER = None
        if database == "postgres":
            services.SERVER = stack.enter_context(postgres.server_address())
        lane = Lane(folder, database, provider, seed)
        stack.callback(lambda: lane.world and lane.world.close())
        lane.run(kills)
        return Result(database, provider, seed, lane.killed, lane.missed, lane.found)


def folder_in_memory():
    """A process that is killed loses nothing that it has written: no disk has to be waited for."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def run_lanes(kills, seed, at_once):
    """Yields the results of lanes that share `kills`, with a seed drawn for each."""
    drawn, share = random.Random(seed), []
    combinations = [(database, provider) for database in DATABASES for provider in PROVIDERS]
    rounds = max(1, round(kills / LANE / len(combinations)))
    for _ in range(rounds):
        for database, provider in combinations:
            share.append((database, provider, drawn.randrange(1 << 30),
                          -(-kills // (rounds * len(combinations)))))
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(postgres.server_address())
        stack.enter_context(mock.patch.dict(os.environ, REPOSITORY_ADDRESS=address))
        # Forked, they would all take the ports of this process.
        pool = stack.enter_context(concurrent.futures.ProcessPoolExecutor(
            at_once, multiprocessing.get_context("spawn")))
        for lane in concurrent.futures.as_completed(
                [pool.submit(run_lane, *each) for each in share]):
            yield lane.result()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--lanes", type=int, default=4, help="how many run at once")
    parser.add_argument("--write", type=pathlib.Path, help="where the table goes")
    asked = parser.parse_args()
    results = []
    for result in run_lanes(asked.kills, asked.seed, asked.lanes):
        results.append(result)
        print(f"{result.database}, {result.provider}, seed {result.seed}: "
              f"{sum(result.killed.values())} kills, {len(result.found)} faults", flush=True)
        print("\n".join(result.found), end="\n" if result.found else "", flush=True)
        if asked.write:
            asked.write.write_text(table.written(results, asked, FLOWS, points_of_program()))
    print(f"{sum(sum(result.killed.values()) for result in results)} kills, seed {asked.seed}")
    return 1 if any(result.found for result in results) else 0


def points_of_program():
    """Every call that has failpoints, from the program itself."""
    return sorted(set(subprocess.run(
        [program("users-service")], env={"FAILPOINTS": "list"}, capture_output=True, text=True,
        check=True).stdout.split()))


if __name__ == "__main__":
    sys.exit(main())
