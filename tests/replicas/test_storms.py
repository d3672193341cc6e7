"""Nothing depends on a wake: lost, repeated or forged, the end is the same."""
import contextlib
import subprocess
import threading

import pytest

from test_rings import RINGS, live_through
from support import job

NOBODY_ANSWERS = "amqp://127.0.0.1:1"
# What a stranger might send, who has found the channel.
GARBAGE = ("NOTIFY users_service, ''", "NOTIFY users_service, 'x; DROP TABLE users'",
           "SELECT pg_notify('users_service', repeat('\U0001f4a5', 1900))")
REPEATED = ("NOTIFY users_service, 'somebody'",) * 10


@contextlib.contextmanager
def storm(one, statements):
    """Sends these wakes over and over, as fast as one shell can."""
    over = threading.Event()

    def rage():
        with subprocess.Popen(["psql", "--no-psqlrc", "-q", one.database.address],
                              stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as shell:
            while not over.wait(0.001):
                shell.stdin.write(";\n".join(statements) + ";\n")
                shell.stdin.flush()

    thread = threading.Thread(target=rage)
    if statements:
        thread.start()
    try:
        yield
    finally:
        over.set()
        if statements:
            thread.join()


@pytest.mark.parametrize("queue, statements", [
    (NOBODY_ANSWERS, ()), ("postgres", REPEATED), ("postgres", GARBAGE)],
    ids=["dropped", "ten times", "garbage"])
@pytest.mark.parametrize("rings", RINGS)
def test_the_end_is_the_same(replicas, agrees, rings, queue, statements):
    one, other = replicas({}, {}, queue=queue, **RINGS[rings])
    with storm(one, statements):
        left, gone = live_through(one)
        if RINGS[rings].get("timer") == "off":
            assert job.run(other).returncode == 0
        for user_id in gone:
            one.wait_until_erased(user_id)
    one.wait_for(lambda: one.private.get("/api/deletions").data["items"] == [])
    for user_id, digest in left.items():
        avatar = one.user(user_id).data["avatar"]
        assert (avatar and avatar["sha256"]) == digest
    other.stop()
    agrees(one, log=[{"op": "delete", "id": user_id, "status": 200} for user_id in gone])
