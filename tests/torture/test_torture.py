"""
A share of all that can fail: each place that calls out, and of each flow some of its allocations,
on each database and provider. `torture.py` tries all of it.
"""
import mmap
import os
import struct
import subprocess

import pytest

import torture
from support import job
from support.service import Service

SEED = int(os.environ.get("SEED", "1"))
# Of each flow, on each lane: of our own, and of SQLite's.
ALLOCATIONS = {"allocation": 5, "allocation in SQLite": 2}
CODES = (0, 64, 69, 70, 75, 78)


@pytest.fixture(autouse=True)
def programs():
    with torture.use_torture_programs():
        yield


@pytest.mark.parametrize("provider", torture.matrix.PROVIDERS)
@pytest.mark.parametrize("database", torture.matrix.DATABASES)
def test_no_call_and_no_allocation_that_fails_breaks_the_promise(database, provider):
    result = torture.run_lane(database, provider, SEED, lambda lane: [
        *lane.call_sites(), *lane.allocation_sites(ALLOCATIONS)])
    print(f"{result.name}: {result.met} faults met, {len(result.missed)} missed, "
          f"ended {result.ended}, SEED={SEED}")
    assert not result.found, f"SEED={SEED}\n" + "\n".join(result.found)
    assert result.met > result.cases * 3 // 4, result.missed


class Memory:
    """What a program is told of its memory by the file that it maps."""

    def __init__(self, path):
        path.write_bytes(bytes(mmap.PAGESIZE))
        with open(path, "r+b") as file:
            self.bytes = mmap.mmap(file.fileno(), 0)

    def set(self, mode, number):
        struct.pack_into("=qqqqq", self.bytes, 0, mode, number, 0, 0, 1)

    def asked(self):
        return struct.unpack_from("=qq", self.bytes, 16)


@pytest.fixture(name="service")
def fixture_service(tmp_path):
    service = Service(tmp_path / "service")
    service.start()
    yield service
    service.end()


@pytest.fixture(name="memory")
def fixture_memory(tmp_path, service, monkeypatch):
    """Of what is started from here on: not of the service."""
    assert service.process.is_running()
    monkeypatch.setenv("ALLOCATIONS_FILE", str(tmp_path / "allocations"))
    return Memory(tmp_path / "allocations")


def every(memory, run):
    """The numbers of some of the allocations of a run in peace, and whether they fail for good."""
    memory.set(torture.FAIL_FROM, 1 << 40)
    assert run().returncode == 0
    asked, step = memory.asked()[0], max(1, int(os.environ.get("STEP", "9")))
    step = min(step, max(1, asked // 3))
    for number in range(1 + SEED % step, asked + 1, step):
        yield torture.ONE_FAILS, number
        yield torture.FAIL_FROM, number


def says_so(memory, run):
    """Runs it with some allocation refused, each in turn: it ends well, or says why it does not."""
    tried = 0
    for mode, number in every(memory, run):
        memory.set(mode, number)
        done = run()
        if memory.asked()[1]:
            tried += 1
            assert done.returncode in CODES, (mode, number, done)
            assert done.returncode == 0 or done.stderr.strip(), (mode, number, done)
    assert tried > 2


def test_a_job_without_memory_says_so(service, memory):
    says_so(memory, lambda: job.run(service, startup_timeout="1s", health_timeout="1s",
                                    call_timeout="2s", run_timeout="5s", stop_timeout="1s"))


def test_the_next_run_is_told_or_it_is_said_that_memory_lacks(memory):
    command = [torture.program("fallback-job"), "next", "--schedule", "5 4 * * *", "--timezone",
               "Europe/Berlin", "--from", "2026-01-01T00:00:00Z"]
    says_so(memory, lambda: subprocess.run(command, capture_output=True, text=True, timeout=60,
                                           check=False))


def test_a_check_without_memory_says_so(service, memory, tmp_path):
    other = Service(tmp_path / "other")
    says_so(memory, lambda: other.run("--check"))
