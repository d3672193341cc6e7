"""The last line of ./test is only as good as this: what a suite leaves is counted right."""
import json
import pathlib
import subprocess
import sys

import pytest

COUNT = pathlib.Path(__file__).resolve().parents[1] / "suites" / "count.py"


@pytest.fixture
def counted(tmp_path):
    def count(code=0, meson=(), checks=None, junit=None):
        if meson:
            (tmp_path / "a.meson").write_text("".join(json.dumps(row) + "\n" for row in meson))
        if checks is not None:
            (tmp_path / "checks").write_text(checks)
        if junit is not None:
            (tmp_path / "a.xml").write_text(
                f"<testsuites><testsuite>{junit}</testsuite></testsuites>")
        done = subprocess.run([sys.executable, COUNT, tmp_path, str(code)], capture_output=True,
                              text=True, check=True)
        return tuple(map(int, done.stdout.split()))

    return count


CMOCKA = "[==========] 5 test(s) run.\n[  PASSED  ] 4 test(s).\n[  FAILED  ] 1 test(s), listed below:\n"


@pytest.mark.parametrize("result, output, expected", [
    ("OK", "[  PASSED  ] 14 test(s).\n[  PASSED  ] 3 test(s).\n", (17, 0, 0, 0)),
    ("OK", "25 passed, 1 skipped in 3.21s\n", (25, 0, 1, 0)),
    ("OK", "", (1, 0, 0, 0)),
    ("FAIL", CMOCKA, (4, 1, 0, 0)),
    ("FAIL", "= 1 failed, 2 passed, 1 error in 0.10s =\n", (2, 2, 0, 0)),
    ("FAIL", "[  PASSED  ] 9 test(s).\nERROR: AddressSanitizer\n", (9, 1, 0, 0)),
    ("TIMEOUT", "", (0, 1, 0, 0)),
    ("INTERRUPT", "[  PASSED  ] 2 test(s).\n", (2, 1, 0, 0)),
    ("SKIP", "", (0, 0, 1, 0)),
])
def test_one_of_mesons_tests_holds_many(counted, result, output, expected):
    assert counted(meson=[{"name": "x", "result": result, "stdout": output}]) == expected
    assert counted(meson=[{"name": "x", "result": result, "stdout": None, "stderr": output}],
                   code=1 if expected[1] else 0) == expected


def test_pytest_tells_a_gap_from_a_skip(counted):
    junit = ('<testcase/><testcase><failure/></testcase><testcase><error/></testcase>'
             '<testcase><skipped type="pytest.skip"/></testcase>'
             '<testcase><skipped type="pytest.xfail"/></testcase>')
    assert counted(junit=junit) == (1, 2, 1, 1)


def test_checks_are_lines(counted):
    assert counted(checks="pass this\nfail that\n") == (1, 1, 0, 0)


@pytest.mark.parametrize("code", [0, 1, 124])
def test_nothing_at_all_is_a_failure(counted, code):
    assert counted(code=code) == (0, 1, 0, 0)


def test_a_suite_that_ends_badly_has_failed(counted):
    assert counted(code=1, checks="pass this\n") == (1, 1, 0, 0)
    assert counted(code=1, checks="fail this\n") == (0, 1, 0, 0)
