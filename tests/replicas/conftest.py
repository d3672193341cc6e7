import itertools
import os
import pathlib
import sys
import tempfile

os.environ["DATABASE"] = "postgres"
sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / folder)
                for folder in ("", "blackbox")]

from support.fixtures import *  # noqa: E402,F401,F403
from support import network  # noqa: E402
from support.rabbitmq import Broker  # noqa: E402
from support.standby import Pair, PairDatabase  # noqa: E402
from stage import Stage  # noqa: E402

import pytest  # noqa: E402

NUMBERS = itertools.count(1)


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


@pytest.fixture(scope="module")
def pair(open_folder):
    """A primary and a standby; whoever kills one brings it back."""
    folder = open_folder / f"pair{next(NUMBERS)}"
    made = Pair(folder)
    yield made
    made.remove()


@pytest.fixture
def database(pair):
    """A new database on the pair."""
    return PairDatabase(pair, f"users{next(NUMBERS)}")


@pytest.fixture
def net():
    """A network of the test's own, which the test is in."""
    with network.build() as made:
        yield made


@pytest.fixture
def stage(net, open_folder, service):
    """Sets up so many replicas and all that they need, each on a node of `net`."""
    made = []

    def make(count, **options):
        made.append(Stage(net, open_folder, service, count, **options))
        return made[-1]

    yield make
    for one in made:
        for replica in one.replicas:
            replica.end()
        one.remove()


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
