"""What can be made to fail in a program of a build with failpoints, and how it is told to it."""
import collections
import hashlib
import mmap
import pathlib
import re
import struct

ROOT = pathlib.Path(__file__).resolve().parents[2]
RULES_SIZE = 4096  # FAILPOINT_FILE_SIZE

# Of what flow or command; what fails, at which pass first, and whether for good.
Case = collections.namedtuple("Case", "flow what number lasts")

# What fails is a failpoint's name, or an allocation: the program's own, with Jansson's and curl's;
# or one of SQLite's. By their number in allocations.h.
ALLOCATIONS = {"allocation": 1, "allocation in SQLite": 2}
GRANTED, ONE_FAILS, FAIL_FROM = range(3)
NEVER = 1 << 40

CALLS = {"CALL": (".before", ".after"), "MAKE": (".before",), "DO": (), "VOID": ()}
# Of the layer below SQLite, src/failpoints/sqlite_files.c.
FILES = {"open": (".before",), "lock": (".before",)}


def kinds_of_calls():
    """By a call's name: how it can fail, from the headers that make it one."""
    kinds = {}
    for header in sorted((ROOT / "src" / "failpoints").glob("calls_*.h")):
        kinds |= {name: kind for kind, name in re.findall(
            r"FAILPOINT_([A-Z]+)\(\s*(\w+)", header.read_text(encoding="utf-8"))}
    return kinds


KINDS = kinds_of_calls()


def sides(point):
    """Where a call, named without a side, can be made to fail."""
    place, callee = point.rsplit(".", 1)
    if place.startswith("repository/sqlite/files."):
        return FILES.get(callee, (".before", ".after"))
    return CALLS[KINDS[callee]]


def passes_of(said):
    """How often each point that can fail was passed, by what a traced program wrote."""
    return collections.Counter(
        point for point in re.findall(r"^failpoint (\S+)$", said, re.MULTILINE)
        if point[point.rindex("."):] in sides(point.rpartition(".")[0]))


def cases_of(flow, passes, asked):
    """
    Every case of a flow: each call that fails, at the first passes and in the middle of all; and
    each allocation.
    """
    for point, count in sorted(passes.items()):
        for number in sorted({*range(1, min(count, 3) + 1), (count + 1) // 2}):
            yield Case(flow, point, number, False)
            yield Case(flow, point, number, True)
    for what, count in asked.items():
        for number in range(1, count + 1):
            yield Case(flow, what, number, False)
            yield Case(flow, what, number, True)


def chance(seed, *about):
    """A number that these always give."""
    return int.from_bytes(hashlib.sha256(repr((seed, about)).encode()).digest()[:6], "big")


class Faults:
    """The two files that tell the programs that have `environment` what is to fail."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.rules_file, allocations_file = folder / "rules", folder / "allocations"
        self.rules_file.write_bytes(bytes(RULES_SIZE))
        allocations_file.write_bytes(bytes(mmap.PAGESIZE))
        with open(allocations_file, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)
        self.environment = {"FAILPOINTS_FILE": str(self.rules_file),
                            "ALLOCATIONS_FILE": str(allocations_file)}

    def rules(self, text):
        with open(self.rules_file, "r+b", buffering=0) as rules:
            rules.write(text.encode().ljust(RULES_SIZE, b"\0"))

    def refuse(self, mode, number, whose):
        """Whatever is allocated meanwhile is granted."""
        struct.pack_into("=q", self.memory, 0, GRANTED)
        struct.pack_into("=qqqq", self.memory, 8, number, 0, 0, whose)
        struct.pack_into("=q", self.memory, 0, mode)

    def harm(self, case):
        """From here on the case's fault is there."""
        if case.what in ALLOCATIONS:
            self.refuse(FAIL_FROM if case.lasts else ONE_FAILS, case.number,
                        ALLOCATIONS[case.what])
            return
        passes, term = case.number - 1, "" if case.lasts else "1*"
        self.rules(f"{case.what}={passes}*off->{term}return;{case.what}={passes}*off->{term}trace")

    def watch(self, what):
        """Nothing fails: calls are traced, and allocations of a kind are counted."""
        self.rules("*=trace")
        self.refuse(ONE_FAILS, NEVER, ALLOCATIONS[what])

    def mend(self):
        struct.pack_into("=q", self.memory, 0, GRANTED)
        self.rules("")

    def asked(self):
        """How often memory was asked for since it was last set."""
        return struct.unpack_from("=q", self.memory, 16)[0]

    def met(self, case, said):
        """How often the fault was met, by a program that wrote this since then."""
        if case.what in ALLOCATIONS:
            return struct.unpack_from("=q", self.memory, 24)[0]
        return len(re.findall(rf"^failpoint {re.escape(case.what)}$", said, re.MULTILINE))
