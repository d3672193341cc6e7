"""
The server that all replicas share crashes, stops and hangs, and replicas are killed and paused past
their leases, again and again; nobody restarts what was not killed, and nothing is lost.

FAULTS sets how many there are (40), SEED repeats a run's decisions.
"""
import os
import random
import signal
import threading
import time

import pytest

from checker import S3Store, check_service
from support import postgres, service as services
from test_kills import FAULTS as ANSWERS, Worker, sweep_on_and_on

EVENTS = int(os.environ.get("FAULTS", "40"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 32))))
LEASE = 3


@pytest.fixture
def server(open_folder, monkeypatch):
    """A PostgreSQL of this test's own, that may be killed."""
    made = postgres.Server(open_folder / "faults")
    monkeypatch.setattr(services, "SERVER", made.address())
    yield made
    made.remove()


def crash(server, _):
    server.stop(signal.SIGQUIT)
    server.start()


def stop(server, _):
    server.stop(signal.SIGINT)
    server.start()


def hang(server, _):
    server.pause()
    time.sleep(0.5)
    server.resume()


def kill(_, replica):
    replica.kill()
    replica.start(wait=False)


def pause(_, replica):
    """Past its lease: what it had claimed is somebody else's when it comes back."""
    replica.process.pause()
    time.sleep(LEASE + 0.5)
    replica.process.resume()


HAPPENINGS = {crash: 3, stop: 2, hang: 3, kill: 4, pause: 1}


def test_nothing_is_lost_by_what_happens_to_servers(server, replicas, s3d, tmp_path, capsys):
    chance = random.Random(SEED)
    three = replicas({}, {}, {}, files=s3d.url(), environment=s3d.environment, queue="postgres",
                     lease=f"{LEASE}s", upload_guard="5s", second_look="5s", delete_wait="1s",
                     log_level="warning")
    until = threading.Event()
    workers = [Worker(one, chance.random(), True) for one in three]
    s3d.fault(*(f"{rule},seed={chance.randrange(1 << 30)}" for rule in ANSWERS))
    threads = [threading.Thread(target=worker.run, args=(until,)) for worker in workers]
    threads += [threading.Thread(target=sweep_on_and_on, args=(one, until)) for one in three[:2]]
    for thread in threads:
        thread.start()
    try:
        for _ in range(EVENTS):
            time.sleep(chance.uniform(0.05, 0.5))
            (happens,) = chance.choices(list(HAPPENINGS), HAPPENINGS.values())
            happens(server, chance.choice(three))
    finally:
        until.set()
        for thread in threads:
            thread.join()
    s3d.clear()
    three[0].wait_for(lambda: all(one.public.get("/api/ready").status == 200 for one in three), 60,
                      "all replicas to recover by themselves", 0.5)
    three[0].private.post("/api/deletions/retry", {"state": "blocked"})
    three[0].wait_for(lambda: three[0].backlog() == (0, 0), 120, "everything to be finished", 0.5)
    for one in three:
        one.stop()
    log = [entry for worker in workers for entry in worker.log]
    found = check_service(three[0].copy_of_database(tmp_path / "copy"), S3Store(s3d), log=log,
                          quiescent=True)
    # While the server is away even a read is answered 503.
    found += [line for worker in workers for line in worker.wrong if not line.startswith("<503")]
    assert not found, f"SEED={SEED}:\n" + "\n".join(found)
    with capsys.disabled():
        print(f"\n{EVENTS} faults, {len(log)} calls, SEED={SEED}")
