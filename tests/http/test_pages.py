"""Long answers stay in memory until their readers have taken them: there is room for some."""
from support.limits import limit
from support.wire import Wire, request

USERS = 600
LONG = {"firstName": "A" * 100, "lastName": "B" * 100}


def test_pages_that_nobody_reads_are_bounded(service):
    users = service()
    for _ in range(USERS):
        users.create(**LONG)
    page = users.public.get("/api/users?limit=1000").body
    assert len(page) > limit("LIMIT_LONG_REPLY_BYTES")
    crowd = [Wire(users.port, receive_buffer=4096)
             for _ in range(2 * limit("LIMIT_LONG_REPLIES_BYTES") // len(page))]
    for wire in crowd:
        wire.send(request("GET", "/api/users?limit=1000"))
    answers = [wire.read_replies(1).statuses[0] for wire in crowd]
    assert set(answers) == {200, 503}
    with Wire(users.port) as wire:
        wire.send(request("GET", "/api/users?limit=1000"))
        assert wire.read_replies(1).statuses == [200]
