"""docs/reliability.md and docs/protocol.md name suites and tests: each must be there."""
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = ("docs/reliability.md", "docs/protocol.md")


def rows(page):
    """The last cell of each line of the page's tables, but for their heads."""
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    heads = {number - 1 for number, line in enumerate(lines) if re.match(r"\|( ?---)", line)}
    for number, line in enumerate(lines):
        if line.startswith("| ") and number not in heads and not line.startswith("| ---"):
            yield number + 1, line.strip("| ").split(" | ")[-1]


def suites():
    return set((ROOT / "tests/suites/order").read_text(encoding="utf-8").split())


def names_of_tests():
    """The names of all tests: functions in C and Python, and what meson runs."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard",
                             "tests"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = set()
    for path in listed.split():
        if not (ROOT / path).is_file():
            continue
        if path.endswith((".c", ".h")):
            text = (ROOT / path).read_text(encoding="utf-8")
            found |= set(re.findall(r"^(?:static )?void (\w+)\(void \*\*", text, re.MULTILINE))
        elif path.endswith(".py"):
            found |= set(re.findall(r"^def (test_\w+)\(", (ROOT / path).read_text(encoding="utf-8"),
                                    re.MULTILINE))
        elif path.endswith("meson.build"):
            found |= set(re.findall(r"'([\w, -]+ [\w, -]+)'",
                                    (ROOT / path).read_text(encoding="utf-8")))
    return found


def missing(cell, known_suites, known_tests):
    """What a cell names and is not there; a cell must name something, or say that it does not."""
    names = re.findall(r"`([^`]+)`", cell)
    if not names and "not shown" not in cell:
        return ["nothing that shows it"]
    return [name for name in names
            if not (name.removeprefix("./test ") in known_suites and name.startswith("./test ")
                    or name in known_tests or "/" in name and (ROOT / name).exists())]


def test_reliability_names_what_is_there():
    known_suites, known_tests = suites(), names_of_tests()
    found = [f"{PAGES[0]}:{number}: {name}" for number, cell in rows(PAGES[0])
             for name in missing(cell, known_suites, known_tests)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("cell", ["", "soon", "`./test nothing`", "`test_that_is_not_there`",
                                  "`engine__is_not_there`", "`tests/not/there.py`"])
def test_a_row_without_a_test_is_found(cell):
    assert missing(cell, {"unit"}, {"test_there"})


def test_rows_are_read():
    assert len(list(rows(PAGES[0]))) > 30
    assert missing("not shown", set(), set()) == []
    assert missing("`./test unit`, `test_there`", {"unit"}, {"test_there"}) == []
