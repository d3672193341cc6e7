"""
A thousand uploads at once: those for which there is no room are refused before they are read,
the memory stays under the cap that is stated, and afterwards everything is as it was.
"""
import collections
import itertools
import os
import pathlib
import re
import selectors
import statistics
import time

import pytest

from support import images
from support.client import multipart
from support.limits import limit
from support.service import person
from support.wire import Wire, read_reply, request

AT_ONCE = 1000
STORED = 30
# What the process may keep: stacks, caches, and what the allocator rounds up.
KEPT_BYTES = 24 * 1024 * 1024
# Far more than this takes.
LONG = 60


class Memory:
    def __init__(self, pid):
        self.pid = pid

    def line(self, name):
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE).group(1)) * 1024

    @property
    def now(self):
        return self.line("VmRSS")

    @property
    def peak(self):
        """Since it was forgotten, or since the start."""
        return self.line("VmHWM")

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.pid}/clear_refs").write_text("5")


class Crowd:
    """So many clients at once, each with a request of its own; who is done begins again."""

    def __init__(self, port, requests, count):
        self.port, self.requests = port, itertools.cycle(requests)
        self.statuses = collections.Counter()
        self.refusals = []
        self.selector = selectors.DefaultSelector()
        self.most_at_once = 0
        self.wires = set()
        for _ in range(count):
            self.join()

    def join(self):
        wire = Wire(self.port)
        wire.socket.setblocking(False)
        wire.left = memoryview(next(self.requests))
        self.wires.add(wire)
        self.most_at_once = max(self.most_at_once, len(self.wires))
        self.selector.register(wire.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, wire)

    def leave(self, wire):
        self.selector.unregister(wire.socket)
        wire.socket.close()
        self.wires.remove(wire)

    def write(self, wire):
        try:
            wire.left = wire.left[wire.socket.send(wire.left[:1 << 18]):]
        except (BrokenPipeError, ConnectionResetError):
            wire.left = wire.left[:0]
        except BlockingIOError:
            pass
        if not wire.left:
            self.selector.modify(wire.socket, selectors.EVENT_READ, wire)

    def read(self, wire):
        """True when the client has its answer."""
        wire.receive()
        reply, _ = read_reply(wire.received)
        if reply:
            self.statuses[reply.status] += 1
            if reply.status == 503:
                self.refusals.append(reply)
        assert reply or not wire.closed, f"no whole answer: {wire.received[:200]!r}"
        return reply is not None

    def go_on(self, again):
        for key, events in self.selector.select(1):
            if events & selectors.EVENT_READ:
                if self.read(key.data):
                    self.leave(key.data)
                    if again:
                        self.join()
            elif events & selectors.EVENT_WRITE:
                self.write(key.data)

    def run(self, until):
        end = time.monotonic() + LONG
        while self.wires:
            assert time.monotonic() < end, f"{LONG} s were not enough: {self.statuses}"
            self.go_on(again=not until())
        self.selector.close()


def latency(users):
    """Seconds that a request takes, the middle one of many."""
    def one():
        begun = time.monotonic()
        assert users.public.get("/api/users?limit=1").status == 200
        return time.monotonic() - begun
    return statistics.median(one() for _ in range(200))


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.fixture
def users(service):
    users = service()
    users.image = images.png(1320, 1320)
    assert 5_200_000 < len(users.image) <= 5 * 1024 * 1024
    users.ids = [users.create(avatar=users.image)["id"] for _ in range(4)]
    return users


def uploads(users):
    """Nine images for users that there are, and one in a form with a new user."""
    for number in range(9):
        yield request("PUT", f"/api/users/{users.ids[number % 4]}/avatar", users.image)
    body, headers = multipart(person(), users.image)
    yield request("POST", "/api/users", body, **{"Content-Type": headers["Content-Type"]})


def test_a_thousand_uploads_at_once_stay_under_the_cap_and_leave_nothing(users):
    memory = Memory(users.process.pid)
    before = memory.now, open_files(users.process.pid), latency(users)
    memory.forget_peak()
    requests = [*uploads(users), request("GET", f"/api/users/{users.ids[0]}/avatar")]
    crowd = Crowd(users.port, requests, AT_ONCE)
    crowd.run(lambda: crowd.statuses[200] + crowd.statuses[201] >= STORED)
    print(f"\n{dict(crowd.statuses)}, at most {memory.peak >> 20} MiB")
    assert crowd.most_at_once == AT_ONCE
    assert set(crowd.statuses) == {200, 201, 503}
    assert crowd.refusals and all(reply.headers["retry-after"] for reply in crowd.refusals)
    assert memory.peak < limit("LIMIT_MEMORY_BYTES")

    users.wait_for(lambda: open_files(users.process.pid) <= before[1], what="files to be closed")
    users.wait_for(lambda: memory.now < before[0] + KEPT_BYTES, what="memory to be given back")
    assert latency(users) < 10 * before[2] + 0.02
    assert users.put_avatar(users.ids[0], users.image).status == 200


def test_a_refused_upload_is_not_read(users):
    """With all the room taken, a refusal comes before a byte of the body was sent."""
    room = limit("LIMIT_UPLOAD_BYTES")
    length = 5 * 1024 * 1024
    head = request("PUT", f"/api/users/{users.ids[0]}/avatar", Content_Length=length)
    holders = [Wire(users.port) for _ in range(room // length)]
    for wire in holders:
        wire.send(head)
    assert users.public.get("/api/health").status == 200
    with Wire(users.port) as wire:
        wire.send(head)
        answer = wire.read_to_end()
        assert answer.statuses == [503] and answer.replies[0].headers["retry-after"]
    with Wire(users.port) as wire:
        wire.send(head.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        assert b"100 Continue" not in wire.read_to_end().raw
    # Who needs no room is not concerned.
    assert users.delete(users.ids[1]).status == 200
    assert users.avatar(users.ids[2]).status == 200
    for wire in holders:
        wire.socket.close()
    users.wait_for(lambda: users.put_avatar(users.ids[0], users.image).status == 200,
                   what="room to be given back by those who left")
