"""Ports for tests: never two programs' at once, and enough of them for a run of days."""
import pathlib
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))
from support import ports  # noqa: E402

MANY = 3 * ports.ROUND


def ports_of_another(count):
    """A program that takes so many ports, and lives until it may end; what it was given."""
    words = (f"from support.ports import free_port\nprint(*(free_port() for _ in range({count})),"
             " flush=True)\ninput()")
    other = subprocess.Popen([sys.executable, "-c", words], cwd=TESTS, text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return other, {int(port) for port in other.stdout.readline().split()}


def test_a_program_that_asks_all_day_goes_round_its_own_ports():
    given = [ports.free_port() for _ in range(MANY)]
    assert len(ports.held) <= ports.ROUND // (ports.BLOCK - 1) + 2
    for at in range(MANY):
        assert given[at] not in given[max(0, at - ports.ROUND // 2):at]


def test_no_two_programs_are_given_the_same_port():
    other, theirs = ports_of_another(MANY)
    try:
        assert theirs and theirs.isdisjoint(ports.free_port() for _ in range(MANY))
    finally:
        other.communicate("\n")


def test_a_port_that_somebody_listens_on_is_not_given_again():
    first = ports.free_port()
    with ports.bound(first):
        assert first not in [ports.free_port() for _ in range(MANY)]


def test_what_was_free_in_another_network_is_not_given():
    left = ports.free_port()
    ports.forget()
    assert (ports.free_port() - ports.LOWEST) // ports.BLOCK != (left - ports.LOWEST) // ports.BLOCK
