"""
Everything that replicas need dies, hangs and is cut off from them, and so do they, again and again;
nobody restarts what was not killed, and nothing is lost.

FAULTS sets how many faults there are (40), SEED repeats a run's decisions.
"""
import itertools
import os
import random
import signal
import threading
import time

from checker import S3Store, check_service
from stage import spread
from support.client import NO_ANSWER
from support.programs import wait_for
from test_kills import FAULTS as ANSWERS, Worker, sweep_on_and_on

EVENTS = int(os.environ.get("FAULTS", "40"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 32))))
LEASE = 3
# A long run has cuts that last longer than connections do.
CUTS = [0.2, 0.5, 1, 1.5] + ([6, 14] if EVENTS >= 200 else [])
AT_COMMIT = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
# 69: not healthy, 70: no progress, 75: out of time. Nothing else can be the network's doing.
JOB_ENDS = (0, 69, 70, 75)


def crash_server(stage, *_):
    stage.pair.primary.stop(signal.SIGQUIT)
    stage.pair.primary.start()


def stop_server(stage, *_):
    stage.pair.primary.stop(signal.SIGINT)
    stage.pair.primary.start()


def kill_server(stage, *_):
    stage.pair.primary.kill()
    stage.pair.primary.start()


def hang_server(stage, *_):
    stage.pair.primary.pause()
    time.sleep(0.5)
    stage.pair.primary.resume()


def promote_standby(stage, *_):
    stage.pair.promote()
    stage.pair.rejoin()


def kill_replica(_, replica, __):
    replica.kill()
    replica.start(wait=False)


def pause_replica(_, replica, __):
    """Past its lease: what it had claimed is somebody else's when it comes back."""
    replica.process.pause()
    time.sleep(LEASE + 0.5)
    replica.process.resume()


def kill_broker(stage, *_):
    stage.broker.kill()
    stage.broker.start(wait=False)


def hang_broker(stage, *_):
    stage.broker.signal(signal.SIGSTOP)
    time.sleep(0.5)
    stage.broker.signal(signal.SIGCONT)


def cut(stage, one, other, chance):
    stage.net.cut(one, other)
    time.sleep(chance.choice(CUTS))
    stage.net.mend()


def cut_from_server(stage, replica, chance):
    cut(stage, replica.node, stage.pair.primary.node, chance)


def cut_from_broker(stage, replica, chance):
    cut(stage, replica.node, stage.broker.node, chance)


def cut_from_store(stage, replica, chance):
    cut(stage, replica.node, stage.store_node, chance)


def cut_from_job(stage, replica, chance):
    cut(stage, stage.job_node, replica.node, chance)


def lose_commits(stage, *_):
    """COMMITs that are carried out, and wait for the standby when their connections end."""
    stage.pair.standby.pause()
    try:
        wait_for(lambda: stage.pair.primary.sql(f"SELECT count(*) {AT_COMMIT}") != "0", 60,
                 "a COMMIT to wait for the standby")
        stage.pair.primary.sql(f"SELECT count(pg_terminate_backend(pid)) {AT_COMMIT}")
    finally:
        stage.pair.standby.resume()


def lose_answers(stage, replica, _):
    """Whatever the server was just asked, it does; no answer comes back, and none will."""
    stage.net.silence(replica.node, stage.pair.primary.node)
    time.sleep(0.2)
    stage.pair.primary.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
                           "backend_type = 'client backend' AND pid <> pg_backend_pid()")
    stage.net.mend()


HAPPENINGS = {crash_server: 3, stop_server: 2, kill_server: 3, hang_server: 3, promote_standby: 2,
              kill_replica: 4, pause_replica: 1, kill_broker: 1, hang_broker: 2,
              cut_from_server: 4, cut_from_broker: 2, cut_from_store: 3, cut_from_job: 3,
              lose_answers: 2, lose_commits: 4}


class Client(Worker):
    """One that waits for every answer, and so knows what it may expect."""
    patience = 120

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.slowest = 0

    def call(self, *arguments):
        begun = time.monotonic()
        answer = super().call(*arguments)
        self.slowest = max(self.slowest, time.monotonic() - begun)
        return answer


def run_jobs(stage, until, ends):
    """The job, at one replica after the other."""
    for one in itertools.cycle(stage.replicas):
        if until.is_set():
            return
        ends.append(stage.run_job(one, call_timeout="8s", sweep_timeout="5s").returncode)
        until.wait(0.2)


class Crowd:
    """Clients, sweeps and the job, all at once, until it ends."""

    def __init__(self, stage, chance):
        self.until, self.job_ends = threading.Event(), []
        self.clients = [Client(one, chance.random(), True) for one in stage.replicas]
        self.threads = [threading.Thread(target=client.run, args=(self.until,))
                        for client in self.clients]
        self.threads += [threading.Thread(target=sweep_on_and_on, args=(one, self.until))
                         for one in stage.replicas[:2]]
        self.threads.append(threading.Thread(target=run_jobs,
                                             args=(stage, self.until, self.job_ends)))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.until.set()
        for thread in self.threads:
            thread.join()

    def log(self):
        return [entry for client in self.clients for entry in client.log]

    def wrong(self):
        """While a server is away even a read is answered 503."""
        return [line for client in self.clients for line in client.wrong
                if not line.startswith("<503")]


def is_well(one):
    """It reads, and it writes; one that was just started may not listen yet."""
    assert one.process.is_running(), one.process.complaint()
    try:
        return (one.public.get("/api/ready").status == 200
                and one.private.delete("/api/users/fallback?limit=1").status == 200)
    except NO_ANSWER:
        return False


def recover(stage):
    """By themselves: nobody starts anything, and nobody waits for more than a while."""
    first = stage.replicas[0]
    stage.broker.wait_until_up()
    for one in stage.replicas:
        one.wait_for(lambda one=one: is_well(one), 120, "a replica to recover", 0.2)
    first.private.post("/api/deletions/retry", {"state": "blocked"})
    first.wait_for(lambda: first.backlog() == (0, 0), 120, "everything to be finished", 0.2)
    for one in stage.replicas:
        assert stage.run_job(one).returncode == 0
        one.stop()


def test_nothing_is_lost_by_what_happens_to_servers(stage, tmp_path, capsys):
    chance = random.Random(SEED)
    all_of_it = stage(3, lease=f"{LEASE}s", upload_guard="5s", second_look="5s", delete_wait="1s",
                      log_level="warning")
    all_of_it.store.fault(*(f"{rule},seed={chance.randrange(1 << 30)}" for rule in ANSWERS))
    with Crowd(all_of_it, chance) as crowd:
        for happens in spread(HAPPENINGS, EVENTS, SEED):
            time.sleep(chance.uniform(0.05, 0.4))
            happens(all_of_it, chance.choice(all_of_it.replicas), chance)
    all_of_it.store.clear()
    recover(all_of_it)
    log = crowd.log()
    found = check_service(all_of_it.replicas[0].copy_of_database(tmp_path / "copy"),
                          S3Store(all_of_it.store), log=log, quiescent=True) + crowd.wrong()
    assert not found, f"SEED={SEED}:\n" + "\n".join(found)
    assert set(crowd.job_ends) <= set(JOB_ENDS), f"SEED={SEED}: {sorted(set(crowd.job_ends))}"
    with capsys.disabled():
        slowest = max(client.slowest for client in crowd.clients)
        unknown = sum(one.log().count("lost at COMMIT") for one in all_of_it.replicas)
        print(f"\n{EVENTS} faults over {all_of_it.net.kind}, {len(log)} calls, {unknown} COMMITs "
              f"without an answer, {len(crowd.job_ends)} jobs, slowest answer {slowest:.1f} s, "
              f"SEED={SEED}")
