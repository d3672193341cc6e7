import os
import pathlib
import sys
import tempfile

os.environ["DATABASE"] = "postgres"
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / folder)
                for folder in ("", "blackbox")]

from support.fixtures import *  # noqa: E402,F401,F403
from support.rabbitmq import Broker  # noqa: E402

import pytest  # noqa: E402


@pytest.fixture(scope="session")
def open_folder():
    """A folder that servers may enter which do not run as root."""
    with tempfile.TemporaryDirectory(prefix="replicas-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)
        yield pathlib.Path(folder)


@pytest.fixture(scope="session")
def broker(open_folder):
    """A RabbitMQ for all tests; whoever stops it starts it again."""
    made = Broker(open_folder / "rabbitmq")
    yield made
    made.remove()


@pytest.fixture
def replicas(service):
    """
    Replicas of one service: as many as there are dictionaries of options, on the database, the
    files and the token of the first.
    """
    def make(*each, start=True, **options):
        first = service(start=False, **options, **each[0])
        others = [service(start=False, **{**options, "database": first.options["database"],
                                          "files": first.options["files"],
                                          "token_file": first.token_file, **changes})
                  for changes in each[1:]]
        for one in others:
            one.token, one.token_file = first.token, first.token_file
            one.files, one.database = first.files, first.database
        made = [first, *others]
        for one in made if start else ():
            one.start().wait_until_ready()
        return made

    return make
