"""
Every link of a service goes wrong in every way, alone and two at a time, while clients and the
Fallback Job go on: between client and service, job and private listener, service and store, service
and database, service and queue. Once the links are well again, two runs of the job at most, and
nothing is left to be finished; in the end the independent checker looks at all that was said.

COMBINATIONS=all takes every fault of every link in each direction, and every two of two links; else
it is each fault of each link, and some pairs. SEED repeats a run's decisions.
"""
import concurrent.futures
import itertools
import json
import os
import random
import threading
import time

from checker import S3Store, check_service
from proxy import DIRECTIONS, FAULTS, Network
from support import job
from support.client import Client, NO_ANSWER
from test_kills import Worker

LINKS = ("client", "job", "store", "database", "queue")
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 32))))
ALL = os.environ.get("COMBINATIONS") == "all"
WORLDS = int(os.environ.get("WORLDS", "6"))
PAIRS = 9
# How long the links are spoilt: some calls run into their deadlines, others are only late.
FAULT_S = (0.5, 1.3)
# Between two runs of the job: longer than a lease, as it is to be.
PERIOD_S = 15
OPTIONS = {"lease": "3s", "files_timeout": "1s", "upload_guard": "5s", "second_look": "5s",
           "delete_wait": "1s", "log_level": "warning"}
# Half of the services have nothing but requests and the job to start work.
TIMER = ("on", "off")


def singles():
    """Each fault of each link in each direction: (link, fault, direction)."""
    return [(link, fault, direction) for link in LINKS for fault in FAULTS
            for direction in (DIRECTIONS if fault != "down" else DIRECTIONS[:1])]


def pairs(chance):
    """Every two faults of every two links, in directions that are drawn."""
    return [((one, fault, chance.choice(DIRECTIONS)), (other, second, chance.choice(DIRECTIONS)))
            for one, other in itertools.combinations(LINKS, 2)
            for fault in FAULTS for second in FAULTS]


def combinations(chance):
    """What a run tries: tuples of faults that hold at the same time."""
    alone = [(single,) for single in singles()]
    together = pairs(chance)
    if ALL:
        return alone + together
    once = {(link, fault): chance.choice([one for one in alone if one[0][:2] == (link, fault)])
            for link in LINKS for fault in FAULTS}
    return list(once.values()) + chance.sample(together, PAIRS)


class Impatient(Worker):
    """A client that goes by the link, and does not wait for long."""

    def call(self, method, path, body=None, headers=None):
        answer = super().call(method, path, body, headers)
        if answer is None or "Content-Length" in answer.headers:
            return answer
        # Cut within its head: http.client takes the end for that of the head.
        self.client.close()
        return None

    def run(self, until):
        self.client = Client(self.users.links["client"].port, timeout=3)
        while not until.is_set():
            self.act()
            until.wait(0.01)
        self.client.close()


class World:
    """A service with a link to everybody it talks to, its clients, and its job."""

    def __init__(self, number, one, s3d, broker):
        self.number, self.one, self.s3d = number, one, s3d
        self.chance = random.Random(f"{SEED} {number}")
        self.network = Network(self.chance.random())
        self.links = {"store": self.network.link(s3d.port), "queue": self.network.link(broker.port)}
        self.told, self.periods = [], []
        self.connect_database()
        one.options["files"] = one.options["files"].replace(f":{s3d.port}",
                                                            f":{self.links['store'].port}")
        one.options["queue"] = broker.url().replace(f":{broker.port}",
                                                    f":{self.links['queue'].port}")
        one.start().wait_until_ready()
        self.links |= {"client": self.network.link(one.port),
                       "job": self.network.link(one.private_port)}
        one.links = self.links
        self.workers = [Impatient(one, self.chance.random(), True) for _ in range(2)]

    def connect_database(self):
        address = self.one.options["database"]
        port = int(address.rsplit(":", 1)[1].split("/")[0])
        self.links["database"] = self.network.link(port)
        self.one.options["database"] = address.replace(f":{port}/",
                                                       f":{self.links['database'].port}/")

    def run_job(self):
        port = self.links["job"].port
        done = job.run(self.one, health=f"http://127.0.0.1:{port}/api/health",
                       fallback=f"http://127.0.0.1:{port}/api/users/fallback",
                       startup_timeout="3s", health_timeout="3s", call_timeout="10s",
                       sweep_timeout="5s")
        # Healthy or not, done or not: it ends, and says so in one of its ways.
        assert done.returncode in (0, 69, 70, 75), (done.returncode, done.stderr)
        return done

    def suffer(self, faults):
        """Clients and the job go on while the links are spoilt."""
        until = threading.Event()
        with concurrent.futures.ThreadPoolExecutor(len(self.workers) + 1) as beside:
            under_way = [beside.submit(worker.run, until) for worker in self.workers]
            try:
                for link, fault, direction in faults:
                    self.links[link].spoil(fault, direction)
                under_way.append(beside.submit(self.run_job))
                time.sleep(self.chance.uniform(*FAULT_S))
            finally:
                self.network.heal()
                until.set()
        for each in under_way:
            each.result()

    def status(self):
        try:
            answer = self.one.private.get("/api/status")
            ready = self.one.public.get("/api/ready")
        except NO_ANSWER:
            return None
        return answer.data if answer.status == 200 and ready.status == 200 else None

    def is_clean(self):
        found = self.status()
        return found and found["pending"] == found["blocked"] == 0 and found["takesUploads"]

    def converges(self):
        """How many runs of the job it took; None if two were not enough."""
        for period in (1, 2):
            self.told.append(self.run_job())
            end = time.monotonic() + PERIOD_S
            while time.monotonic() < end:
                if self.is_clean():
                    return period
                time.sleep(0.05)
        return None

    def try_one(self, faults):
        assert self.one.process.is_running(), self.one.process.complaint()
        self.suffer(faults)
        periods = self.converges()
        assert periods, "\n".join([
            f"SEED={SEED}, world {self.number}: not finished after two runs of the job: {faults}",
            json.dumps(self.status()), self.told[-1].stderr, self.one.process.complaint()])
        self.periods.append(periods)

    def agrees(self, folder):
        """Waits for the guards as well, stops the service and asks the checker."""
        def nothing_is_left():
            self.run_job()
            return self.is_clean() and self.status()["scheduled"] == 0
        self.one.wait_for(nothing_is_left, 120, "guards and second looks", 0.5)
        self.one.stop()
        self.network.close()
        log = [entry for worker in self.workers for entry in worker.log]
        found = check_service(self.one.copy_of_database(folder / f"copy{self.number}"),
                              S3Store(self.s3d, f"world{self.number}"), log=log, quiescent=True)
        # While the database is away even a read is answered 503.
        found += [line for worker in self.workers for line in worker.wrong
                  if not line.startswith("<503")]
        assert not found, f"SEED={SEED}, world {self.number}:\n" + "\n".join(found)
        return len(log)


def run_world(world, share, folder):
    for faults in share:
        world.try_one(faults)
    return world.agrees(folder), world.periods


def test_everything_is_finished_two_periods_after_the_links_are_well(service, s3d, broker,
                                                                    tmp_path, capsys):
    tried = combinations(random.Random(SEED))
    random.Random(SEED).shuffle(tried)
    begun = time.monotonic()
    worlds = [World(number, service(start=False, files=s3d.url(f"world{number}"),
                                    environment=s3d.environment, timer=TIMER[number % 2],
                                    **OPTIONS), s3d, broker)
              for number in range(WORLDS)]
    with concurrent.futures.ThreadPoolExecutor(WORLDS) as pool:
        runs = [pool.submit(run_world, world, tried[world.number::WORLDS], tmp_path)
                for world in worlds]
    results = [run.result() for run in runs]
    periods = [period for _, of_world in results for period in of_world]
    assert len(periods) == len(tried)
    with capsys.disabled():
        print(f"\n{len(tried)} combinations of faults, {sum(calls for calls, _ in results)} calls; "
              f"runs of the job until all was finished: one {periods.count(1)} times, two "
              f"{periods.count(2)} times; {time.monotonic() - begun:.0f} s, SEED={SEED}")
