"""CONTRIBUTING.md: what a developer types works, and asks for what there is."""
import re
import shlex
import shutil

from blocks import ROOT, RUN, block

DOCUMENT = "CONTRIBUTING.md"
# A suite that passes at once and tells that it was asked: this test is in one itself.
ASKED = """\
#!/usr/bin/env bash
# what: a stand-in
# budget: 60
# when: {when}
echo "pass it was asked" >"$TEST_RESULTS/checks"
echo {name} >>asked
"""


def own_suites(folder):
    """The runner as it is, with a stand-in for a few of its suites, the long ones among them."""
    for name in ("tests", "build-test"):
        (folder / name).unlink(missing_ok=True)
    suites = folder / "tests" / "suites"
    suites.mkdir(parents=True)
    shutil.copy(ROOT / "tests/suites/count.py", suites)
    listed = (ROOT / "tests/suites/order").read_text().split()
    names = listed[:4] + [name for name in listed if name.endswith("-long")][:2]
    (suites / "order").write_text("\n".join(names) + "\n")
    for name in names:
        text = (ROOT / "tests/suites" / name).read_text(encoding="utf-8")
        when = re.search(r"^# when: (\w+)$", text, re.MULTILINE).group(1)
        (suites / name).write_text(ASKED.format(name=name, when=when))
        (suites / name).chmod(0o755)
    return names


def test_the_loop(terminals):
    loop = block(DOCUMENT, "./test unit")
    build, *tests = loop.splitlines()
    terminals.run(build.replace("./run", "./run --no-install") + "\n")
    names = own_suites(terminals.folder)
    terminals.run("\n".join(tests) + "\n")
    RUN.add(loop)
    asked = (terminals.folder / "asked").read_text().split()
    assert asked[:2] == ["unit", "lint"]
    always = asked[2:]
    assert always == names[:4] and "unit" in always


def test_one_test_by_itself(terminals):
    said = terminals.run(block(DOCUMENT, "meson test"))
    assert re.search(r"^Ok: +1\b", said, re.MULTILINE), said
    assert re.search(r"^=+ \d+ passed, \d+ deselected", said, re.MULTILINE), said


def test_the_table_is_written_as_its_suite_writes_it():
    """With 20,000 kills, which take hours: the suite matrix-long."""
    table = block(DOCUMENT, "BUILD=build-test/failpoints")
    words = shlex.split(table.replace("\\\n", " "))[1:-1]
    suite = (ROOT / "tests/suites/matrix-long").read_text(encoding="utf-8")
    suite = suite.replace("${KILLS:-20000}", "20000").replace("\\\n", " ")
    assert " ".join(words) in " ".join(suite.replace('"', "").split())
    RUN.add(table)


def test_a_life_of_the_simulation_is_shown(terminals):
    shown = terminals.run(block(DOCUMENT, "build-test/gcc/tests/simulation"))
    assert len(shown.splitlines()) > 10
    assert terminals.run(block(DOCUMENT, "build-test/gcc/tests/simulation")) == shown
