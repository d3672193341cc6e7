import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.fixtures import s3d, s3d_with, service  # noqa: E402,F401
from terminal import Terminals  # noqa: E402


@pytest.fixture
def terminals(tmp_path):
    """A reader's terminals in a fresh folder."""
    folder = tmp_path / "tree"
    folder.mkdir()
    made = Terminals(folder)
    yield made
    made.close()


def pytest_addoption(parser):
    parser.addoption("--complete", action="store_true",
                     help="this is the whole suite: every command must have been run")


def pytest_configure(config):
    config.addinivalue_line("markers", "last: judges what the tests before it have done")
    config.addinivalue_line("markers", "complete: makes sense after the whole suite only")


def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: bool(item.get_closest_marker("last")))
    if not config.getoption("--complete"):
        items[:] = [item for item in items if not item.get_closest_marker("complete")]
