#!/usr/bin/python3
"""
Counts the tests of a suite: prints how many passed, failed, were skipped, and how many are known
gaps (marked in the test as expected to fail; one that passes all the same is a failed test).

    count.py FOLDER CODE

FOLDER has what the suite left: *.meson (meson's log of a run, a JSON object a line), *.xml (JUnit,
from pytest) and checks ("pass NAME" or "fail NAME" a line). CODE is what the suite ended with: one
that fails without a failed test, or that ran nothing, is itself a failed test.
"""
import json
import pathlib
import re
import sys
import xml.etree.ElementTree

PASSED, FAILED, SKIPPED, GAP = (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)

CMOCKA = {"passed": r"^\[  PASSED  \] (\d+) test", "failed": r"^\[  FAILED  \] (\d+) test",
          "skipped": r"^\[  SKIPPED \] (\d+) test"}
PYTEST = {"passed": r"(\d+) passed", "failed": r"(\d+) (?:failed|errors?)\b",
          "skipped": r"(\d+) skipped", "gaps": r"(\d+) xfailed"}
PYTEST_LAST_LINE = r"^=*\s*(\d+ (?:passed|failed|skipped|error).* in [\d.]+s.*)$"


def count(patterns, text):
    return [sum(int(number) for number in re.findall(patterns[kind], text, re.MULTILINE))
            if kind in patterns else 0 for kind in ("passed", "failed", "skipped", "gaps")]


def of_meson_test(test):
    """One of meson's tests holds many of cmocka's or pytest's; one that is neither counts as one."""
    text = (test.get("stdout") or "") + "\n" + (test.get("stderr") or "")
    summaries = "\n".join(re.findall(PYTEST_LAST_LINE, text, re.MULTILINE))
    counts = count(PYTEST, summaries) if summaries else count(CMOCKA, text)
    if test["result"] in ("OK", "EXPECTEDFAIL"):
        return counts if any(counts) else PASSED
    if test["result"] == "SKIP":
        return counts if any(counts) else SKIPPED
    # It may have crashed, or said after its last test what a sanitizer found.
    return counts if counts[1] else [counts[0], 1, *counts[2:]]


def of_meson(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        yield of_meson_test(json.loads(line))


def of_junit(path):
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            yield FAILED
        elif skipped is not None:
            yield GAP if skipped.get("type") == "pytest.xfail" else SKIPPED
        else:
            yield PASSED


def of_checks(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        yield PASSED if line.startswith("pass ") else FAILED


def main(folder, code):
    rows = []
    for pattern, reader in (("*.meson", of_meson), ("*.xml", of_junit), ("checks", of_checks)):
        for path in sorted(pathlib.Path(folder).glob(pattern)):
            rows += reader(path)
    passed, failed, skipped, gaps = (sum(column) for column in zip([0, 0, 0, 0], *rows))
    if (code and not failed) or not rows:
        failed += 1
    print(passed, failed, skipped, gaps)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
