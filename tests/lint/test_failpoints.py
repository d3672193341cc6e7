"""A failpoint that is missing, one too many, and one where none belongs are found."""
import pathlib
import shutil
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
import failpoints  # noqa: E402
from support import programs  # noqa: E402

ROOT = HERE.parents[1]


@pytest.fixture
def build():
    """What the drivers of this build were compiled to: one without failpoints."""
    return programs.build_folder().parents[1]


@pytest.fixture
def tree(tmp_path):
    """The project's sources, to be changed."""
    return pathlib.Path(shutil.copytree(ROOT / "src", tmp_path / "src")).parent


def test_every_call_of_a_driver_has_its_failpoint(build):
    assert not list(failpoints.drivers_faults(build, ROOT))
    assert not list(failpoints.all_drivers_faults(ROOT))


@pytest.mark.parametrize("driver, call", [("files", "renameat2"), ("curl", "curl_multi_perform"),
                                          ("sqlite", "sqlite3_step"), ("postgres", "PQflush"),
                                          ("rabbitmq", "amqp_basic_publish"), ("job", "rename")])
def test_a_call_without_a_failpoint_is_found(build, tree, driver, call):
    header = tree / f"src/failpoints/calls_{driver}.h"
    header.write_text(header.read_text().replace(f"#define {call}(", f"#define other_{call}("))
    found = list(failpoints.drivers_faults(build, tree))
    assert any(f"{call} is called without" in fault for fault in found), found
    assert any(f"nobody calls other_{call}" in fault for fault in found), found


def test_a_driver_without_failpoints_is_found(tree):
    (tree / "src/files/azure").mkdir()
    assert len(list(failpoints.all_drivers_faults(tree))) == 1


def test_no_source_and_no_command_names_them(build):
    assert not list(failpoints.sources_faults(build, ROOT))


def test_a_source_that_names_them_is_found(build, tree):
    with open(tree / "src/users/user.c", "a", encoding="ascii") as source:
        source.write("int failpoint_pass(void);\n")
    assert len(list(failpoints.sources_faults(build, tree))) == 1


def test_programs_have_no_trace_of_them(build):
    for name in ("users-service", "fallback-job"):
        assert not list(failpoints.traces(build / "src/programs" / name))


def test_a_trace_is_found(tmp_path):
    (tmp_path / "program").write_bytes(b"\x7fELF\0FAILPOINTS_FILE\0")
    assert list(failpoints.traces(tmp_path / "program"))
