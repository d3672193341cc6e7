"""
What a disk may hold after a power cut.

What is promised, and by whom: POSIX and Linux (fsync(2)) say that a file's bytes and length are
kept once an fsync or fdatasync of it has succeeded, and the names in a folder once an fsync of the
folder has. Nothing else is promised, and this is what may have happened to all that was not
synced, whatever the order in which it was asked for:

    a write, or a cut, of a file is lost or kept; of one that is kept any part may be missing that
    begins and ends where a sector does (512 bytes), and of what made a file longer all bytes
    may be zeros, with the length kept
    a name that a file or a folder was given, or lost, is there or is not, whatever became of the
    bytes behind it: a file may be there and be empty; and what lies in a folder without a name
    is lost with it
    a rename into another folder is one step, on its way to the disk with the folder that gets
    the name: never are both names lost. So it is with ext4, XFS and Btrfs

A write that is cut off leaves the bytes beside it alone, which SQLite assumes too ("powersafe
overwrite", https://www.sqlite.org/psow.html); for the rest it expects less of a disk than this
(https://www.sqlite.org/atomiccommit.html, section 3). A disk that says that it has synced and has
not is not meant.

There are more combinations than can be tried: `Losses` has all that were lost or kept in the order
in which they were asked for, each file and each folder lost or kept beside all others, the last
change alone and everything but one, torn in several places; and some more by chance.
"""
import itertools

from recording import ANSWER, CUT, GROW, LINK, RENAME, SYNC, WRITE

SECTOR = 512
GROUPS_MOST = 6


def group_of(entry):
    """The file or folder whose sync keeps a change."""
    if entry.kind in (WRITE, CUT):
        return entry.node
    return entry.other_folder if entry.kind in (RENAME, LINK) else entry.folder


class Disk:
    """
    What is on it for good, up to the `newest` change, and by file and folder what is not: entries
    with their places.
    """

    def __init__(self, tree):
        self.kept, self.open, self.newest = tree.copy(), {}, 0

    def take(self, place, entry):
        """What comes next; returns it with its place if it is a change, which is open then."""
        if entry.kind == ANSWER:
            return None
        if entry.kind == SYNC:
            self.keep(self.open.pop(entry.node, ()))
            return None
        change = (place, entry)
        self.open.setdefault(group_of(entry), []).append(change)
        return change

    def keep(self, changes):
        self.kept.carry_out(entry for _, entry in changes)
        for place, entry in changes:
            self.newest = max(self.newest, place)
            if entry.kind == RENAME and entry.folder in self.open:
                # Its first name went with it.
                self.open[entry.folder] = [
                    change for change in self.open[entry.folder]
                    if change[0] > place or change[1].name != entry.name]

    def after(self, kept):
        """The tree if of what is open these are kept: entries with their places."""
        return self.kept.copy().carry_out(entry for _, entry in sorted(kept, key=place_of))


def place_of(change):
    return change[0]


def torn(entry, draw, most):
    """The same write with parts missing, or with nothing but the length it gave the file."""
    if entry.kind != WRITE:
        return
    first = SECTOR - entry.offset % SECTOR
    places = list(range(first, len(entry.data), SECTOR))
    for place in chosen(places, draw, most):
        yield entry._replace(data=entry.data[:place])
        yield entry._replace(data=entry.data[place:], offset=entry.offset + place)
    yield entry._replace(kind=GROW, data=b"", offset=entry.offset + len(entry.data))


def chosen(items, draw, most):
    """All of them, or the first, the last and some by chance."""
    items = list(items)
    if len(items) <= most:
        return items
    return [items[0], *draw.sample(items[1:-1], most - 2), items[-1]]


class Losses:
    """What may be kept of what is open on a disk; `most` bounds what is tried of one kind."""

    def __init__(self, disk, draw, most):
        self.groups = list(disk.open.values())
        self.draw, self.most = draw, most
        self.all = sorted(itertools.chain(*self.groups), key=place_of)

    def in_order(self):
        """None, the first, the first two, and so on to all."""
        for count in chosen(range(len(self.all) + 1), self.draw, self.most):
            yield self.all[:count]

    def by_group(self):
        """Each file and folder wholly lost or wholly kept, whatever the others are."""
        at_once = self.groups
        if len(at_once) > GROUPS_MOST:
            at_once = self.draw.sample(at_once, GROUPS_MOST)
        rest = [change for group in self.groups if group not in at_once for change in group]
        for kept in itertools.product((False, True), repeat=len(at_once)):
            pairs = zip(at_once, kept)
            yield rest + [change for group, keeps in pairs if keeps for change in group]

    def around(self, last):
        """The last change alone, without one of the others, and torn, with all and with none."""
        others = [change for change in self.all if change is not last]
        yield [last]
        for left_out in chosen(others, self.draw, self.most):
            yield [change for change in self.all if change is not left_out]
        for entry in torn(last[1], self.draw, self.most):
            yield [(last[0], entry)]
            yield [*others, (last[0], entry)]

    def by_chance(self):
        for _ in range(self.most):
            yield [change for change in self.all if self.draw.random() < 0.5]


def losses(disk, last, draw, most):
    """
    What may be kept when the power is cut just now: lists for Disk.after. `last` is the change
    that was asked for last, None after a sync or an answer.
    """
    ways = Losses(disk, draw, most)
    yield from ways.in_order()
    yield from ways.by_group()
    if last:
        yield from ways.around(last)
    yield from ways.by_chance()
