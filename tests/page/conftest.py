import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.fixtures import *  # noqa: E402,F401,F403
import browser as browsers  # noqa: E402


@pytest.fixture(scope="session")
def the_browser(tmp_path_factory):
    one = browsers.Browser(tmp_path_factory.mktemp("browser"))
    yield one
    one.close()


@pytest.fixture
def browser(the_browser):
    """No script of the page may fail, and nothing be refused by its own policy."""
    the_browser.complaints()
    yield the_browser
    assert the_browser.complaints() == []


@pytest.fixture
def lazy(service):
    """A service that finishes nothing by itself."""
    return service(inline="off", timer="off", page_keys=10, pages=1)


@pytest.fixture
def on_s3d(service, s3d):
    users = service(files=s3d.url(), environment=s3d.environment, inline="off", timer="off")
    return users.wait_until_ready()
