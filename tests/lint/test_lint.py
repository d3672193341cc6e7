"""The checks find what they are for: each is shown a tree that breaks its rules."""
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import includes  # noqa: E402
import sizes  # noqa: E402
import words  # noqa: E402


@pytest.fixture
def tree(tmp_path):
    """Writes files below a root and returns it; headers that they include are there."""

    def write(**files):
        for name in ("base/error.h", "base/clock.h", "files/files.h", "files/local/local.h",
                     "repository/repository.h", "runtime/runtime.h", "handlers/users.h",
                     "users/flow.h", "http/client.h", "http/server.h", "fallback/engine.h"):
            path = tmp_path / "src" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        for name, text in files.items():
            path = tmp_path / "src" / (name.replace("__", "/") + ".c")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize("place, included", [
    ("base__x", '"files/files.h"'),
    ("fallback__x", '"users/flow.h"'),
    ("fallback__x", '"files/local/local.h"'),
    ("fallback__x", '"base/clock.h"'),
    ("fallback__x", "<pthread.h>"),
    ("users__x", '"runtime/runtime.h"'),
    ("users__x", "<unistd.h>"),
    ("handlers__x", '"files/local/local.h"'),
    ("handlers__x", '"fallback/engine.h"'),
    ("handlers__x", "<sqlite3.h>"),
    ("http__x", '"handlers/users.h"'),
    ("job__x", '"users/flow.h"'),
    ("job__x", '"repository/repository.h"'),
    ("files__local__x", '"users/flow.h"'),
    ("elsewhere__x", '"base/error.h"'),
    ("files__azure__x", '"base/error.h"'),
    ("repository__sqlite__x", "<libpq-fe.h>"),
    ("base__x", '"error.h"'),
])
def test_an_include_that_breaks_the_law_is_found(tree, place, included):
    found = list(includes.faults(tree(**{place: f"#include {included}\n"}) / "src"))
    assert len(found) == 1, found


@pytest.mark.parametrize("place, included", [
    ("files__local__x", '"files/files.h"'),
    ("fallback__x", '"files/files.h"'),
    ("fallback__x", "<string.h>"),
    ("users__x", '"fallback/engine.h"'),
    ("handlers__x", '"runtime/runtime.h"'),
    ("job__x", '"http/client.h"'),
    ("job__x", '"http/server.h"'),
    ("programs__x", '"files/local/local.h"'),
    ("http__x", "<microhttpd.h>"),
])
def test_an_include_that_keeps_the_law_is_not(tree, place, included):
    assert not list(includes.faults(tree(**{place: f"#include {included}\n"}) / "src"))


def test_a_long_function_a_long_file_and_a_wide_line_are_found(tree):
    root = tree(base__long="int f(void)\n{\n" + "    f();\n" * 71 + "}\n",
                base__wide="/* " + "x" * 100 + " */\n", base__many="int a;\n" * 701)
    found = list(sizes.check_sizes(root))
    assert [fault.split("/")[-1].split(":")[0] for fault in found if "median" not in fault] == [
        "long.c", "many.c", "wide.c"]


def test_names_that_do_not_tell_where_they_live_are_found(tree):
    root = tree()
    (root / "src/base/error.h").write_text("int error_set(void);\nvoid helper(int x);\n")
    assert ["helper" in fault for fault in sizes.check_names(root)] == [True]


def test_words_out_of_place_are_found(tree):
    root = tree(base__x="/* TO" "DO: more */\nint f(void)\n{\n    return ato" "i(text);\n}\n",
                base__y='const char *at = "/ho' 'me/somebody/x";\nconst char *f = "system(";\n')
    subprocess.run(["git", "init", "-q", root], check=True)
    found = [line for path in words.files(root) for line in words.check(path)]
    assert len(found) == 3, found
