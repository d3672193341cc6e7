"""The same vectors to this service, to nginx and to Node, in one run: who is strict where."""
import pytest

import others
from playing import is_accepted, is_refused, listen_until_quiet
from support.service import Service
from support.wire import Wire
from vectors import ACCEPT, ALL, REFUSE

# None of the three waits this long before it answers or closes.
QUIET = 3


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Of each server by its name, and ours first: what it made of each vector."""
    folder = tmp_path_factory.mktemp("compare")
    ours = Service(folder / "ours").start()
    peers = [others.nginx(folder / "nginx"), others.node(folder / "node")]
    ports = {"users-service": ours.port}
    ports.update({f"{peer.name} {peer.version}": peer.port for peer in peers})
    yield take(ports)
    for one in (ours, *peers):
        one.end()


def take(ports):
    """All vectors to all servers, and one wait for all that they say."""
    wires = {name: [Wire(port) for _ in ALL] for name, port in ports.items()}
    for given in wires.values():
        for vector, wire in zip(ALL, given):
            wire.send(vector.data)
    found = iter(listen_until_quiet([wire for given in wires.values() for wire in given], QUIET))
    return {name: {vector: next(found) for vector in ALL} for name in wires}


def refused(answer, vectors):
    return [vector for vector in vectors if is_refused(answer[vector])]


def accepted(answer, vectors):
    return [vector for vector in vectors if is_accepted(vector, answer[vector])]


FAULTY = [vector for vector in ALL if vector.expect == REFUSE]
LEGAL = [vector for vector in ALL if vector.expect == ACCEPT]


def row(label, cells):
    return f"{label:<44}" + "".join(f"{cell:>16}" for cell in cells)


def summary(answers):
    yield row("refused, and the connection closed", answers)
    for group in dict.fromkeys(vector.group for vector in FAULTY):
        vectors = [vector for vector in FAULTY if vector.group == group]
        yield row(f"  {group} ({len(vectors)})",
                  [len(refused(answer, vectors)) for answer in answers.values()])
    must = [vector for vector in FAULTY if vector.must]
    for label, vectors in (("a fault by RFC 9110 or 9112", must), ("all faulty", FAULTY)):
        yield row(f"{label} ({len(vectors)})",
                  [len(refused(answer, vectors)) for answer in answers.values()])
    yield row(f"legal, and answered ({len(LEGAL)})",
              [len(accepted(answer, LEGAL)) for answer in answers.values()])


def differences(answers):
    """Each vector that one of them did not refuse, or, if it is legal, did not answer."""
    yield row("where they differ", answers)
    for vector in FAULTY + LEGAL:
        good = [is_refused(answer[vector]) if vector.expect == REFUSE
                else is_accepted(vector, answer[vector]) for answer in answers.values()]
        if not all(good):
            kind = " " if vector.must else "*"
            yield row(f"{kind} {vector.group}: {vector.name}"[:43],
                      ["right" if one else "wrong" for one in good])
    yield "* not demanded by the RFC: readers differ, and that is what smuggling lives on"


def test_this_service_is_ahead_of_both(answers):
    print("\n" + "\n".join([*summary(answers), "", *differences(answers)]))
    ours, *theirs = answers.values()
    assert len(refused(ours, FAULTY)) == len(FAULTY)
    assert len(accepted(ours, LEGAL)) == len(LEGAL)
    for other in theirs:
        assert len(refused(ours, FAULTY)) >= len(refused(other, FAULTY))
        assert len(accepted(ours, LEGAL)) >= len(accepted(other, LEGAL))
        # The harness sees right and wrong: neither of the two does nothing, or everything.
        assert 0 < len(refused(other, FAULTY)) < len(FAULTY)
        assert len(accepted(other, LEGAL)) > len(LEGAL) // 2
