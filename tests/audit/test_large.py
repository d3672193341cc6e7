"""
An audit of a large store: how fast, and in how much memory.

What it finds is compared with what was laid; the numbers are printed, as they are asked for.
"""
import concurrent.futures
import os
import re
import sqlite3
import time
import uuid

from support import programs

LONG_AGO = 1_600_000_000_000
OBJECTS = int(os.environ.get("AUDIT_OBJECTS", "1000000"))
CEPH_OBJECTS = int(os.environ.get("AUDIT_CEPH_OBJECTS", "20000"))

# What the process may take more at the end of an audit than after its first tenth.
GROWTH_KIB = 8 * 1024


def key(number):
    time_of_it = LONG_AGO + number
    return "avatars/" + str(uuid.UUID(int=time_of_it << 80 | 0x7 << 76 | 0x8 << 60 | number))


def is_stray(number):
    return number % 100 == 0


def own_all(one, count):
    """A user for each object but every hundredth, in the database of a stopped service."""
    shell = sqlite3.connect(one.database)
    store = shell.execute("SELECT id FROM stores").fetchone()[0]
    users = ((str(uuid.UUID(int=LONG_AGO << 80 | 0x7 << 76 | 0x9 << 60 | number)), key(number),
              store) for number in range(count) if not is_stray(number))
    with shell:
        shell.executemany(
            "INSERT INTO users (id, first_name, last_name, user_name, email, created_at, "
            "updated_at, avatar_key, avatar_store_id, avatar_content_type, avatar_bytes, "
            "avatar_sha256) VALUES (?, 'A', 'B', 'c', 'd@e.f', 1, 1, ?, ?, 'image/png', 1, "
            f"'{'0' * 64}')", users)
    shell.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shell.close()


def private_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"^RssAnon:\s+(\d+)", status.read(), re.MULTILINE)[1])


def run(one, count, **query):
    """One audit: what it told, how many seconds it took, memory after a tenth and at most."""
    assert one.private.post("/api/audit", **query).status == 202
    began, early, most = time.monotonic(), None, 0
    while True:
        told = one.private.get("/api/audit").data
        used = private_kib(one.process.pid)
        if told["counts"]["objects"] >= count // 10:
            early = early or used
            most = max(most, used)
        if told["state"] != "running":
            return told, time.monotonic() - began, early, most
        assert time.monotonic() - began < 1800, told
        time.sleep(0.05)


def judge(where, told, count, seconds, early, most):
    print(f"\n{where}: {count} objects in {seconds:.1f} s, {count / seconds:.0f} a second; "
          f"private memory {early} KiB after a tenth, {most} KiB at most")
    strays = (count + 99) // 100
    assert told["state"] == "done", told
    assert told["counts"] == {"objects": count, "pointers": count - strays, "strays": strays,
                              "young": 0, "scheduled": told["counts"]["scheduled"], "missing": 0,
                              "oldVersions": 0, "unknown": 0}
    assert most - early < GROWTH_KIB
    return strays


def prepared(service, bucket, count):
    one = service(files=bucket.url("p"), environment=bucket.environment, audit_rate=1000000)
    one.wait_until_ready()
    one.stop()
    own_all(one, count)
    return one


def test_a_million_objects_of_the_stand_in(service, s3d):
    one = prepared(service, s3d, OBJECTS)
    s3d.lay("p/" + key(number) for number in range(OBJECTS))
    one.start().wait_until_ready()
    told, *numbers = run(one, OBJECTS)
    strays = judge("s3d, dry run", told, OBJECTS, *numbers)
    assert told["counts"]["scheduled"] == 0 and s3d.count("p/avatars/") == OBJECTS
    told, *numbers = run(one, OBJECTS, delete="true")
    judge("s3d, deleting", told, OBJECTS, *numbers)
    assert told["counts"]["scheduled"] == strays
    programs.wait_for(lambda: s3d.count("p/avatars/") == OBJECTS - strays, 300,
                      "the strays to be deleted")


def test_twenty_thousand_objects_of_ceph(service, ceph):
    one = prepared(service, ceph, CEPH_OBJECTS)
    with concurrent.futures.ThreadPoolExecutor(8) as clients:
        for _ in clients.map(lambda number: ceph.put("p/" + key(number), b"x"),
                             range(CEPH_OBJECTS)):
            pass
    one.start().wait_until_ready()
    told, *numbers = run(one, CEPH_OBJECTS, delete="true")
    strays = judge("Ceph, deleting", told, CEPH_OBJECTS, *numbers)
    assert told["counts"]["scheduled"] == strays
    programs.wait_for(lambda: len(ceph.objects("p/avatars/")) == CEPH_OBJECTS - strays, 300,
                      "the strays to be deleted", every=1)
