#!/usr/bin/python3
"""
How long it takes from a commit at one replica until a worker elsewhere is done: p50 and p99 for
each way of telling it, over so many deletions, one after the other, as a client sees them.

    BUILD=build/src/programs tests/replicas/latency.py [COUNT]
"""
import contextlib
import os
import pathlib
import sys
import tempfile
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1])]
from support import postgres, service as services  # noqa: E402
from support.rabbitmq import Broker  # noqa: E402

# Far over what a wake takes, far under the minute after which a worker looks by itself.
SOON = 15


def deletes(api, count):
    """Deletes new users with avatars; how long each took, in order of length."""
    took = []
    for user in [api.create_with_avatar() for _ in range(count)]:
        begun = time.monotonic()
        assert api.delete(user["id"]).status == 202
        api.wait_for(lambda: api.erased(user["id"]), SOON, "a worker elsewhere", 0.001)
        took.append(time.monotonic() - begun)
    return sorted(took)


def report(took):
    def part(percent):
        return f"p{percent} {1000 * took[len(took) * percent // 100]:.1f} ms"
    return f"{part(50)}, {part(99)} of {len(took)}"


@contextlib.contextmanager
def running(folder, roles, **options):
    """The first has the database and the files that the others take over."""
    made = []
    try:
        for number, role in enumerate(roles):
            one = services.Service(folder / f"replica{number}", role=role, inline="off",
                                   **({**options, "on": made[0].database,
                                       "files": made[0].options["files"]} if made else options))
            made.append(one)
            one.start().wait_until_ready()
        yield made[0]
    finally:
        for one in reversed(made):
            one.stop()


def main(count=1000):
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="latency-")))
        os.chmod(folder, 0o755)
        services.SERVER = stack.enter_context(postgres.server_address())
        broker = Broker(folder / "rabbitmq")
        stack.callback(broker.remove)
        for name, queue, roles in (("in process", "local", ["all"]),
                                   ("PostgreSQL", "postgres", ["api", "worker"]),
                                   ("RabbitMQ", broker.url(), ["api", "worker"])):
            with running(folder / name, roles, queue=queue) as api:
                deletes(api, 10)
                print(f"{name}: {report(deletes(api, count))}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
