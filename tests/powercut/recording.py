"""What recorder.c wrote down, and the folder that it was written about."""
import bisect
import collections
import copy
import itertools
import os
import pathlib
import struct

# As in recorder.c.
HEAD = struct.Struct("=IIIIQQQQq")
MAKE_FILE, MAKE_FOLDER, WRITE, CUT, SYNC, RENAME, LINK, REMOVE, ANSWER = range(9)
# And what only a disk does: a file gets longer, with zeros.
GROW = 9

# A file that processes share while they run: SQLite makes it anew, and trusts none that is there.
SHARED_MEMORY = "-shm"

# `end` is the size of the record behind it, `number` how many there were then without answers.
Entry = collections.namedtuple(
    "Entry", "kind node folder name other_folder other offset data end number",
    defaults=(0, 0, "", 0, "", 0, b"", 0, 0))


class Tree:
    """
    Folders and files at one moment: `names` has the node of each name in each folder, `contents`
    the bytes of each file. A node that no name leads to is there, and nobody sees it.
    """

    def __init__(self, root, names=None, contents=None):
        self.root = root
        self.names = names if names is not None else {root: {}}
        self.contents = contents if contents is not None else {}

    @classmethod
    def of_folder(cls, path):
        tree = cls(os.stat(path).st_ino)
        for folder, folders, files in os.walk(path):
            names = tree.names.setdefault(os.stat(folder).st_ino, {})
            for name in folders:
                names[name] = os.stat(os.path.join(folder, name)).st_ino
            for name in files:
                node = names[name] = os.stat(os.path.join(folder, name)).st_ino
                tree.contents[node] = pathlib.Path(folder, name).read_bytes()
        return tree

    def copy(self):
        return Tree(self.root, {node: dict(names) for node, names in self.names.items()},
                    dict(self.contents))

    def carry_out(self, entries):
        """These changes, in their order. What they change may be there without a name."""
        open_files = {}
        for entry in entries:
            if entry.kind in (WRITE, CUT, GROW):
                if entry.node not in open_files:
                    open_files[entry.node] = bytearray(self.contents.get(entry.node, b""))
                change_bytes(open_files[entry.node], entry)
            else:
                self.change_names(entry)
        self.contents.update((node, bytes(data)) for node, data in open_files.items())
        return self

    def change_names(self, entry):
        names = self.names.setdefault(entry.folder, {})
        if entry.kind in (MAKE_FILE, MAKE_FOLDER):
            names[entry.name] = entry.node
        elif entry.kind in (RENAME, LINK):
            self.names.setdefault(entry.other_folder, {})[entry.other] = entry.node
        if entry.kind in (RENAME, REMOVE) and names.get(entry.name) == entry.node:
            del names[entry.name]
        if entry.kind == MAKE_FOLDER:
            self.names.setdefault(entry.node, {})
        elif entry.kind == MAKE_FILE:
            self.contents.setdefault(entry.node, b"")

    def listing(self):
        """What is there for whoever looks: bytes by path, None for a folder."""
        found, folders = {}, [("", self.root)]
        while folders:
            path, folder = folders.pop()
            for name, node in self.names[folder].items():
                if node in self.names:
                    found[path + name] = None
                    folders.append((path + name + "/", node))
                elif not name.endswith(SHARED_MEMORY):
                    found[path + name] = self.contents.get(node, b"")
        return found


def change_bytes(data, entry):
    end = entry.offset + len(entry.data)
    if len(data) < end:
        data.extend(bytes(end - len(data)))
    if entry.kind == CUT:
        del data[entry.offset:]
    else:
        data[entry.offset:end] = entry.data


def entries_of(log):
    at = number = 0
    while at < len(log):
        kind, name, other, _, node, folder, other_folder, length, offset = HEAD.unpack_from(log, at)
        at += HEAD.size
        number += kind != ANSWER
        texts = [log[at:at + name], log[at + name:at + name + other]]
        at += name + other
        yield Entry(kind, node, folder, texts[0].decode(), other_folder, texts[1].decode(), offset,
                    log[at:at + length], at + length, number)
        at += length


def within(tree, entries):
    """
    The entries about what is in the tree, or was made in it; answers stay. A number that the file
    system gives again is another file's: those that were made get names of their own.
    """
    renamed, serial = {node: node for node in (*tree.names, *tree.contents)}, itertools.count(1)
    for entry in entries:
        if entry.kind in (MAKE_FILE, MAKE_FOLDER):
            renamed.pop(entry.node, None)
            if entry.folder in renamed and not entry.name.endswith(SHARED_MEMORY):
                renamed[entry.node] = (entry.node, next(serial))
        if entry.kind == ANSWER:
            yield entry
        elif entry.node in renamed and (entry.folder in renamed or not entry.folder):
            yield entry._replace(node=renamed[entry.node], folder=renamed.get(entry.folder, 0),
                                 other_folder=renamed.get(entry.other_folder, 0))


class Recording:
    """
    A folder as it was when the recording began, and what happened to it since. Places in it are
    counted in entries; what happened before `begin` is not to be cut off, and nothing after `end`.
    `told` is what clients heard meanwhile, `strays` what was laid in the store by hand.
    """

    def __init__(self, tree, log, begin=0, end=None):
        self.tree, self.entries = tree, list(within(tree, entries_of(log)))
        self.told, self.strays = [], []
        self.ends = [entry.end for entry in self.entries]
        self.begin = self.place(begin)
        self.end = len(self.entries) if end is None else self.place(end)

    def place(self, size):
        """How many entries there were when the file had this size."""
        return bisect.bisect_right(self.ends, size)

    def answer(self, size):
        """The place behind the first answer that went out after the file had this size."""
        for place in range(self.place(size), len(self.entries)):
            if self.entries[place].kind == ANSWER:
                return place + 1
        raise AssertionError("an answer was not recorded")

    def whole(self):
        """The folder after all that was recorded."""
        return self.tree.copy().carry_out(
            entry for entry in self.entries if entry.kind not in (SYNC, ANSWER))

    def without_syncs(self, is_left_out):
        """The same, as of a program that from `begin` on does not ask for some syncs."""
        made = copy.copy(self)
        made.entries = [
            entry._replace(node=0)
            if entry.kind == SYNC and place >= self.begin and is_left_out(entry.node) else entry
            for place, entry in enumerate(self.entries)]
        return made

    def paths(self):
        """Every path that each node ever had."""
        paths, folders = collections.defaultdict(set), {self.tree.root: ""}

        def learn(node, path):
            paths[node].add(path)
            if node in self.tree.names:
                folders[node] = path + "/" if path else ""
            for name, child in self.tree.names.get(node, {}).items():
                learn(child, folders[node] + name)

        learn(self.tree.root, "")
        for entry in self.entries:
            if entry.kind in (MAKE_FILE, MAKE_FOLDER):
                paths[entry.node].add(folders[entry.folder] + entry.name)
            if entry.kind == MAKE_FOLDER:
                folders[entry.node] = folders[entry.folder] + entry.name + "/"
            if entry.kind in (RENAME, LINK):
                paths[entry.node].add(folders[entry.other_folder] + entry.other)
        return paths
