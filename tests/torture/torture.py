#!/usr/bin/python3
"""
Makes every call and every allocation of users-service fail, each in turn, once and from then on,
and looks at what becomes of it; and those of commands and of the job (commands.py).

    torture.py [--seed S] [--share ONE_IN] [--sqlite-share ONE_IN] [--only PATTERN] [--lanes N]

A lane is a database and a provider, or also a queue. It first goes through each flow in peace,
with its failpoints traced: what a flow passes, and how often, is what there is to fail. Then it
goes through the flow again with one of them failing: once, at the nth pass; or from there on, until
the fault is lifted. Every client must get an answer of the contract; the process lives, or says why
it ends; once the fault is lifted, what is then in database and store is judged by the independent
checker, and the next flow goes on with them, in the same process if it lives. In the end two sweeps
must finish what is due, and nothing may be left.

The programs are those of a build with -Dfailpoints=true, in BUILD.
"""
import argparse
import collections
import concurrent.futures
import contextlib
import fnmatch
import multiprocessing
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / folder) for folder in ("", "matrix", "checker")]

import commands  # noqa: E402
import matrix  # noqa: E402
from faults import ALLOCATIONS, Case, Faults, cases_of, chance, passes_of, sides  # noqa: E402
from support import contract, images, postgres, rabbitmq, service as services  # noqa: E402
from support.client import NO_ANSWER  # noqa: E402
from support.programs import Process, program, wait_for  # noqa: E402

PATIENCE = matrix.PATIENCE
# Who ends by itself and cuts off its clients is gone soon.
ENDING = 20
# What a process that ends by itself may end with: it says why on standard error.
EX_UNAVAILABLE, EX_SOFTWARE, EX_CONFIG = 69, 70, 78
# What a client is answered that did something wrong.
BLAME = (400, 401, 403, 405, 406, 411, 412, 413, 414, 415, 416, 422, 431)
# Faults that last are met so often before they are lifted, unless the flow ends before.
MET_ENOUGH = 2
# As long a queue's fault is waited for, before it counts as missed.
MET_LATE = 5
# Cases on one database before everything has to finish.
WORLD = 150

OPTIONS = {**matrix.OPTIONS, "delete_wait": "1s", "startup_timeout": "1s", "timer": "on"}

# What a process that goes on does not miss, and a power cut would: an answer must tell of it.
SYNCED = {"create": r"files/local/object\.\w+\.(fsync|renameat2)\b",
          "replace": r"files/local/object\.\w+\.(fsync|renameat2)\b",
          "delete": r"files/local/delete\.\w+\.(fsync|unlinkat)\b"}


class Subject(matrix.Subject):
    """A service whose calls and allocations are made to fail, and whose answers are judged."""

    def __init__(self, folder, **options):
        super().__init__(folder, **options)
        self.faults = Faults(self.folder)
        self.environment |= self.faults.environment
        self.heard = ""

    def begin(self, **changes):
        self.close()
        super().begin(**changes)
        contract.serve(self.port, "public")
        contract.serve(self.private_port, "private")

    def close(self):
        if self.process:
            self.close_clients()

    def harm(self, case):
        """From here on the case's fault is there."""
        self.heard = ""
        self.faults.harm(case)

    def hear(self):
        """What it has said since this began, with a fault or in peace."""
        self.heard += self.said()
        return self.heard

    def met(self, case):
        """How often the fault was met."""
        return self.faults.met(case, self.hear())

    def is_running(self):
        return self.process is not None and self.process.is_running()

    def call(self, client, method, path, body=None, headers=None):
        try:
            answer = client.call(method, path, body, headers)
        except NO_ANSWER:
            self.close_clients()
            self.process.ends(ENDING)
            raise matrix.Killed(self.process.complaint()) from None
        assert answer.status not in BLAME, f"{method} {path}: the client is blamed: {answer}"
        return answer

    def stands_still(self):
        """Every thread of it is stopped, or it is gone."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/stat")
        return all(path.read_text().rpartition(")")[2].split()[0] in "TXZ" for path in tasks)

    def pause_for(self, look):
        """What `look` finds while the process stands still, or is gone."""
        running = self.is_running()
        if running:
            self.process.pause()
            wait_for(self.stands_still, PATIENCE, "the service to stand still", 0.001)
        try:
            return look()
        finally:
            if running:
                self.process.resume()

    def copy_of_database(self, folder):
        """Of a process that stands still, too: what it has at its server is a snapshot."""
        if not self.has_server:
            return super().copy_of_database(folder)
        folder = pathlib.Path(folder)
        subprocess.run(["rm", "-rf", str(folder)], check=True)
        folder.mkdir(parents=True)
        postgres.copy_to_sqlite(self.database.address, folder / "users.db")
        return folder / "users.db"


class World(matrix.World):
    """A database and a store, with what the flows of this file do to them."""

    subject_type, options = Subject, OPTIONS
    seal = None  # the last one that was read

    def note(self, kind, user_id, answer, **more):
        """
        Without memory for an answer, and with a database whose COMMIT is not found out about, a
        client is told that it cannot be known.
        """
        super().note(kind, user_id, answer, **more)
        status = self.log[-1]["status"]
        if status == 500 or status == 503 and self.subject.has_server:
            self.log[-1]["status"] = 0

    def sweep(self):
        self.subject.call(self.subject.private, "DELETE",
                          "/api/users/fallback?limit=50&timeout=5s")

    def judge(self, quiescent=False):
        return self.subject.pause_for(lambda: super(World, self).judge(quiescent))

    def read(self, user_id):
        """Everything that can be asked for without a change."""
        subject = self.subject
        answer = subject.call(subject.public, "GET", "/api/users?limit=1000")
        if answer.status == 200:
            listed = {user["id"] for user in answer.data["items"]}
            assert {user_id, *self.users} <= listed, "a page lacks somebody"
        for path in ("/api/ready", f"/api/users/{user_id}",
                     f"/api/users/{user_id}/avatar", f"/api/deletions/{user_id}"):
            subject.call(subject.public, "GET", path)
        for path in ("/api/deletions", "/api/status", "/api/status/history", "/api/receipts",
                     "/api/audit", "/metrics"):
            subject.call(subject.private, "GET", path)
        self.users.append(user_id)

    def replace(self, user_id):
        super().replace(user_id)
        return self.log[-1]["status"] or 503

    def hand_over(self):
        """An object of somebody else, which is then retried."""
        subject, key = self.subject, f"reports/{next(self.numbers)}"
        subject.call(subject.private, "POST", "/api/deletions", {"key": key})
        subject.call(subject.private, "POST", "/api/deletions/retry", {"key": key})

    def change(self, user_id):
        """A user's names, and then no avatar."""
        self.do("replace", user_id, "PUT", f"/api/users/{user_id}", services.person(
            lastName=f"King {user_id}"), lastName=f"King {user_id}")
        self.do("avatar-delete", user_id, "DELETE", f"/api/users/{user_id}/avatar")
        self.users.append(user_id)

    def backup(self):
        self.subject.call(self.subject.private, "GET", "/api/backup")

    def is_sealed(self):
        """Whether every receipt has its seal; asking makes the sealer look."""
        while True:
            cursor = f"?cursor={self.seal}" if self.seal else ""
            answer = self.subject.call(self.subject.private, "GET", f"/api/receipts{cursor}")
            if answer.status != 200 or not answer.data["items"]:
                return answer.status == 200
            if not (answer.data["next"] or "-").isdigit():
                return False
            self.seal = answer.data["next"]

    def audit_state(self):
        answer = self.subject.call(self.subject.private, "GET", "/api/audit")
        return answer.data["state"] if answer.status == 200 and answer.data else None

    def audit_ended(self):
        return self.audit_state() in (None, "none", "done", "refused", "failed", "stopped")

    def audit_begin(self):
        begun = self.subject.call(self.subject.private, "POST",
                                  "/api/audit?delete=true&maxShare=100")
        return begun.status in (202, 409)

    def sweeps_finish(self):
        """
        What is due is finished by sweeps; two of them may still meet what the faults left: a
        breaker that is open, a class that is blocked. A row under a lease is left to its worker.
        """
        failures = []

        def swept():
            answer = self.subject.call(self.subject.private, "DELETE",
                                       "/api/users/fallback?limit=1000&timeout=30s")
            assert answer.status == 200, answer
            if answer.data["failed"] or answer.data["blocked"]:
                failures.append(answer.data)
            return answer.data["remaining"] == 0

        wait_for(swept, PATIENCE, "sweeps to finish what is due", 0.05)
        return [f"after two sweeps something fails: {failure}" for failure in failures[2:]]


class Both:
    """Two stores that a service has, as the checker sees them: as one."""

    def __init__(self, *stores):
        self.stores = list(stores)

    def keys(self):
        return set().union(*(store.keys() for store in self.stores))

    def read(self, key):
        return next(store for store in self.stores if key in store.keys()).read(key)

    def temporary(self):
        return set().union(*(store.temporary() for store in self.stores))


class Moving(World):
    """A service with two stores; `files copy` brings over what there is from one to the other."""

    def __init__(self, folder, provider):
        super().__init__(folder, provider)
        places = [self.folder / name for name in ("one", "other")]
        for place in places:
            place.mkdir()
        self.addresses = [self.standin.url(place.name) if self.standin else f"file://{place}"
                          for place in places]
        self.store = Both(*(matrix.S3Store(self.standin, place.name) if self.standin
                            else matrix.LocalStore(place) for place in places))
        self.subject.options["files"] = self.addresses[0]
        self.copying, self.copied = None, False
        self.told = self.folder / "copying"

    def close(self):
        if self.copying and self.copying.is_running():
            self.copying.kill()
        super().close()

    def move(self):
        """The service goes to the other store: what its users have is in the one before."""
        wait_for(lambda: self.create() == 201 and len(self.users) > 1, PATIENCE, "users")
        self.addresses.reverse()
        self.store.stores.reverse()
        self.copied = False
        self.subject.stop()
        self.subject.begin(files=self.addresses[0], files_also=self.addresses[1])
        self.subject.wait_until_ready()

    def copy(self, _=None):
        self.told.write_bytes(b"")
        self.copying = Process(
            [program("users-service"), "files", "copy", "--limit", "1", "--private",
             f"http://127.0.0.1:{self.subject.private_port}", "--token-file",
             self.subject.token_file], self.told)
        return True

    def copy_ended(self):
        """Whether the command has, with a code of its table, and words if not all was copied."""
        if self.copying.is_running():
            return False
        code, words = self.copying.ends(), self.copying.complaint()
        assert code in (0, EX_UNAVAILABLE, EX_SOFTWARE), f"the copy ended with {code}\n{words}"
        assert code == 0 or re.search(r"^users-service: .", words, re.MULTILINE), (
            f"the copy ended with {code} and no reason\n{words}")
        self.copied = self.copied or code == 0
        return True

    def copy_again(self):
        """With the fault gone one more brings over what is left."""
        def ended_well():
            self.copy()
            wait_for(self.copy_ended, PATIENCE, "a copy to end", 0.01)
            return self.copied

        if not self.copied:
            wait_for(ended_well, PATIENCE, "a copy to bring over all that is left", 0.1)
        return [fault for fault in self.judge() if fault.startswith("not copied")]

    def judge(self, quiescent=False):
        """And whoever was said to be in the new store is."""
        found = super().judge(quiescent)
        if self.copied:
            with contextlib.closing(matrix.sqlite3.connect(self.folder / "copy/users.db")) as copy:
                keys = {key for (key,) in copy.execute(
                    "SELECT avatar_key FROM users WHERE NOT avatar_should_be_deleted "
                    "AND avatar_key IS NOT NULL")}
            found += [f"not copied: {key}" for key in keys - self.store.stores[0].keys()]
        return found


class Flow(matrix.Flow):
    """
    As in the matrix. `ended`: the act goes on by itself until this says that it has ended. `again`:
    what is done once the fault is gone, and finds what is wrong then. `world`: what it happens to.
    """

    def __init__(self, *arguments, ended=None, again=None, world=World, **options):
        super().__init__(*arguments, **{"timer": "on", **options})
        self.ended, self.again, self.world = ended, again, world


FLOWS = {
    "create": Flow(act=lambda world, _: world.create()),
    "replace": Flow(World.user, World.replace),
    "change": Flow(World.user, World.change),
    "delete": Flow(World.user, World.delete),
    "read": Flow(World.user, World.read),
    "hand over": Flow(act=lambda world, _: world.hand_over()),
    "backup": Flow(act=lambda world, _: world.backup()),
    "audit": Flow(matrix.prepare_audit, lambda world, _: world.audit_begin(),
                  ended=World.audit_ended),
    "seal": Flow(lambda world: world.delete(world.user()), lambda world, _: True,
                 ended=World.is_sealed),
    "sweep": Flow(matrix.prepare_sweep, lambda world, _: world.sweep(), inline="off",
                  timer="off"),
    "start": Flow(running=False),
    "copy": Flow(Moving.move, Moving.copy, ended=Moving.copy_ended, again=Moving.copy_again,
                 world=Moving),
}


class Lane:
    """One database and one provider, and the cases that are tried on them."""

    def __init__(self, folder, database, provider, seed, queue=None):
        self.folder, self.database, self.provider = pathlib.Path(folder), database, provider
        self.seed, self.queue = seed, queue
        self.name = f"{database}, {provider}" + (", rabbitmq" if queue else "")
        self.found, self.met, self.missed = [], collections.Counter(), []
        self.ended = collections.Counter()
        self.passes, self.asked = {}, {}
        self.world, self.worlds, self.left, self.flow = None, 0, 0, None

    @property
    def subject(self):
        return self.world.subject

    def close(self):
        if self.world:
            self.world.close()

    def new_world(self, flow):
        self.close()
        self.worlds, self.left, self.flow = self.worlds + 1, WORLD, None
        self.world = flow.world(self.folder / f"world{self.worlds}", self.provider)
        if self.queue:
            self.subject.options["queue"] = self.queue

    def run_service(self, flow):
        """A service with the flow's options, ready: the one that runs, if it has them."""
        if self.flow is not flow and self.subject.is_running():
            self.subject.stop()
        if not self.subject.is_running():
            self.subject.begin(**flow.options)
        self.flow = flow
        self.subject.wait_until_ready()

    def begins(self, flow, case):
        """Begins the service, as far as it gets: ready, ended, or at the fault again and again."""
        subject = self.subject
        if subject.is_running():
            subject.stop()
        self.flow = flow
        if case:
            subject.harm(case)
        subject.begin(**flow.options)

        def is_settled():
            return (not subject.is_running() or self.is_ready()
                    or case and case.lasts and subject.met(case) >= MET_ENOUGH)

        wait_for(is_settled, PATIENCE, "the service to be ready or to end", 0.005)
        if not subject.is_running():
            raise matrix.Killed(subject.process.complaint())

    def is_ready(self):
        subject = self.subject
        try:
            return subject.public.get("/api/ready").status == 200
        except NO_ANSWER:
            subject.public.close()
            return False

    def act(self, flow, case=None):
        """Goes through a flow, with the case's fault if there is one; raises Killed."""
        if not flow.running:
            self.begins(flow, case)
            return
        self.run_service(flow)
        prepared = flow.prepare(self.world) if flow.prepare else None
        self.subject.said()
        if case:
            self.subject.harm(case)
        begun = flow.act(self.world, prepared)
        if case and self.is_for_good(case) and begun in (200, 201) and self.subject.met(case):
            self.fail(case, f"answered with {begun}, as if it had not failed")
        if flow.ended and begun:
            wait_for(lambda: flow.ended(self.world) or (
                case and case.lasts and self.subject.met(case) >= MET_ENOUGH),
                PATIENCE, "what was begun to end", 0.01)

    @staticmethod
    def is_for_good(case):
        """Nothing that was asked for may have been done while this fails."""
        return (case.lasts and case.number == 1
                and re.match(SYNCED.get(case.flow, "$"), case.what) is not None)

    def census(self):
        """What each flow passes, and how often it asks for memory; the first flow's comes last."""
        for name, flow in reversed(FLOWS.items()):
            if type(self.world) is not flow.world:
                self.new_world(flow)
            for what in ALLOCATIONS:
                self.watch(name, flow, what)

    def watch(self, name, flow, what):
        subject = self.subject
        if flow.running:
            self.run_service(flow)
            prepared = flow.prepare(self.world) if flow.prepare else None
            subject.said()
        elif subject.is_running():
            subject.stop()
        subject.heard = ""
        subject.faults.watch(what)
        if not flow.running:
            self.begins(flow, None)
        elif flow.act(self.world, prepared) and flow.ended:
            wait_for(lambda: flow.ended(self.world), PATIENCE, "it to end", 0.01)
        if self.queue and not flow.running:
            wait_for(lambda: "wake/rabbitmq/rabbitmq.frame_next" in subject.hear(), PATIENCE,
                     "the queue to be listened to")
        self.asked[name, what] = subject.faults.asked()
        subject.faults.mend()
        self.passes[name] = passes_of(subject.hear())

    def fail(self, case, fault):
        self.found.append(f"{self.name}, {case.flow}, {case.what}, {case.number}, "
                          f"{'from then on' if case.lasts else 'once'}: {fault}")

    def ends_well(self, case):
        """A process that ended has said why, with a code that is documented."""
        code, words = self.subject.process.ends(PATIENCE), self.subject.process.complaint(12)
        self.ended[case.flow, code] += 1
        if code not in (EX_UNAVAILABLE, EX_CONFIG):
            self.fail(case, f"ended with {code}\n{words}")
        elif not re.search(r"^users-service: .|ending, to recover", words, re.MULTILINE):
            self.fail(case, f"ended with {code} and no reason\n{words}")

    def was_met(self, case):
        """How often; a queue has a thread of its own, which connects again when it is time to."""
        if self.queue and self.subject.is_running():
            with contextlib.suppress(AssertionError):
                wait_for(lambda: self.subject.met(case), MET_LATE, "the queue to meet it", 0.01)
        return self.subject.met(case)

    def try_case(self, case):
        """True if the fault was met."""
        flow, subject = FLOWS[case.flow], self.subject
        try:
            self.act(flow, case)
        except matrix.Killed:
            self.ends_well(case)
        except subprocess.TimeoutExpired:
            self.fail(case, f"no answer, and it lives\n{subject.process.complaint()}")
        except AssertionError as error:
            self.fail(case, f"{error}\n{subject.heard[-3000:]}{subject.process.complaint(8)}")
        met = self.was_met(case)
        subject.faults.mend()
        if met:
            self.met[case] += 1
        self.recover(case, flow)
        return bool(met)

    def is_well_again(self, case):
        """Ready, in the same process; or in another, if that was about to end."""
        if self.subject.is_running():
            try:
                # Without a timer, it is only a sweep that tries the store again.
                if self.flow.options["timer"] == "off":
                    self.world.sweep()
                self.subject.wait_until_ready()
                # The listener that begins last: without it a start goes on to its end.
                self.subject.call(self.subject.private, "GET", "/api/health")
                return
            except matrix.Killed:
                self.ends_well(case)
        self.subject.begin()
        self.subject.wait_until_ready()

    def recover(self, case, flow):
        """With the fault gone everything works again, and the promise was kept meanwhile."""
        for fault in self.world.judge():
            self.fail(case, fault)
        try:
            self.is_well_again(case)
            if flow.ended:
                wait_for(lambda: flow.ended(self.world), PATIENCE, "what was begun to end", 0.01)
            for fault in flow.again(self.world) if flow.again else ():
                self.fail(case, f"afterwards: {fault}")
        except (matrix.Killed, AssertionError) as error:
            self.fail(case, f"afterwards: {error}\n{self.subject.process.complaint()}")
            self.new_world(flow)

    def finish(self):
        try:
            if not self.subject.is_running():
                self.subject.begin()
            self.subject.wait_until_ready()
            self.found += [f"{self.name}: {fault}" for fault in self.world.sweeps_finish()]
            self.subject.stop()
            self.found += [f"{self.name}, in the end: {fault}" for fault in self.world.finish()]
        except (matrix.Killed, AssertionError) as error:
            self.found.append(f"{self.name}, in the end: {error}\n"
                              + self.subject.process.complaint())

    def run(self, cases, at_most=10):
        """Tries the cases; ends early when so much was found."""
        for case in cases:
            if len(self.found) >= at_most:
                break
            if self.left == 0 or type(self.world) is not FLOWS[case.flow].world:
                self.finish()
                self.new_world(FLOWS[case.flow])
            self.left -= 1
            if not self.try_case(case):
                # Another thread went another way: the first time is met for sure.
                first = case._replace(number=1)
                if case.number == 1 or not self.try_case(first):
                    self.missed.append(case)
        self.finish()
        self.close()
        return self

    # What there is to try.

    def everything(self):
        for flow, passes in self.passes.items():
            yield from cases_of(flow, passes, {what: self.asked[flow, what]
                                               for what in ALLOCATIONS})

    def call_sites(self):
        """
        A share of all lanes: each place that can fail once in all, in a lane, a flow and a way
        that the seed draws.
        """
        flows_of = collections.defaultdict(list)
        for flow, points in self.passes.items():
            for point in points:
                flows_of[point].append(flow)
        for point, flows in sorted(flows_of.items()):
            drawn = chance(self.seed, point)
            if self.is_mine(point, drawn):
                flow = flows[drawn // 7 % len(flows)]
                number = 1 + drawn // 77 % min(self.passes[flow][point], 3)
                yield Case(flow, point, number, bool(drawn // 777 % 2))
            if (self.database, self.provider) == matrix.COMBINATIONS[0]:
                yield from filter(self.is_for_good, (Case(flow, point, 1, True)
                                                     for flow in flows))

    def is_mine(self, point, drawn):
        lanes = [(database, provider) for database, provider in matrix.COMBINATIONS
                 if (database == "postgres" or "postgres" not in point)
                 and (database == "sqlite" or "sqlite" not in point)
                 and (provider == "local" or "files/local" not in point)
                 and (provider == "s3d" or "files/s3" not in point)]
        return lanes[drawn % len(lanes)] == (self.database, self.provider)

    def allocation_sites(self, counts):
        """So many of each flow's allocations, by whose they are, spread over all."""
        for (flow, what), asked in self.asked.items():
            count = counts[what]
            for i in range(min(count, asked)):
                drawn = chance(self.seed, self.name, flow, what, i)
                step = asked // min(count, asked)
                yield Case(flow, what, 1 + i * step + drawn % step, bool(drawn // 7 % 2))


def in_order(cases):
    """Flow by flow, so that the service is seldom started anew."""
    return sorted(cases, key=lambda case: list(FLOWS).index(case.flow))


def new_broker(stack):
    """RabbitMQ, until the end of the stack; its folder is for its own user, too."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="torture-",
                                                             ignore_cleanup_errors=True))
    os.chmod(folder, 0o755)
    broker = rabbitmq.Broker(pathlib.Path(folder) / "rabbitmq")
    stack.callback(broker.remove)
    return broker


def run_lane(database, provider, seed, choose, queue=None):
    """A lane from its beginning to its end; `choose` takes its cases from it."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(
            prefix="torture-", dir=matrix.folder_in_memory(), ignore_cleanup_errors=True))
        services.SERVER = None
        if database == "postgres":
            services.SERVER = stack.enter_context(postgres.server_address())
        lane = Lane(folder, database, provider, seed, queue and new_broker(stack).url())
        stack.callback(lane.close)
        lane.census()
        cases = in_order(choose(lane))
        lane.run(cases)
        return commands.Result(lane.name, len(cases), sum(lane.met.values()), lane.missed,
                      dict(lane.ended), lane.found)


def chosen_cases(lane, asked, part):
    """What was asked for of a lane or a command, and of that one part."""
    everything = [case for case in lane.everything()
                  if fnmatch.fnmatch(f"{case.flow}/{case.what}", asked.only)]

    def is_taken(case):
        share = asked.share * (asked.sqlite_share if "SQLite" in case.what else 1)
        return chance(lane.seed, lane.name, case) % share == 0

    taken = [case for case in everything if is_taken(case)]
    return [case for i, case in enumerate(taken) if i % asked.parts == part]


def is_asked(asked, flows):
    """Whether one of these may be in what was asked for."""
    return any(fnmatch.fnmatch(flow, asked.only.split("/")[0]) for flow in flows)


def run_part(database, provider, asked, part):
    return run_lane(database, provider, asked.seed,
                    lambda lane: chosen_cases(lane, asked, part))


QUEUE = "wake/rabbitmq/"


def is_queue_asked(asked):
    """Whether a call of the queue is: only then a broker is needed."""
    return any(fnmatch.fnmatch(f"{flow}/{point}{side}", asked.only) for flow in FLOWS
               for point in matrix.points_of_program() if point.startswith(QUEUE)
               for side in sides(point))


def run_queue_part(database, asked, part):
    """Of a lane with RabbitMQ: the queue's own calls, which no other lane has."""
    return run_lane(database, "local", asked.seed, lambda lane: [
        case for case in chosen_cases(lane, asked, part) if case.what.startswith(QUEUE)],
        queue="rabbitmq")


def run_command_part(name, asked, part):
    return commands.run_command(name, asked.seed, lambda bench: chosen_cases(bench, asked, part))


def use_torture_programs():
    """The programs whose memory may be refused, beside those of the build."""
    folder = pathlib.Path(program("users-service")).resolve().parents[2] / "tests" / "torture"
    return mock.patch.dict(os.environ, USERS_SERVICE_PROGRAM=str(folder / "users-service"),
                           FALLBACK_JOB_PROGRAM=str(folder / "fallback-job"))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=int, default=1, help="try one case in so many")
    parser.add_argument("--sqlite-share", type=int, default=20,
                        help="of SQLite's own allocations: one in so many of these")
    parser.add_argument("--only", default="*", help="FLOW/POINT, or COMMAND/POINT: a pattern")
    parser.add_argument("--lanes", type=int, default=4, help="how many run at once")
    parser.add_argument("--parts", type=int, default=4, help="into how many a lane is cut")
    asked = parser.parse_args()
    tried = found = 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(use_torture_programs())
        address = stack.enter_context(postgres.server_address())
        stack.enter_context(mock.patch.dict(os.environ, REPOSITORY_ADDRESS=address))
        pool = stack.enter_context(concurrent.futures.ProcessPoolExecutor(
            asked.lanes, multiprocessing.get_context("spawn")))
        runs = [pool.submit(run_part, database, provider, asked, part)
                for part in range(asked.parts) for database in matrix.DATABASES
                for provider in matrix.PROVIDERS if is_asked(asked, FLOWS)]
        runs += [pool.submit(run_queue_part, database, asked, part) for part in range(asked.parts)
                 for database in matrix.DATABASES if is_queue_asked(asked)]
        runs += [pool.submit(run_command_part, name, asked, part)
                 for part in range(asked.parts) for name in commands.COMMANDS
                 if is_asked(asked, [name])]
        for run in concurrent.futures.as_completed(runs):
            result = run.result()
            tried, found = tried + result.met, found + len(result.found)
            print(f"{result.name}: {result.met} met of {result.cases}, {len(result.missed)} missed, "
                  f"ended {result.ended}, {len(result.found)} faults", flush=True)
            print("\n".join(result.found), end="\n" if result.found else "", flush=True)
    print(f"{tried} faults were met, {found} of them badly, seed {asked.seed}")
    return 1 if found or not tried else 0


if __name__ == "__main__":
    sys.exit(main())
