"""
Fixtures for tests of the programs as they are: import all of it into a conftest.

DATABASE=postgres runs them on PostgreSQL, on the server that REPOSITORY_ADDRESS names or on one of
their own; what is marked `sqlite` is about SQLite's file and stays out.
"""
import itertools
import os
import pathlib
import shutil
import sys

import pytest

from . import ceph as ceph_cluster
from . import postgres, service as services
from .s3 import Bucket, StandIn
from .service import Service

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "checker"))
from checker import LocalStore, S3Store, check_service  # noqa: E402

ON_POSTGRES = os.environ.get("DATABASE") == "postgres"


@pytest.fixture(scope="session", autouse=True)
def database_server():
    if not ON_POSTGRES:
        yield None
        return
    with postgres.server_address() as services.SERVER:
        yield services.SERVER
    services.SERVER = None


@pytest.fixture
def service(tmp_path):
    """
    Makes and starts services; each ends with the test, and must end well.

        one = service(delete_wait="1s")
        other = service(start=False, files=bucket.url())
    """
    made = []

    def make(start=True, **options):
        one = Service(tmp_path / f"service{len(made)}", **options)
        made.append(one)
        return one.start() if start else one

    yield make
    for one in made:
        one.end()


@pytest.fixture
def s3d_with(tmp_path):
    """Starts our stand-in for S3 with options of its own."""
    started = []

    def start(*options, **more):
        folder = tmp_path / f"s3d{len(started)}"
        folder.mkdir()
        started.append(StandIn(folder, *options, **more))
        return started[-1]

    yield start
    for standin in started:
        if standin.process.is_running():
            standin.process.resume()
            standin.stop()


@pytest.fixture
def s3d(s3d_with):
    """A running stand-in for S3 with an empty bucket, where nothing goes wrong."""
    return s3d_with()


@pytest.fixture(scope="session")
def ceph_endpoint(tmp_path_factory):
    if not shutil.which("radosgw"):
        pytest.skip("Ceph's RADOS Gateway is not installed")
    folder = tmp_path_factory.mktemp("ceph")
    env = ceph_cluster.start(folder)
    names = itertools.count(1)

    def bucket(locks=False):
        name = f"bucket-{next(names)}"
        ceph_cluster.create_bucket(folder, name, locks)
        return Bucket(env["S3_ENDPOINT"], name, env["AWS_ACCESS_KEY_ID"],
                      env["AWS_SECRET_ACCESS_KEY"], env["S3_REGION"])

    yield bucket
    ceph_cluster.stop(folder)


@pytest.fixture
def ceph(ceph_endpoint):
    """An empty bucket at Ceph's RADOS Gateway."""
    return ceph_endpoint()


@pytest.fixture
def agrees(tmp_path):
    """
    Stops a service, or takes it as it was killed, and asks the independent checker whether its
    database and its files agree; fails with what it found.
    """
    rounds = itertools.count()

    def check(one, bucket=None, prefix="", quiescent=True, log=()):
        if one.process and one.process.is_running():
            one.stop()
        copy = one.copy_of_database(tmp_path / f"copy{next(rounds)}")
        store = S3Store(bucket, prefix) if bucket else LocalStore(one.files)
        found = check_service(copy, store, quiescent=quiescent, log=log)
        assert not found, "\n".join(found)

    return check
