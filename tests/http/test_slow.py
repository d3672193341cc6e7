"""
Clients that are slow, on purpose or not, hold nobody up: others are answered while they hang,
and they are cut off when they are slower than the limits allow.
"""
import contextlib
import resource
import socket
import time

import pytest

from support import images
from support.wire import Wire, request
from test_load import limit

# Far more than anything here takes, and far less than --client-timeout unless that is given.
SOON = 30


@contextlib.contextmanager
def wires(port, count, **options):
    made = [Wire(port, **options) for _ in range(count)]
    try:
        yield made
    finally:
        for wire in made:
            wire.socket.close()


def others_are_served(users):
    client = users.client(timeout=SOON)
    made = users.create(client=client)
    assert client.get(f"/api/users/{made['id']}").status == 200
    assert client.delete(f"/api/users/{made['id']}").status == 200
    client.close()


def drip(given, byte, until, each=lambda: None):
    """A byte on each connection in turn, again and again, until `until` says so."""
    end = time.monotonic() + SOON
    while not until():
        assert time.monotonic() < end, f"{SOON} s were not enough"
        for wire in given:
            wire.send(byte)
        each()
        time.sleep(0.2)


def are_closed(given):
    """Whether the server has closed all of them."""
    for wire in given:
        if not wire.closed:
            wire.read_what_is_there()
    return all(wire.closed for wire in given)


def test_a_slow_head_is_cut_off_and_nobody_waits_for_it(service):
    users = service(client_timeout="1s")
    with wires(users.port, 200) as slow:
        for wire in slow:
            wire.send(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nX: ")
        drip(slow, b"y", lambda: are_closed(slow), lambda: others_are_served(users))
    assert all(wire.received == b"" for wire in slow)


def test_a_kept_connection_is_cut_off_when_its_next_head_is_slow(service):
    users = service(client_timeout="1s")
    with wires(users.port, 20) as slow:
        for wire in slow:
            wire.send(request("GET", "/api/health") + b"GET /api/health HTTP/1.1\r\nX: ")
            assert wire.read_replies(1).statuses == [200]
        drip(slow, b"y", lambda: are_closed(slow))


def test_a_silent_connection_is_closed(service):
    users = service(client_timeout="1s")
    with wires(users.port, 20, timeout=SOON) as silent:
        assert all(wire.read_to_end().closed for wire in silent)


def test_a_slow_body_is_cut_off_though_it_never_stops(service):
    users = service(client_timeout="1s")
    user_id = users.create()["id"]
    head = request("PUT", f"/api/users/{user_id}/avatar", Content_Length=5_000_000)
    with wires(users.port, 10) as slow:
        for wire in slow:
            wire.send(head)
        drip(slow, b"x", lambda: are_closed(slow), lambda: others_are_served(users))


def test_slow_uploads_make_room_for_others(service):
    """
    All the room is held by bodies that hardly move, each within the time that a client has. Who
    comes then is refused, with Retry-After, and is served soon; who keeps pace is not cut off.
    """
    users = service()
    ids = [users.create()["id"] for _ in range(3)]
    image, steady_image = images.png(300, 300), images.png(700, 700)
    refused = []

    def try_again():
        answer = users.put_avatar(ids[0], image)
        if answer.status == 503:
            assert answer.headers["Retry-After"]
            refused.append(answer)
        return answer.status == 201

    with wires(users.port, 80) as slow, Wire(users.port) as steady:
        steady.send(request("PUT", f"/api/users/{ids[1]}/avatar",
                            Content_Length=len(steady_image)))
        left = memoryview(steady_image)
        others_are_served(users)
        for number, wire in enumerate(slow):
            length = 5_242_880 if number < 40 else 100_000
            wire.send(request("PUT", f"/api/users/{ids[2]}/avatar", Content_Length=length))

        def keep_pace():
            nonlocal left
            # All but the last piece: its room is not what the others wait for.
            if len(left) > 32768:
                steady.send(left[:32768])
                left = left[32768:]
            others_are_served(users)

        drip(slow, b"x", try_again, keep_pace)
        assert refused and b"uploaded" in refused[0].body
        steady.send(left)
        assert steady.read_replies(1).statuses == [201]


def test_slow_readers_make_room_for_others(service):
    """What they do not take is counted, and is not left to the system to keep."""
    users = service()
    image = images.png(800, 800)
    places = limit("LIMIT_AVATAR_OPTION_BYTES") // len(image)
    user_id = users.create(avatar=image)["id"]
    refused = []

    def is_read():
        answer = users.avatar(user_id)
        if answer.status == 503:
            assert answer.headers["Retry-After"]
            refused.append(answer)
        return answer.status == 200 and answer.body == image

    with wires(users.port, places + 20, receive_buffer=4096) as slow:
        for wire in slow:
            wire.send(request("GET", f"/api/users/{user_id}/avatar"))

        def sip():
            for wire in slow:
                wire.socket.setblocking(False)
                with contextlib.suppress(OSError):
                    wire.socket.recv(1)
            others_are_served(users)

        users.wait_for(lambda: sum(begins_with(wire, b"HTTP/1.1 503") for wire in slow) == 20,
                       what="the room to be full")
        drip([], b"", is_read, sip)
    assert refused and b"being read" in refused[0].body


def begins_with(wire, text):
    """Looks at what has come without taking it."""
    wire.socket.setblocking(False)
    try:
        return wire.socket.recv(len(text), socket.MSG_PEEK) == text
    except BlockingIOError:
        return False


@pytest.fixture
def few_files():
    """What starts now may open 1,024 files, unless it asks for more, as it is on most systems."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    yield lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_thousand_idle_connections_leave_room_for_others(service, few_files):
    users = service()
    few_files()
    with wires(users.port, 1000) as idle, wires(users.private_port, 200) as private:
        for number, wire in enumerate(idle + private):
            wire.send(b"GET /api/he" if number % 2 else b"")
        for _ in range(20):
            others_are_served(users)
        assert users.private_client().get("/api/status").status == 200
        # They are still welcome.
        for number, wire in enumerate(idle):
            wire.send((b"" if number % 2 else b"GET /api/he")
                      + b"alth HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert wire.read_replies(1).statuses == [200]
