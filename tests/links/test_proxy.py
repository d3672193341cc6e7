"""The proxy does to a link what it says, in the direction that it is told, and mends it."""
import socket
import threading

import pytest

from proxy import LATENCY_S, Network
from support.ports import free_port

import time

PATIENCE = 30


class Echo:
    """A server that sends back what it hears, and ends a connection when its client does."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", free_port()))
        self.port = self.listener.getsockname()[1]
        self.threads = []
        self.accepting = threading.Thread(target=self.accept)
        self.accepting.start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.threads.append(threading.Thread(target=self.answer, args=(connection,)))
            self.threads[-1].start()

    @staticmethod
    def answer(connection):
        with connection:
            try:
                while data := connection.recv(4096):
                    connection.sendall(data)
            except OSError:
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.accepting.join()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def link():
    echo, network = Echo(), Network(seed=1)
    yield network.link(echo.port)
    network.close()
    echo.close()


def connect(link):
    return socket.create_connection(("127.0.0.1", link.port), timeout=PATIENCE)


def heard(connection, length):
    """What arrives, up to so much or the end."""
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            break
        data += more
    return data


def says(connection, data=b"hello"):
    connection.sendall(data)
    return heard(connection, len(data))


def is_silent(connection):
    connection.settimeout(0.3)
    try:
        return connection.recv(1) is None
    except TimeoutError:
        return True
    finally:
        connection.settimeout(PATIENCE)


def test_it_carries_everything_both_ways(link):
    data = bytes(range(256)) * 2000
    with connect(link) as connection:
        sender = threading.Thread(target=connection.sendall, args=(data,))
        sender.start()
        assert heard(connection, len(data)) == data
        sender.join()
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("fault", ["latency", "jitter", "bandwidth", "slicing"])
def test_what_is_slow_arrives_whole(link, fault, direction):
    data = bytes(range(250)) * 4
    with connect(link) as connection:
        link.spoil(fault, direction)
        begun = time.monotonic()
        assert says(connection, data) == data
        if fault == "latency":
            assert time.monotonic() - begun >= LATENCY_S


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_stall_holds_what_is_said_until_it_is_healed(link, direction):
    with connect(link) as connection:
        assert says(connection) == b"hello"
        link.spoil("stall", direction)
        connection.sendall(b"later")
        assert is_silent(connection)
        link.heal()
        assert heard(connection, 5) == b"later"


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_slow_close_is_heard_when_it_is_healed(link, direction):
    with connect(link) as connection:
        link.spoil("slow-close", direction)
        assert says(connection) == b"hello"
        connection.shutdown(socket.SHUT_WR)
        assert is_silent(connection)
        link.heal()
        assert connection.recv(1) == b""


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_cut_ends_a_connection_in_the_middle(link, direction):
    link.spoil("cut", direction)
    with connect(link) as connection:
        connection.sendall(bytes(2000))
        try:
            assert len(heard(connection, 2000)) < 2000
        except ConnectionResetError:
            # Unread bytes were on their way.
            pass
    link.heal()
    with connect(link) as connection:
        assert says(connection) == b"hello"


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_reset_is_one(link, direction):
    link.spoil("reset", direction)
    with connect(link) as connection:
        connection.sendall(bytes(2000))
        with pytest.raises(ConnectionResetError):
            assert len(heard(connection, 2000)) == 2000
    link.heal()
    with connect(link) as connection:
        assert says(connection) == b"hello"


def test_down_resets_who_is_connected_and_refuses_who_comes(link):
    with connect(link) as connection:
        assert says(connection) == b"hello"
        link.spoil("down")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
        with pytest.raises(ConnectionRefusedError):
            connect(link)
    link.heal()
    with connect(link) as connection:
        assert says(connection) == b"hello"
