import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import programs  # noqa: E402
from support.fixtures import *  # noqa: E402,F401,F403

PACKAGES = ("fallback-job", "users-service")


@pytest.fixture(scope="session")
def debs(tmp_path_factory):
    """The folder with the two packages, built here; or one that was built before, DEBS."""
    if "DEBS" in os.environ:
        return pathlib.Path(os.environ["DEBS"])
    folder = tmp_path_factory.mktemp("debs")
    log = folder / "log"
    with open(log, "wb") as written:
        done = subprocess.run([programs.ROOT / "packaging" / "build-debs", folder],
                              stdin=subprocess.DEVNULL, stdout=written, stderr=written, check=False)
    assert done.returncode == 0, "\n".join(log.read_text(errors="replace").splitlines()[-40:])
    return folder


@pytest.fixture(scope="session")
def unpacked(debs, tmp_path_factory):
    """Both packages, unpacked over each other; the programs under test are theirs."""
    root = tmp_path_factory.mktemp("root")
    for deb in sorted(debs.glob("*.deb")):
        subprocess.run(["dpkg-deb", "--extract", deb, root], check=True)
    os.environ["BUILD"] = str(root / "usr" / "bin")
    return root
