import gzip
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import programs  # noqa: E402
from support.fixtures import *  # noqa: E402,F401,F403

PACKAGES = ("fallback-job", "users-service")
# With it the same tests look at the packages themselves.
FROM_DEBS = "FROM_DEBS" in os.environ


def debs_build(folder, environment=None):
    """The folder with the two packages, built there."""
    folder.mkdir(parents=True)
    log = folder / "log"
    with open(log, "wb") as written:
        done = subprocess.run([programs.ROOT / "packaging" / "build-debs", folder],
                              stdin=subprocess.DEVNULL, stdout=written, stderr=written,
                              env=environment, check=False)
    assert done.returncode == 0, "\n".join(log.read_text(errors="replace").splitlines()[-40:])
    return folder


@pytest.fixture(scope="session")
def debs(tmp_path_factory):
    """The folder with the two packages; DEBS: one in which they were built before."""
    if "DEBS" in os.environ:
        return pathlib.Path(os.environ["DEBS"])
    return debs_build(tmp_path_factory.mktemp("debs") / "packages")


def unpack(debs, root):
    for deb in sorted(debs.glob("*.deb")):
        subprocess.run(["dpkg-deb", "--extract", deb, root], check=True)


def lay_out(build, root):
    """What a build and the tree have, where the packages would put it."""
    for name in PACKAGES:
        placed = {build / "src" / "programs" / name: root / "usr/bin" / name,
                  build / "packaging" / name: root / "usr/share/bash-completion/completions" / name,
                  programs.ROOT / "packaging/systemd" / f"{name}.service":
                      root / "lib/systemd/system" / f"{name}.service"}
        for source, target in placed.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        shutil.copytree(programs.ROOT / "packaging/debian/etc" / name, root / "etc" / name)
        page = root / "usr/share/man/man8" / f"{name}.8.gz"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_bytes(gzip.compress((build / "packaging" / f"{name}.8").read_bytes()))


@pytest.fixture(scope="session")
def unpacked(request, tmp_path_factory):
    """A root folder with what both packages bring."""
    root = tmp_path_factory.mktemp("root")
    if FROM_DEBS:
        unpack(request.getfixturevalue("debs"), root)
        os.environ["BUILD"] = str(root / "usr" / "bin")
    else:
        lay_out(programs.build_folder().parents[1], root)
    return root
