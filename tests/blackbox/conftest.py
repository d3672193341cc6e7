import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.fixtures import *  # noqa: E402,F401,F403
from support.fixtures import ON_POSTGRES  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--complete", action="store_true",
                     help="this is the whole suite: all that is documented must be seen in it")


def pytest_configure(config):
    config.addinivalue_line("markers", "last: judges what the tests before it have seen")
    config.addinivalue_line("markers", "sqlite: about SQLite's file, and left out elsewhere")
    config.addinivalue_line("markers", "complete: makes sense after the whole suite only")


def pytest_collection_modifyitems(config, items):
    items.sort(key=lambda item: bool(item.get_closest_marker("last")))
    if not config.getoption("--complete"):
        items[:] = [item for item in items if not item.get_closest_marker("complete")]
    if ON_POSTGRES:
        items[:] = [item for item in items if not item.get_closest_marker("sqlite")]
