"""The disk loses what it may lose and nothing else; and a sync that is left out is found."""
import random
import re

import pytest

import scenarios
from disk import Disk, losses
from recording import (ANSWER, CUT, Entry, MAKE_FILE, MAKE_FOLDER, REMOVE, RENAME, SYNC, Tree,
                       WRITE)
from replay import Effort, folder_in_memory, replay

ROOT, FOLDER, FILE = 1, 2, 3
MAKE = Entry(MAKE_FILE, FILE, ROOT, "a")


def write(data, offset=0, node=FILE):
    return Entry(WRITE, node, offset=offset, data=data)


def listings(*entries, most=8):
    """What may be there when the power is cut behind these."""
    disk, found, last = Disk(Tree(ROOT)), [], None
    for place, entry in enumerate(entries, 1):
        last = disk.take(place, entry)
    for kept in losses(disk, last, random.Random(1), most):
        listing = disk.after(kept).listing()
        if listing not in found:
            found.append(listing)
    return found


def test_what_was_synced_is_there():
    assert listings(MAKE, write(b"x"), Entry(SYNC, FILE), Entry(SYNC, ROOT)) == [{"a": b"x"}]
    assert listings(MAKE, Entry(SYNC, ROOT), write(b"x"), Entry(SYNC, FILE), Entry(ANSWER)) == [
        {"a": b"x"}]


def test_a_name_and_its_bytes_are_lost_apart():
    found = listings(MAKE, write(b"x"))
    assert len(found) == 4
    assert all(state in found for state in ({}, {"a": b""}, {"a": b"x"}, {"a": b"\0"}))


def test_a_synced_file_without_a_synced_name_may_be_gone():
    assert {} in listings(MAKE, write(b"x"), Entry(SYNC, FILE))


def test_a_synced_name_keeps_no_bytes():
    assert {"a": b""} in listings(MAKE, Entry(SYNC, ROOT), write(b"x"))


def test_a_write_is_torn_where_sectors_end():
    found = listings(MAKE, Entry(SYNC, ROOT), write(b"x" * 700, offset=400))
    assert {"a": bytes(400) + b"x" * 112} in found
    assert {"a": bytes(512) + b"x" * 588} in found
    for state in found:
        changes = [at for at in range(1, len(state["a"])) if state["a"][at] != state["a"][at - 1]]
        assert set(changes) <= {400, 512, 1024}, changes


def test_a_torn_write_leaves_what_is_beside_it():
    found = listings(MAKE, Entry(SYNC, ROOT), write(b"o" * 2000), Entry(SYNC, FILE),
                     write(b"n" * 1000, offset=500))
    assert all(state["a"][:500] == b"o" * 500 and state["a"][1500:] == b"o" * 500
               for state in found)
    assert len(found) > 4


def test_writes_are_kept_in_any_order():
    found = listings(MAKE, Entry(SYNC, ROOT), write(b"x"), write(b"y", offset=1))
    assert {"a": b"\0y"} in found and {"a": b"x"} in found


def test_a_cut_is_lost_or_kept():
    found = listings(MAKE, Entry(SYNC, ROOT), write(b"xyz"), Entry(SYNC, FILE),
                     Entry(CUT, FILE, offset=1))
    assert sorted(state["a"] for state in found) == [b"x", b"xyz"]


def test_what_lies_in_a_folder_without_a_name_is_lost_with_it():
    deep = (Entry(MAKE_FOLDER, FOLDER, ROOT, "f"), Entry(MAKE_FILE, FILE, FOLDER, "a"),
            Entry(SYNC, FILE), Entry(SYNC, FOLDER))
    assert listings(*deep) == [{}, {"f": None, "f/a": b""}]
    assert listings(*deep, Entry(SYNC, ROOT)) == [{"f": None, "f/a": b""}]


def test_a_rename_is_one_step():
    before = (Entry(MAKE_FOLDER, FOLDER, ROOT, "f"), MAKE, Entry(SYNC, ROOT))
    rename = Entry(RENAME, FILE, ROOT, "a", FOLDER, "b")
    assert listings(*before, rename) == [{"f": None, "a": b""}, {"f": None, "f/b": b""}]
    assert listings(*before, rename, Entry(SYNC, FOLDER)) == [{"f": None, "f/b": b""}]


def test_a_name_that_was_removed_comes_back_until_its_folder_is_synced():
    gone = (MAKE, Entry(SYNC, ROOT), Entry(REMOVE, FILE, ROOT, "a"))
    assert {"a": b""} in listings(*gone)
    assert listings(*gone, Entry(SYNC, ROOT)) == [{}]


@pytest.fixture(scope="module")
def recorded():
    """Recordings, each made once; they are not changed."""
    made = {}

    def make(scenario):
        if scenario not in made:
            with folder_in_memory() as folder:
                made[scenario] = scenarios.record(scenario, folder)
        return made[scenario]

    return make


@pytest.mark.parametrize("scenario, what, pattern, complaint", [
    (scenarios.create, "an object", r"store/files/(avatars|\.tmp)/.+", "other bytes|bytes long"),
    (scenarios.create, "the objects' folder", r"store/files/avatars", "lost: "),
    (scenarios.create, "the store's folder", r"store/files", "lost: "),
    (scenarios.first_start, "the store's name", r"store", "lost: "),
    (scenarios.first_start, "the identity", r"store/files/\.(tmp/.+|fallback-store)", "damaged"),
    (scenarios.change, "the objects' folder", r"store/files/avatars", "untrue: |lost: "),
    (scenarios.delete, "the objects' folder", r"store/files/avatars", "untrue: "),
    (scenarios.cut_off_upload, "the temporary files' folder", r"store/files/\.tmp", "orphan: "),
    (scenarios.backup, "the store's folder", r"store/files", "broken word: the store"),
    (scenarios.delete, "the log, as with synchronous=NORMAL", r"database/users\.db-wal",
     "broken word"),
    (scenarios.seal, "all of SQLite, as with synchronous=OFF", r"database/.*", "broken word"),
    (scenarios.stop_and_start, "the database", r"database/users\.db", "damaged|broken word|read"),
    (scenarios.first_start, "the database's folder", r"database", "another database|broken word"),
])
def test_the_replay_finds_a_store_whose_sync_was_left_out(recorded, scenario, what, pattern,
                                                          complaint):
    recording = recorded(scenario)
    paths = recording.paths()
    left_out = {node for node, names in paths.items()
                if any(re.fullmatch(pattern, name) for name in names)}
    assert any(entry.kind == SYNC and entry.node in left_out for entry in recording.entries), what
    mutant = recording.without_syncs(left_out.__contains__)
    # Behind the answers is enough: nothing syncs it later.
    trial = replay(mutant, random.Random(1), Effort(places=0, most=4, starts=0), faults_most=1)
    assert trial.found and re.search(complaint, trial.found[0]), (what, trial.found)
