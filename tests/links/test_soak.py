"""
Two replicas in rough weather for as long as SOAK_S says (60): links are spoilt up to three at a
time, the store refuses and lies, one replica is killed and paused past its lease. The other one is
never restarted, and in each calm its memory and its descriptors are counted: neither may grow. In the
end the independent checker looks at all that was said. SEED repeats a run's decisions.
"""
import os
import pathlib
import time

import pytest

from proxy import DIRECTIONS, FAULTS
from test_kills import FAULTS as ANSWERS
from test_links import LINKS, OPTIONS, SEED, Impatient, World

SOAK_S = float(os.environ.get("SOAK_S", "60"))
LEASE_S = 3
# Rounds between two calms.
ROUNDS = 3
# What a heap may have grown by when it has seen most of what there is to see.
MEMORY_SHARE, MEMORY_BYTES, DESCRIPTORS = 1.2, 4 << 20, 10
# S3_CONNECTIONS_MAX in src/files/s3/s3.h.
STORE_CONNECTIONS = 96


def memory_of(pid):
    """Anonymous memory in use, in bytes."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"/proc/{pid}/status has no RssAnon")


def descriptors_of(pid, port):
    """Those that are open, apart from connections to a port, and how many connections those are."""
    kept = set()
    for line in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[2].split(":")[1], 16) == port:
            kept.add(f"socket:[{fields[9]}]")
    links = []
    for path in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.append(os.readlink(path))
        except FileNotFoundError:
            # It was closed since it was listed.
            pass
    connections = sum(link in kept for link in links)
    return len(links) - connections, connections


def grows(samples, share, slack):
    """Whether even the least of the last third is more than the most of the first, and some."""
    third = max(len(samples) // 3, 1)
    return min(samples[-third:]) > max(samples[:third]) * share + slack


@pytest.mark.parametrize("samples, expected", [
    ([10, 11, 10, 11, 10, 11], False), ([10, 30, 10, 30, 10, 30], False),
    ([10, 20, 30, 40, 50, 60], True), ([10, 10, 10, 10, 10, 40], False), ([10], False)])
def test_growth_is_told_from_noise(samples, expected):
    assert grows(samples, 1.2, 5) is expected


class Weather(World):
    """A world with a second replica, which is treated worse than the first."""

    def __init__(self, one, other, s3d, broker):
        super().__init__(0, one, s3d, broker)
        self.other = other
        other.options |= {name: one.options[name]
                          for name in ("database", "files", "queue", "token_file")}
        other.token, other.token_file = one.token, one.token_file
        other.links = {"client": other}
        other.start().wait_until_ready()
        self.workers.append(Impatient(other, self.chance.random(), True))
        self.memory, self.descriptors = [], []

    def mistreat(self):
        """Kills the second replica, or pauses it until its claims are others'."""
        if self.chance.random() < 0.6:
            self.other.kill()
            self.other.start(wait=False)
        else:
            self.other.process.pause()
            time.sleep(LEASE_S + 0.5)
            self.other.process.resume()

    def storm(self):
        links = self.chance.sample(LINKS, self.chance.randint(1, 3))
        self.s3d.fault(*(f"{rule},seed={self.chance.randrange(1 << 30)}" for rule in ANSWERS))
        self.suffer([(link, self.chance.choice(FAULTS), self.chance.choice(DIRECTIONS))
                     for link in links])
        if self.chance.random() < 0.4:
            self.mistreat()

    def calm(self):
        """All is well again and finished; what the first replica holds is counted."""
        self.s3d.clear()
        self.other.wait_until_alive()
        assert self.one.process.is_running(), self.one.process.complaint()
        # What the store refused for good while it lied waits for an hour by itself.
        self.one.private.post("/api/deletions/retry", {"state": "blocked"})
        assert self.converges(), f"SEED={SEED}: not finished: {self.status()}"
        self.one.close_clients()
        self.memory.append(memory_of(self.one.process.pid))
        others, connections = descriptors_of(self.one.process.pid, self.links["store"].port)
        # Those to the store are kept for the next request, up to a bound.
        assert connections <= STORE_CONNECTIONS, f"SEED={SEED}: {connections}"
        self.descriptors.append(others)

    def judge(self, folder):
        said = (f"SEED={SEED}: memory {[size >> 10 for size in self.memory]} KiB, "
                f"descriptors {self.descriptors}")
        assert not grows(self.memory, MEMORY_SHARE, MEMORY_BYTES), said
        assert not grows(self.descriptors, 1, DESCRIPTORS), said
        self.other.stop()
        return self.agrees(folder), said


def test_rough_weather_leaves_nothing_behind(service, s3d, broker, tmp_path, capsys):
    options = {"environment": s3d.environment, "files": s3d.url("world0"), **OPTIONS}
    weather = Weather(service(start=False, **options), service(start=False, **options), s3d, broker)
    end, storms = time.monotonic() + SOAK_S, 0
    while time.monotonic() < end or len(weather.memory) < 3:
        for _ in range(ROUNDS):
            weather.storm()
        storms += ROUNDS
        weather.calm()
    calls, said = weather.judge(tmp_path)
    with capsys.disabled():
        print(f"\n{storms} storms, {calls} calls, {said}")
