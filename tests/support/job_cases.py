"""What the tests of fallback-job share: a scripted server, the program beside it, and its log."""
import json
import subprocess

import pytest

from . import job as job_program
from . import programs
from .scripted_server import Reply, ScriptedServer

TOKEN = "t0ken-that-nobody-may-see"
DONE = {"attempted": 0, "deleted": 0, "failed": 0, "blocked": 0, "remaining": 0, "scheduled": 0,
        "more": False, "cursor": None, "oldestPendingSeconds": 0, "nextDueAt": None,
        "breaker": "closed"}


def swept(**changes):
    return {"status": "ok", "data": {**DONE, **changes}}


def progress(**counts):
    return {"progress": {"attempted": 0, "deleted": 0, "failed": 0, "blocked": 0, "remaining": 0,
                         **counts}}


@pytest.fixture
def server():
    one = ScriptedServer()
    one.on("GET", "/health", Reply(200, {"message": "I'm Alive"}))
    one.on("DELETE", "/fallback", Reply(200, swept()))
    yield one
    one.close()


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def environment():
    return job_program.environment()


class Job:
    """Runs fallback-job against the server; what it writes is checked for the token each time."""

    def __init__(self, server, token_file, environment, folder):
        self.server, self.token_file, self.environment = server, token_file, environment
        self.folder = folder

    def arguments(self, *more, schedule="* * * * *", once=True):
        return [programs.program("fallback-job"), "run", "--health", self.server.url("/health"),
                "--fallback", self.server.url("/fallback"), "--token-file", str(self.token_file),
                *(["--once"] if once else ["--schedule", schedule]),
                "--startup-timeout", "1s", *more]

    def run(self, *more, timeout=30, environment=None, **options):
        done = subprocess.run(self.arguments(*more, **options), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout, check=False,
                              env={**self.environment, **(environment or {})})
        assert TOKEN not in done.stdout + done.stderr
        assert done.stdout == ""
        return done

    def start(self, *more, **options):
        return programs.Process(self.arguments(*more, **options), self.folder / "errors",
                                self.environment)

    def start_with(self, *arguments):
        """Runs with these arguments only."""
        return programs.Process([programs.program("fallback-job"), *map(str, arguments)],
                                self.folder / "errors", self.environment)

    def words(self, *arguments, timeout=30):
        """Runs with these arguments only, to the end."""
        done = subprocess.run([programs.program("fallback-job"), *map(str, arguments)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout, check=False, env=self.environment)
        assert TOKEN not in done.stdout + done.stderr
        return done


@pytest.fixture
def job(server, token_file, environment, tmp_path):
    return Job(server, token_file, environment, tmp_path)


def events(done):
    """Every line of the log, which must all be JSON."""
    text = done.stderr if isinstance(done.stderr, str) else done.stderr.read_text()
    return [json.loads(line) for line in text.splitlines()]


def event(done, name):
    found = [line for line in events(done) if line["event"] == name]
    assert found, f"no \"{name}\" in {done.stderr}"
    return found[-1]


def expect(done, code, reason=None):
    assert done.returncode == code, done.stderr
    if reason:
        failed = event(done, "job failed")
        assert failed["exit"] == code
        assert reason in failed["reason"]
