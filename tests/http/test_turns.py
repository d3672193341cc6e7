"""However many clients speak at the same instant, each is answered."""
import pytest

from support.wire import Wire, request

# How many the library asks the system for at a time: one that looks again before it answers
# what it has got keeps all of them waiting.
TURN = 128


@pytest.mark.parametrize("count", [TURN - 1, TURN, TURN + 1, 2 * TURN])
def test_all_that_speak_at_once_are_answered(service, count):
    users = service(http_threads=1)
    wires = [Wire(users.port) for _ in range(count)]
    for wire in wires:
        wire.send(request("GET", "/api/health"))
        assert wire.read_replies(1).statuses == [200]
    users.close_clients()
    users.process.pause()
    for wire in wires:
        wire.send(request("GET", "/api/health"))
    users.process.resume()
    for wire in wires:
        assert wire.read_replies(2).statuses == [200, 200]
        wire.socket.close()


def test_who_comes_after_a_full_house_was_cut_off_is_answered(service):
    users = service(start=False, http_threads=1, client_timeout="1s")
    users.prefix = ["prlimit", "--nofile=200:200"]
    users.start()
    users.close_clients()
    # A quarter of the files that it may open, and one: the listener takes no more.
    crowd = [Wire(users.port) for _ in range(200 // 4 + 1)]
    for wire in crowd:
        wire.send(request("GET", "/api/health"))
        assert wire.read_replies(1).statuses == [200]
    for wire in crowd:
        wire.send(b"G")
    for wire in crowd:
        wire.read_to_end()
        assert wire.closed, "it was not cut off"
    wire = Wire(users.port)
    wire.send(request("GET", "/api/health"))
    assert wire.read_replies(1).statuses == [200]
