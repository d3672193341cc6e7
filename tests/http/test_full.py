"""When the database hangs, so many writes wait; one more is told to come again."""
import collections
import json

import pytest

from support import programs
from support.service import person
from support.wire import Wire, request
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
    users = service(environment={"LD_PRELOAD": str(shim), "HOLD_COMMITS": str(switch)})
    yield users, hold
    hold(False)


def test_a_full_mailbox_is_503_with_retry_after_and_loses_nothing(held):
    users, hold = held
    room = limit("LIMIT_STORE_MAILBOX")
    count = room + 200
    hold(True)
    wires = [Wire(users.port) for _ in range(count)]
    for wire in wires:
        body = json.dumps(person()).encode()
        wire.send(request("POST", "/api/users", body, Content_Type="application/json"))
    # Those for whom there is no place are told at once, and reads do not wait for writes.
    users.wait_for(lambda: sum(wire.read_what_is_there().statuses == [503] for wire in wires)
                   >= count - room - 1, what="the refusals")
    assert users.public.get("/api/users?limit=1").status == 200
    refused = [wire.read_what_is_there().replies for wire in wires]
    assert all(reply.headers["retry-after"] for replies in refused for reply in replies)
    hold(False)
    statuses = collections.Counter()
    for wire in wires:
        wire.socket.settimeout(20)
        statuses[wire.read_replies(1).replies[0].status] += 1
        wire.socket.close()
    assert set(statuses) == {201, 503} and room <= statuses[201] <= room + 1
    pages, cursor = 0, None
    while True:
        page = users.public.get("/api/users", limit=1000, cursor=cursor).data
        pages, cursor = pages + len(page["items"]), page["next"]
        if cursor is None:
            break
    assert pages == statuses[201]
    assert users.create()["id"]
