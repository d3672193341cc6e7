"""Cuts the power at every place of a recording, and judges what the disk may hold then."""
import collections
import hashlib
import itertools
import json
import os
import pathlib
import tempfile

import judge
from disk import Disk, losses
from recording import ANSWER, CUT, GROW, LINK, MAKE_FILE, MAKE_FOLDER, REMOVE, RENAME, SYNC, WRITE

WORDS = {MAKE_FILE: "make", MAKE_FOLDER: "make folder", WRITE: "write", CUT: "cut", SYNC: "sync",
         RENAME: "rename", LINK: "link", REMOVE: "remove", ANSWER: "answer", GROW: "lengthen"}

LINES_MOST = 20

# A folder as a cut may leave it: behind how many entries it was cut, what of the open ones is
# kept, and what is there.
State = collections.namedtuple("State", "place kept listing")

# How much is tried: `places` of a recording, `most` of one kind of loss at each, and on how many
# states a service is started.
Effort = collections.namedtuple("Effort", "places most starts")


def folder_in_memory():
    """Nothing here waits for a disk: what one loses is what is simulated."""
    return tempfile.TemporaryDirectory(
        prefix="powercut-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None,
        ignore_cleanup_errors=True)


def digest_of(listing):
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(listing):
        data = listing[path]
        digest.update(f"{path}\0{-1 if data is None else len(data)}\0".encode())
        digest.update(data or b"")
    return digest.digest()


def told_by(recording, place):
    """What clients had been told before this place, and what was under way."""
    for told in recording.told:
        if told.answered <= place:
            yield told.entry
        elif told.asked < place and told.entry["op"] in ("delete", "avatar", "avatar-delete",
                                                         "replace"):
            yield {**told.entry, "status": 0}


def places_of(recording, draw, most):
    """Where the power is cut: at least behind each answer that somebody keeps to."""
    places = range(recording.begin, recording.end + 1)
    if len(places) <= most:
        return set(places)
    answers = {told.answered for told in recording.told if told.answered in places}
    return answers | set(draw.sample(places, most))


def signature(disk, kept):
    """Equal for what is the same state, though it may be reached by several cuts."""
    last = max((place for place, _ in kept), default=0)
    there, newest = {place for place, _ in kept}, max(last, disk.newest)
    lost = tuple(place for group in disk.open.values() for place, _ in group
                 if place < newest and place not in there)
    shape = next(((entry.kind, entry.offset, len(entry.data)) for place, entry in kept
                  if place == last), None)
    return newest, lost, shape


def states(recording, draw, effort):
    """Each folder that a cut may leave, once for each thing that clients had been told by then."""
    disk, seen, known = Disk(recording.tree), set(), None
    wanted = places_of(recording, draw, effort.places)
    for place, entry in enumerate([None, *recording.entries][:recording.end + 1]):
        last = disk.take(place, entry) if entry else None
        if place not in wanted:
            continue
        now = json.dumps(list(told_by(recording, place)), sort_keys=True)
        if now != known:
            known = now
            seen.clear()
        for kept in losses(disk, last, draw, effort.most):
            sign = signature(disk, kept)
            if sign in seen:
                continue
            seen.add(sign)
            listing = disk.after(kept).listing()
            digest = digest_of(listing)
            if digest not in seen:
                seen.add(digest)
                yield State(place, kept, listing)


def described(recording, state):
    """Where it was cut, and what became of what was not synced."""
    paths, disk = recording.paths(), Disk(recording.tree)

    def words(entry):
        names = " or ".join(sorted(paths[entry.node]))
        return f"{WORDS[entry.kind]} {names} at {entry.offset}, {len(entry.data)} bytes"

    for place, entry in enumerate(recording.entries[:state.place], 1):
        disk.take(place, entry)
    last = words(recording.entries[state.place - 1]) if state.place else "none"
    lines = [f"cut behind {state.place} of {len(recording.entries)} entries, the last: {last}"]
    kept = dict(state.kept)
    for place, entry in sorted(itertools.chain(*disk.open.values()), key=lambda each: each[0]):
        if place not in kept:
            lines.append(f"    lost: {place}, {words(entry)}")
        elif kept[place] != entry:
            lines.append(f"    torn: {place}, {words(entry)}, to {words(kept[place])}")
    return "\n".join(lines[:LINES_MOST]) + f"\n    kept: {len(kept)} others"


class Trial:
    """Judges states of one recording in a folder of its own."""

    def __init__(self, recording, folder):
        self.recording, self.folder = recording, pathlib.Path(folder)
        self.found, self.judged, self.started = [], 0, 0

    def note(self, state, faults):
        if faults:
            self.found.append("\n  ".join([described(self.recording, state), *faults]))

    def judge(self, state):
        judge.lay(self.folder / "data", state.listing)
        self.judged += 1
        self.note(state, judge.faults_at_rest(
            self.folder / "data", list(told_by(self.recording, state.place)),
            self.recording.strays))

    def start(self, state):
        self.started += 1
        data = self.folder / "started" / "data"
        judge.lay(data, state.listing)
        self.note(state, judge.Started(
            data, self.folder / f"service{self.started}",
            list(told_by(self.recording, state.place)), self.recording.strays).faults())


def replay(recording, draw, effort, faults_most=5):
    """Judges all states as they lie, and some, drawn by chance, with a service on them."""
    drawn = []
    with folder_in_memory() as folder:
        trial = Trial(recording, folder)
        for state in states(recording, draw, effort):
            trial.judge(state)
            if len(drawn) < effort.starts:
                drawn.append(state)
            elif draw.random() < effort.starts / trial.judged:
                drawn[draw.randrange(effort.starts)] = state
            if len(trial.found) >= faults_most:
                return trial
        for state in drawn:
            if len(trial.found) < faults_most:
                trial.start(state)
    return trial
