"""When the database hangs, so many writes wait; one more is told to come again."""
import collections
import json
import re

import pytest

from support import programs
from support.service import person
from support.wire import Wire, request
from playing import Barrier
from test_load import limit


@pytest.fixture
def held(tmp_path, service):
    """A service, and a function that holds its commits up, or lets them go."""
    switch = tmp_path / "hold"
    switch.write_bytes(b"\0")

    def hold(on):
        # In place: the service has the file mapped.
        with open(switch, "r+b") as file:
            file.write(b"x" if on else b"\0")

    shim = programs.build_folder().parents[1] / "tests/http/hold_commits.so"
    users = service(http_threads=1,
                    environment={"LD_PRELOAD": str(shim), "HOLD_COMMITS": str(switch)})
    yield users, hold
    hold(False)


def post(wire):
    body = json.dumps(person()).encode()
    wire.send(request("POST", "/api/users", body, Content_Type="application/json"))


def depth(users):
    """Writes that have a place in the mailbox."""
    text = users.private.get("/metrics").text
    line = re.compile(r'^users_service_mailbox_depth\{mailbox="store"\} (\d+)', re.MULTILINE)
    return int(line.search(text).group(1))


def test_a_full_mailbox_is_503_with_retry_after_and_loses_nothing(held):
    users, hold = held
    room = limit("LIMIT_STORE_MAILBOX")
    count = room + 200
    hold(True)
    wires = [Wire(users.port) for _ in range(count)]
    post(wires[0])
    Barrier(users.client())()
    # The store thread has taken it, and is held: those that follow keep their places.
    users.wait_for(lambda: depth(users) == 0, what="the first one to be taken")
    for wire in wires[1:]:
        post(wire)
    # Those for whom there is no place are told at once, and reads do not wait for writes.
    users.wait_for(lambda: sum(wire.read_what_is_there().statuses == [503] for wire in wires)
                   == count - room - 1, what="the refusals")
    assert users.public.get("/api/users?limit=1").status == 200
    refused = [wire.read_what_is_there().replies for wire in wires]
    assert all(reply.headers["retry-after"] for replies in refused for reply in replies)
    hold(False)
    statuses = collections.Counter()
    for wire in wires:
        wire.socket.settimeout(20)
        statuses[wire.read_replies(1).replies[0].status] += 1
        wire.socket.close()
    assert set(statuses) == {201, 503} and statuses[201] == room + 1
    pages, cursor = 0, None
    while True:
        page = users.public.get("/api/users", limit=1000, cursor=cursor).data
        pages, cursor = pages + len(page["items"]), page["next"]
        if cursor is None:
            break
    assert pages == statuses[201]
    assert users.create()["id"]
