"""Where the programs under test are, and how one is started, watched and ended."""
import os
import pathlib
import signal
import subprocess
import time

from . import disclosure

ROOT = pathlib.Path(__file__).resolve().parents[2]


def build_folder():
    """The folder with users-service and fallback-job: BUILD, or the build made last."""
    given = os.environ.get("BUILD")
    if given:
        return pathlib.Path(given).resolve()
    builds = sorted(ROOT.glob("build*/src/programs/users-service"),
                    key=lambda path: path.stat().st_mtime)
    if not builds:
        raise LookupError("no build found: set BUILD to the folder with the two programs")
    return builds[-1].parent


def program(name):
    """The path of a program: <NAME>_PROGRAM, or found beside the two or in the build's tests."""
    given = os.environ.get(name.replace("-", "_").upper() + "_PROGRAM")
    if given:
        return given
    build = build_folder()
    for path in (build / name, build.parents[1] / "tests" / name / name):
        if path.exists():
            return str(path)
    raise LookupError(f"{name} is not in {build}")


def wait_for(question, timeout=20, what="it", every=0.02):
    """Asks until the answer is true and returns it; fails after `timeout` seconds."""
    end = time.monotonic() + timeout
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < end, f"waited {timeout} s for {what}"
        time.sleep(every)


class Process:
    """A program that runs in the background; its standard error goes to a file."""

    def __init__(self, arguments, stderr, environment=None, stdout=subprocess.DEVNULL):
        self.arguments = [str(argument) for argument in arguments]
        self.stderr = pathlib.Path(stderr)
        disclosure.note_program(self.arguments, self.stderr)
        with open(self.stderr, "ab") as errors:
            self.child = subprocess.Popen(self.arguments, stdout=stdout, stderr=errors,
                                          stdin=subprocess.DEVNULL, env=environment)

    @property
    def pid(self):
        return self.child.pid

    def is_running(self):
        return self.child.poll() is None

    def ends(self, timeout=20):
        """Waits until it ends by itself and returns the exit code."""
        return self.child.wait(timeout)

    def stop(self, timeout=20):
        """Asks it to end (SIGTERM) and returns the exit code."""
        if self.is_running():
            self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.arguments[0]} did not stop in {timeout} s\n"
                                 + self.complaint())

    def kill(self):
        if self.is_running():
            self.child.kill()
        return self.child.wait()

    def pause(self):
        self.child.send_signal(signal.SIGSTOP)

    def resume(self):
        self.child.send_signal(signal.SIGCONT)

    def complaint(self, lines=30):
        """The end of what it wrote to standard error."""
        return "\n".join(self.stderr.read_text(errors="replace").splitlines()[-lines:])
