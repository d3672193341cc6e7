"""A machine to install on: a Debian system that systemd runs, with a network to itself."""
import os
import pathlib
import subprocess

from support import programs

import roots
from neighbour import Neighbour

BOOT = pathlib.Path(__file__).resolve().parent / "boot"
NAMESPACES = ("--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup")
# What systemd left of its cgroups, the innermost first.
CLEAR = """
mount --make-rprivate /
mount -t cgroup2 none "$1"
find "$1/$2" -depth -type d -exec rmdir {} +
umount "$1"
"""


class Machine:
    """It begins with the files of a system, and changes none of them; `beside` is the test's."""

    def __init__(self, system, beside):
        self.beside = beside
        self.log = beside / "boot.log"
        self.cgroup = f"machine-{os.getpid()}"
        (beside / "layer").mkdir()
        with open(self.log, "wb") as output:
            self.holder = subprocess.Popen([BOOT, system, beside / "layer", self.cgroup],
                                           env=roots.ENVIRONMENT, stdin=subprocess.DEVNULL,
                                           stdout=output, stderr=output)
        try:
            self.first = programs.wait_for(self.first_process, timeout=60, what="a first process")
            programs.wait_for(self.is_up, timeout=120, what="systemd", every=0.5)
        except BaseException:
            self.holder.kill()
            raise
        self.folder = pathlib.Path(f"/proc/{self.first}/root")
        self.service = Neighbour(self.first)

    def complaint(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def first_process(self):
        """Seen from here, and only once it is systemd."""
        assert self.holder.poll() is None, self.complaint()
        holder = self.holder.pid
        children = pathlib.Path(f"/proc/{holder}/task/{holder}/children").read_text().split()
        if not children:
            return None
        name = pathlib.Path(f"/proc/{children[0]}/comm").read_text()
        return children[0] if name == "systemd\n" else None

    def is_up(self):
        assert self.holder.poll() is None, self.complaint()
        said = self.try_to("systemctl is-system-running").stdout.strip()
        return said in ("running", "degraded")

    def try_to(self, text):
        """Types commands, as root in the tree's folder if there is one; how they ended."""
        return subprocess.run(
            ["nsenter", "--target", self.first, *NAMESPACES, "--", "bash", "-ec",
             "[[ ! -d /srv/tree ]] || cd /srv/tree\n" + text],
            env=roots.ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, encoding="utf-8", errors="replace", timeout=300, check=False)

    def run(self, text, code=0):
        """The same for commands that have to end so; what they printed."""
        done = self.try_to(text)
        assert done.returncode == code, f"{text}\nended with {done.returncode}\n" + \
            done.stdout + done.stderr + self.journal()
        return done.stdout

    def journal(self):
        return self.try_to("journalctl --no-pager --lines 60").stdout

    def is_active(self, *units):
        return self.try_to(f"systemctl is-active {' '.join(units)}").stdout == \
            "active\n" * len(units)

    def comes_up(self, *units):
        """Waits until these are at work; the service also has its store then."""
        def at_work():
            return self.is_active(*units) and ("users-service" not in units
                                               or self.service.is_ready())
        try:
            programs.wait_for(at_work, timeout=120, every=0.2, what=" ".join(units))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.journal()}") from error

    def end(self):
        self.holder.kill()
        self.holder.wait(30)
        place = self.beside / "cgroup"
        place.mkdir()
        programs.wait_for(lambda: subprocess.run(
            ["unshare", "--mount", "bash", "-ec", CLEAR, "clear", place, self.cgroup],
            capture_output=True, check=False).returncode == 0, timeout=60, what="cgroups to go")
