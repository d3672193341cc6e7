"""
Debian's smallest system in folders of the tests' own, made by mmdebstrap from where this machine
has its packages. It takes root: what is tried in them installs packages.
"""
import os
import pathlib
import subprocess

from support import programs

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": PATH, "HOME": "/", "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
RELEASE = "bookworm"
RELEASES = (RELEASE, f"{RELEASE}-updates", f"{RELEASE}-security")
# What a shell needs around it; all of it is gone with the shell.
ENTER = """
set -e
mount --make-rprivate /
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mkdir -p "$1/var/cache/apt/archives"
mount --bind "$2" "$1/var/cache/apt/archives"
exec chroot "$1" bash -ec "$3"
"""


def run(*command, timeout=1800, **options):
    """Runs a command to its end, which has to be a good one; what it printed."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
                          timeout=timeout, check=False,
                          **{"stdin": subprocess.DEVNULL, **options})
    assert done.returncode == 0, f"{command}\nended with {done.returncode}\n" + \
        "\n".join((done.stdout + done.stderr).splitlines()[-60:])
    return done.stdout


def sources():
    """Where this machine's apt has Debian itself from, as lines of a sources.list."""
    known = run("apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)",
                "Created-By: Packages")
    found = {tuple(line.split()) for line in known.splitlines()}
    lines = sorted(f"deb {uri} {release} {component}" for release, component, uri in found
                   if release in RELEASES and component == "main")
    assert lines, f"apt has no Debian {RELEASE} on this machine"
    return "".join(line + "\n" for line in lines)


def archive(path):
    """The smallest system, packed at a path."""
    assert os.geteuid() == 0, "whole systems are made and tried as root only"
    run("mmdebstrap", "--quiet", "--variant=minbase", RELEASE, path, "-", stdin=None,
        input=sources())
    return path


class Root:
    """A system in a folder, unpacked from an archive; `cache` keeps what apt fetched for all."""

    def __init__(self, folder, packed, cache):
        self.folder = pathlib.Path(folder)
        self.cache = cache
        self.folder.mkdir(mode=0o755)
        run("tar", "-C", self.folder, "--numeric-owner", "-xpf", packed)
        # So that names are found as they are here.
        (self.folder / "etc/resolv.conf").unlink(missing_ok=True)
        (self.folder / "etc/resolv.conf").write_bytes(pathlib.Path("/etc/resolv.conf").read_bytes())

    def run(self, text):
        """Types commands into it, as root and on this machine's network."""
        return run("unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-ec", ENTER,
                   "enter", self.folder, self.cache, text, env=ENVIRONMENT)

    def take(self, source, target):
        """Copies a file or a folder into it."""
        run("cp", "-a", "--no-preserve=ownership", source, self.folder / target)


def tree(folder):
    """A copy of what the project consists of, as somebody has it who has just fetched it."""
    folder.mkdir(parents=True)
    names = subprocess.run(["git", "-C", programs.ROOT, "ls-files", "-z", "--cached", "--others",
                            "--exclude-standard"], capture_output=True, check=True).stdout
    run("bash", "-ec", 'tar -C "$1" --null --files-from=- --ignore-failed-read -cf - |'
        ' tar -C "$2" --no-same-owner -xf -', "tree", programs.ROOT, folder, stdin=None,
        input=names.decode())
    return folder
