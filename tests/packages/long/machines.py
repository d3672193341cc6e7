"""Fixtures: the smallest Debian, the packages built on it as the document says, and machines."""
import pathlib
import shutil
import sys

import pytest

from support import programs

sys.path.insert(0, str(programs.ROOT / "tests" / "docs"))
import roots  # noqa: E402
from blocks import blocks  # noqa: E402
from machine import Machine  # noqa: E402

DOCUMENT = "docs/install.md"
# A block that is new there has no place here, and fails what is below.
(BUILDING, INSTALLING, LOOKING, TAKING_OVER, NEW_TOKEN, BACKING_UP, LEAVING, IMAGES, CONTAINERS,
 CLUSTER) = blocks(DOCUMENT, "sh")
# What a machine has that is administered: the document counts on no more.
ADMINISTERED = "systemd systemd-sysv curl"


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """Packages that apt fetched, for all the systems."""
    return tmp_path_factory.mktemp("archives")


@pytest.fixture(scope="session")
def packed(tmp_path_factory):
    """The smallest system, as an archive."""
    return roots.archive(tmp_path_factory.mktemp("debian") / "debian.tar")


@pytest.fixture(scope="session")
def built(packed, cache, tmp_path_factory):
    """The folder with the packages, built by what the document shows on a system with nothing."""
    place = tmp_path_factory.mktemp("builder")
    root = roots.Root(place / "root", packed, cache)
    roots.tree(root.folder / "srv/tree")
    root.run("cd /srv/tree\n" + BUILDING)
    shutil.copytree(root.folder / "srv/tree/debs", place / "debs")
    shutil.rmtree(root.folder)
    return place / "debs"


@pytest.fixture(scope="session")
def administered(packed, built, cache, tmp_path_factory):
    """
    A system with systemd and the tree's packages to install. Its machines are on no network, so all
    that these depend on has been fetched before.
    """
    root = roots.Root(tmp_path_factory.mktemp("administered") / "root", packed, cache)
    (root.folder / "srv/tree").mkdir()
    root.take(built, "srv/tree/debs")
    root.run("apt-get update\n"
             f"apt-get install --yes --no-install-recommends {ADMINISTERED}\n"
             "apt-get install --yes --download-only /srv/tree/debs/*.deb\n")
    roots.run("cp", "-a", f"{cache}/.", root.folder / "var/cache/apt/archives")
    yield root
    shutil.rmtree(root.folder)


@pytest.fixture
def machine(administered, tmp_path):
    """Such a machine, just started, with nothing of the project installed."""
    started = Machine(administered.folder, tmp_path)
    yield started
    started.end()


@pytest.fixture
def installed(machine):
    """One on which both packages are installed and at work."""
    machine.run(INSTALLING)
    machine.comes_up("users-service", "fallback-job")
    return machine


def token_of(machine):
    return pathlib.Path(machine.folder / "etc/users-service/token").read_text().strip()
