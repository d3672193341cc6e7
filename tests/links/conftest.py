import os
import pathlib
import sys

os.environ["DATABASE"] = "postgres"
here = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(here), str(here.parent), str(here.parent / "blackbox")]

from support.fixtures import *  # noqa: E402,F401,F403
from support.rabbitmq import Broker  # noqa: E402

import tempfile  # noqa: E402

import pytest  # noqa: E402


@pytest.fixture(scope="session")
def broker():
    with tempfile.TemporaryDirectory(prefix="links-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        made = Broker(pathlib.Path(folder) / "rabbitmq")
        yield made
        made.remove()
