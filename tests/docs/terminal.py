"""A reader's terminals, in a folder that looks like the tree and keeps what a reader makes."""
import os
import pathlib
import re
import signal
import subprocess
import urllib.error
import urllib.request

from support import programs
from support.ports import free_port

from blocks import ROOT, RUN

# A reader's shell goes on with the variables that earlier blocks have set.
SCRIPT = """\
set -ea
[[ ! -e {state} ]] || . {state}
{text}
export -p >{state}
"""
LISTENERS = ("127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:3000", "127.0.0.1:3001",
             "127.0.0.1:9080", "127.0.0.1:9081")


class Terminals:
    """Runs blocks as they stand, on other ports; `instead` is what else a test must replace."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.ports = {address: f"127.0.0.1:{free_port()}" for address in LISTENERS}
        self.instead = dict(self.ports)
        self.environment = {
            **{name: value for name, value in os.environ.items()
               if not name.startswith(("AWS_", "USERS_", "FALLBACK_JOB_"))},
            "AWS_EC2_METADATA_DISABLED": "true",
            "USERS_LISTEN": self.address(8080), "USERS_PRIVATE_LISTEN": self.address(8081)}
        self.running = []
        for path in ROOT.iterdir():
            if path.name not in ("var", ".git", "live", "example"):
                (self.folder / path.name).symlink_to(path)

    def address(self, port):
        return self.ports[f"127.0.0.1:{port}"]

    def text(self, block):
        RUN.add(block)
        # At once, and longer ones first: a port that was put in may begin with another's digits.
        wanted = "|".join(map(re.escape, sorted(self.instead, key=len, reverse=True)))
        return re.sub(wanted, lambda found: str(self.instead[found[0]]), block)

    def script(self, block, terminal):
        state = self.folder / f".{terminal}.state"
        return ["bash", "-c", SCRIPT.format(state=state, text=self.text(block))]

    def run(self, block, code=0):
        """Runs a block to its end; what it printed."""
        done = subprocess.run(self.script(block, "first"), cwd=self.folder, env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
                              check=False)
        assert done.returncode == code, f"{block}\nended with {done.returncode}\n" + \
            done.stdout + done.stderr
        return done.stdout

    def start(self, block, health=None):
        """Runs a block that goes on, in a terminal of its own, until `health` answers."""
        name = f"next{len(self.running)}"
        log = self.folder / f".{name}.log"
        with open(log, "wb") as output:
            child = subprocess.Popen(self.script(block, name), cwd=self.folder, env=self.environment,
                                     stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                     start_new_session=True)
        child.log = log
        self.running.append(child)
        if health:
            programs.wait_for(lambda: self.answers(child, health), timeout=180, what=health)
        return child

    @staticmethod
    def answers(child, health):
        assert child.poll() is None, child.log.read_text(encoding="utf-8", errors="replace")
        try:
            with urllib.request.urlopen(health, timeout=10) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def health(self, port):
        """Of a service's private listener, which comes last."""
        return f"http://{self.address(port)}/api/health"

    def interrupt(self, child):
        """Ctrl-C; the exit code, and all that the terminal showed."""
        os.killpg(child.pid, signal.SIGINT)
        code = child.wait(60)
        return code, child.log.read_text(encoding="utf-8", errors="replace")

    def close(self):
        for child in self.running:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def first_id(text):
    return re.search(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", text).group()
