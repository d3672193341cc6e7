"""packaging/container and docs/install.md: the images are built and run as it shows."""
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
import roots
from machines import *  # noqa: F401,F403
from machines import CONTAINERS, IMAGES
from neighbour import Neighbour

from support import programs

NAMES = ("users-service", "fallback-job")
IMAGE = {name: f"{name}:0.1.0" for name in NAMES}
# All that podman keeps is in one folder. It is to limit nothing here, and to fetch no image.
STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{folder}/kept"
runroot = "{folder}/run"
"""
CONTAINERS_CONF = """\
[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "crun"
tmp_dir = "{folder}/tmp"
"""


# Mounts of its own are for podman's sake too: where this machine has both versions of cgroups, the
# runtime that Debian has takes neither.
HOLD = """
mount --make-rprivate /
mount -t cgroup2 none /sys/fs/cgroup
ip link set dev lo up
echo there
exec cat
"""


class Host:
    """Where containers run: podman with a folder, mounts and a network of its own."""

    def __init__(self, folder):
        self.holder = subprocess.Popen(["unshare", "--mount", "--net", "bash", "-ec", HOLD],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"there\n"
        self.seen = f"/proc/{self.holder.pid}"
        self.tree = roots.tree(folder / "tree")
        for name, text in {"storage.conf": STORAGE, "containers.conf": CONTAINERS_CONF,
                           "registries.conf": ""}.items():
            (folder / name).write_text(text.format(folder=folder))
        self.environment = {**os.environ, "BUILDAH_ISOLATION": "chroot",
                            "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
                            "CONTAINERS_CONF": str(folder / "containers.conf"),
                            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf")}
        self.service = Neighbour(self.holder.pid)

    def type(self, text, *namespaces):
        return roots.run("nsenter", f"--mount={self.seen}/ns/mnt", *namespaces, "bash", "-ec",
                         f"cd {self.tree}\n{text}", env=self.environment)

    def build(self, text):
        """Types commands in the tree, on this machine's network."""
        return self.type(text)

    def run(self, text):
        """The same on the host's own network."""
        return self.type(text, f"--net={self.seen}/ns/net")

    def close(self):
        self.build("podman rm --all --force --time 0\npodman image unmount --all --force\n")
        self.holder.kill()
        self.holder.communicate(timeout=30)


@pytest.fixture(scope="module")
def host(packed, tmp_path_factory):
    """One with both images, made of the smallest system by the document's commands."""
    folder = tmp_path_factory.mktemp("host")
    made = Host(folder)
    try:
        made.build(f"podman import {packed} debian:12-slim")
        made.build(IMAGES)
        yield made
    finally:
        made.close()
    shutil.rmtree(folder)


def configuration(host, name):
    (found,) = json.loads(host.build(f"podman image inspect {IMAGE[name]}"))
    return found["Config"]


@pytest.mark.parametrize("name", NAMES)
def test_an_image_runs_its_program_as_nobody(host, name):
    config = configuration(host, name)
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == [f"/usr/bin/{name}"] and not config.get("Cmd")
    assert list(config["Volumes"]) == [f"/var/lib/{name}"]
    ports = ["8080/tcp", "8081/tcp"] if name == "users-service" else []
    assert sorted(config.get("ExposedPorts", {})) == ports


@pytest.mark.parametrize("name", NAMES)
def test_an_image_has_neither_a_secret_nor_a_compiler(host, name):
    place = host.build(f"podman image mount {IMAGE[name]}").strip()
    root = pathlib.Path(host.seen) / "root" / place.lstrip("/")
    found = {str(path.relative_to(root)) for path in root.rglob("*")}
    assert f"usr/bin/{name}" in found
    for path in ("source", "debs", "usr/bin/gcc", "usr/bin/dpkg-buildpackage",
                 "usr/include/stdio.h", f"etc/{name}/token"):
        assert path not in found
    assert not [path for path in found if path.endswith(".deb")]
    kept = (root / "var/lib" / name).stat()
    assert (kept.st_uid, kept.st_gid, kept.st_mode & 0o777) == (65532, 65532, 0o700)


def status(host, name):
    """What the kernel says of a container's process."""
    process = host.run(f"podman inspect --format '{{{{.State.Pid}}}}' {name}").strip()
    place = pathlib.Path("/proc") / process
    return (place / "status").read_text(), (place / "mountinfo").read_text()


def test_the_containers_work(host):
    """As they are shown, and then with a service that leaves all deletions to the job."""
    host.run(CONTAINERS)
    programs.wait_for(host.service.is_ready, timeout=60, what="the service")
    for name in NAMES:
        said, mounts = status(host, name)
        assert re.search(r"^Uid:\t65532\t65532\t65532\t65532$", said, re.MULTILINE), said
        assert re.search(r"^CapEff:\t0{16}$", said, re.MULTILINE) and "NoNewPrivs:\t1\n" in said
        assert re.search(r"^\d+ \d+ \S+ \S+ / ro[, ]", mounts, re.MULTILINE), mounts
    kept, erased = host.service.user_with_avatar(), host.service.user_with_avatar()

    host.run("podman rm --force users-service fallback-job")
    _, service, job = re.split(r"^(?=podman run)", CONTAINERS, flags=re.MULTILINE)
    host.run(service.rstrip() + " --inline off --timer off\n")
    programs.wait_for(host.service.is_ready, timeout=60, what="the service")
    assert host.service.has_avatar(kept)
    assert host.service.erase(erased) == 202
    assert not host.service.is_erased(erased)
    host.run(job.replace("'*/5 * * * *'", "'* * * * * *'"))
    programs.wait_for(lambda: host.service.is_erased(erased), timeout=60, what="the job")
    assert host.service.has_avatar(kept) and not host.service.has_avatar(erased)
