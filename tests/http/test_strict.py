"""
Every vector, whole, byte by byte and cut at every offset: what is faulty is refused once and the
connection closed, what is right is answered, and the answer does not depend on the cuts.
"""
import pytest

from playing import Barrier, is_refused, is_right, listen, play, signature
from vectors import ALL, REFUSE

# Connections that are open at once.
BATCH = 400
# Longer vectors are cut at so many places only.
SHORT, CUTS = 1000, 40


@pytest.fixture(scope="module")
def users(tmp_path_factory):
    from support.service import Service
    users = Service(tmp_path_factory.mktemp("strict"), http_threads=1).start()
    yield users
    users.end()


@pytest.fixture
def barrier(users):
    return Barrier(users.client())


def answers(users, barrier, cuts):
    """The transcripts of (vector, pieces) pairs, in batches."""
    found = []
    for start in range(0, len(cuts), BATCH):
        batch = cuts[start:start + BATCH]
        wires = play(users.port, [pieces for _, pieces in batch], barrier)
        found += listen([vector for vector, _ in batch], wires, barrier)
    return found


@pytest.fixture(scope="module")
def whole(users):
    barrier = Barrier(users.client())
    return dict(zip(ALL, answers(users, barrier, [(vector, [vector.data]) for vector in ALL])))


def told(vector, transcript, cut=""):
    return f"{vector.group}: {vector.name} {cut} {transcript}"


def test_there_are_vectors_of_every_kind():
    assert len([vector for vector in ALL if vector.expect == REFUSE]) >= 180
    assert len({vector.data for vector in ALL}) == len(ALL)


def test_whole_vectors_are_answered_as_they_should_be(whole):
    wrong = [told(vector, transcript) for vector, transcript in whole.items()
             if not is_right(vector, transcript)]
    assert not wrong, "\n".join(wrong)


def test_a_fault_is_answered_in_words(whole):
    """
    All but a head that begins with a blank, and a request before HTTP/1.0: the library closes
    those without a word.
    """
    silent = {vector.name for vector, transcript in whole.items()
              if vector.expect == REFUSE and not transcript.raw}
    assert silent == {"a blank before the method", "nothing", "behind a blank line",
                      "HTTP/0.9, a path alone"}


def test_byte_by_byte_makes_no_difference(users, barrier, whole):
    vectors = [vector for vector in ALL if len(vector.data) < SHORT]
    pieces = [[vector.data[at:at + 1] for at in range(len(vector.data))] for vector in vectors]
    found = answers(users, barrier, list(zip(vectors, pieces)))
    wrong = [told(vector, transcript) for vector, transcript in zip(vectors, found)
             if signature(vector, transcript) != signature(vector, whole[vector])]
    assert not wrong, "\n".join(wrong)


def places(length):
    """Where a vector is cut in two."""
    if length < SHORT:
        return range(1, length)
    return sorted({max(1, length * part // CUTS) for part in range(CUTS)})


def test_cut_at_every_offset_makes_no_difference(users, barrier, whole):
    cuts = [(vector, [vector.data[:at], vector.data[at:]])
            for vector in ALL for at in places(len(vector.data))]
    wrong = []
    for (vector, pieces), transcript in zip(cuts, answers(users, barrier, cuts)):
        if signature(vector, transcript) != signature(vector, whole[vector]):
            wrong.append(told(vector, transcript, f"cut at {len(pieces[0])}"))
    assert not wrong, f"{len(wrong)} of {len(cuts)}\n" + "\n".join(wrong[:40])
    assert len(cuts) > 15000


def test_the_private_listener_is_as_strict(users):
    barrier = Barrier(users.private_client())
    vectors = [vector for vector in ALL if vector.expect == REFUSE]
    wires = play(users.private_port, [[vector.data] for vector in vectors], barrier)
    wrong = [told(vector, transcript) for vector, transcript
             in zip(vectors, listen(vectors, wires, barrier)) if not is_refused(transcript)]
    assert not wrong, "\n".join(wrong)


def test_who_is_refused_has_changed_nothing(users, barrier):
    """A body behind a faulty head is never carried out."""
    before = users.public.get("/api/users?limit=1000")
    vectors = [vector for vector in ALL if vector.expect == REFUSE and b"POST" in vector.data]
    answers(users, barrier, [(vector, [vector.data]) for vector in vectors])
    assert users.public.get("/api/users?limit=1000").body == before.body
