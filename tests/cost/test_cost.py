"""
What fixed pieces of work cost: instructions (callgrind) and system calls (strace), each the
difference between a large and a small run, so that start and end are not counted. No clock is
read, so a busy machine changes nothing. COST_WRITE=1 writes what is measured as the new bounds.
"""
import json
import os
import pathlib
import re
import subprocess

import pytest

from support import images, programs
from support.programs import wait_for

BOUNDS = pathlib.Path(__file__).with_name("bounds.json")
IMAGE = programs.ROOT / "tests/fuzz/corpus/image/139"
# Either way: what became cheaper gets a new bound, or the gain could be lost again unseen.
SHARE = 0.05
# The same code paths in the libraries on every processor.
PLAIN_PROCESSOR = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX512F,-AVX512VL,-ERMS,-EVEX"}
SMALL, LARGE = 256, 768
# Calls that carry data or make it last. How threads wait for each other depends on the machine, and
# so does in how many pieces a request comes.
COUNTED = ("accept4", "read", "readv", "pread64", "write", "writev", "pwrite64", "sendto",
           "sendmsg", "sendfile", "openat", "openat2", "close", "unlinkat", "renameat2", "linkat",
           "fsync", "fdatasync", "newfstatat", "statx", "getrandom")


def judge(name, measured):
    bounds = json.loads(BOUNDS.read_text())
    if os.environ.get("COST_WRITE"):
        BOUNDS.write_text(json.dumps({**bounds, name: measured}, indent=4, sort_keys=True) + "\n")
        return
    print(f"{name}: {measured}, bound {bounds[name]}")
    assert measured <= bounds[name] * (1 + SHARE), \
        f"{name} costs {measured}, more than {bounds[name]}: mend it, or say in the commit why"
    assert measured >= bounds[name] * (1 - SHARE), \
        f"{name} costs {measured}, less than {bounds[name]}: good; COST_WRITE=1 ./test cost keeps it"


def instructions(workload, folder, count):
    folder.mkdir()
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         programs.build_folder().parents[1] / "tests/cost/workload", workload, folder, str(count),
         IMAGE], env={**os.environ, **PLAIN_PROCESSOR}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return int(re.search(r"refs:\s+([\d,]+)", done.stderr).group(1).replace(",", ""))


@pytest.mark.parametrize("workload", ["create", "read", "mark", "drain", "image", "schedule"])
def test_instructions_for_one(workload, tmp_path):
    few, many = (instructions(workload, tmp_path / str(count), count) for count in (SMALL, LARGE))
    judge(f"instructions, {workload}", (many - few) // (LARGE - SMALL))


def lives(users, count):
    for _ in range(count):
        user = users.create(avatar=images.png())
        assert users.user(user["id"]).status == 200
        assert users.avatar(user["id"]).status == 200
        assert users.delete(user["id"]).status == 200


def system_calls(service, folder, count):
    """Of a service that sees so many lives, from its start to its end."""
    folder.mkdir()
    summary = folder / "calls"
    users = service(start=False, timer="off", sandbox="off")
    # The tracer keeps aside, so that signals and the exit code are the service's own.
    users.prefix = ["strace", "--daemonize", "--follow-forks", "--summary-only", "--summary-columns=count,name",
                    f"--output={summary}"]
    users.start()
    users.wait_until_ready()
    lives(users, count)
    users.stop()
    wait_for(lambda: "total" in summary.read_text(), timeout=60, what="strace to sum up")
    rows = re.findall(r"^ *(\d+) +(\w+)$", summary.read_text(), re.M)
    return {name: int(number) for number, name in rows}


def test_system_calls_for_a_users_life(service, tmp_path):
    few, many = (system_calls(service, tmp_path / str(count), count) for count in (20, 120))
    spent = sum(many.get(name, 0) - few.get(name, 0) for name in COUNTED)
    judge("system calls, a user's life", spent / 100)
