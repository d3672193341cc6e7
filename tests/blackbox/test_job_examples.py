"""The small services in examples/ keep the contract, and fallback-job heals them."""
import json
import shutil
import subprocess
import urllib.error
import urllib.request

import pytest

from support import programs
from support.job_cases import environment, token_file  # noqa: F401

EXAMPLES = programs.ROOT / "examples"


@pytest.fixture(scope="session")
def go_program(tmp_path_factory):
    if not shutil.which("go"):
        pytest.skip("go (Debian's golang-go package) is not installed")
    folder = tmp_path_factory.mktemp("go")
    subprocess.run(["go", "build", "-o", folder / "service", "."], cwd=EXAMPLES / "go", check=True,
                   timeout=300, env={"PATH": "/usr/bin:/bin", "GOCACHE": str(folder / "cache"),
                                     "HOME": str(folder), "GOFLAGS": "-mod=mod", "GOPROXY": "off"})
    return folder / "service"


class Service:
    """An example at work; `files` may be taken away from it."""

    def __init__(self, command, folder, token_file, environment):
        self.folder, self.files, self.token_file = folder, folder / "files", token_file
        self.environment = environment
        for name in ("files", "data"):
            (folder / name).mkdir()
        self.command = [*command, "--data", folder / "data", "--files", self.files, "--token-file",
                        token_file, "--public", "127.0.0.1:0", "--private", "127.0.0.1:0"]
        self.start()

    def start(self):
        self.child = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        _, self.public, _, self.private = self.child.stdout.readline().split()

    def stop(self):
        self.child.kill()
        self.child.wait(20)
        self.child.stdout.close()

    def ask(self, method, path, data=None, headers=None, private=False):
        request = urllib.request.Request(f"http://{self.private if private else self.public}{path}",
                                         data=data, headers=headers or {}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def flags(self):
        return ["--health", f"http://{self.private}/health", "--fallback",
                f"http://{self.private}/fallback", "--token-file", str(self.token_file)]

    def job(self, *arguments):
        return subprocess.run([programs.program("fallback-job"), *arguments], text=True, check=False,
                              capture_output=True, timeout=60, env=self.environment)

    def objects(self):
        return [path for path in self.files.iterdir() if path.name != ".store"]


def command_of(language, request):
    if language == "python":
        return ["/usr/bin/python3", EXAMPLES / "python" / "service.py"]
    if language == "go":
        return [request.getfixturevalue("go_program")]
    if not shutil.which("node"):
        pytest.skip("node (Debian's nodejs package) is not installed")
    return ["node", EXAMPLES / "node" / "service.mjs"]


@pytest.fixture(params=["python", "node", "go"])
def service(request, tmp_path, token_file, environment):
    one = Service(command_of(request.param, request), tmp_path, token_file, environment)
    yield one
    one.stop()


def test_keeps_the_contract(service):
    service.ask("PUT", "/notes/a", b"x")
    done = service.job("check", "--contract", *service.flags(), "--schedule", "@daily")
    assert done.returncode == 0, done.stdout + done.stderr
    assert service.ask("GET", "/notes/a") == (200, b"x")


def test_normal_days_leave_nothing_to_the_job(service):
    assert service.ask("PUT", "/notes/a", b"one")[0] == 201
    assert service.ask("PUT", "/notes/a", b"two")[0] == 201
    assert service.ask("GET", "/notes/a") == (200, b"two")
    assert len(service.objects()) == 1
    assert service.ask("DELETE", "/notes/a")[0] == 200
    assert service.ask("DELETE", "/notes/a")[0] == 404
    assert service.objects() == []


def test_is_healed_after_an_outage_of_its_files(service):
    for i in range(7):
        assert service.ask("PUT", f"/notes/n{i}", b"x" * 100)[0] == 201
    away = service.folder / "away"
    service.files.rename(away)
    for i in range(5):
        status, body = service.ask("DELETE", f"/notes/n{i}")
        assert status == 202 and json.loads(body)["data"]["state"] == "pending"
        assert service.ask("GET", f"/notes/n{i}")[0] == 404
    # While the store is away the job says so.
    done = service.job("run", "--once", *service.flags())
    assert done.returncode == 70 and "no progress: 5 failed" in done.stderr
    away.rename(service.files)
    assert len(service.objects()) == 7
    done = service.job("run", "--once", "--sweep-limit", "2", *service.flags())
    assert done.returncode == 0, done.stderr
    finished = [json.loads(line) for line in done.stderr.splitlines()
                if '"run finished"' in line][0]
    assert (finished["deleted"], finished["remaining"], finished["attempts"]) == (5, 0, 3)
    assert len(service.objects()) == 2
    assert service.ask("GET", "/notes/n6")[0] == 200


def test_a_crash_forgets_nothing(service):
    assert service.ask("PUT", "/notes/a", b"x")[0] == 201
    away = service.folder / "away"
    service.files.rename(away)
    assert service.ask("DELETE", "/notes/a")[0] == 202
    service.stop()
    away.rename(service.files)
    service.start()
    assert len(service.objects()) == 1
    done = service.job("run", "--once", *service.flags())
    assert done.returncode == 0, done.stderr
    assert service.objects() == []


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=10001", "timeout=soon"])
def test_refuses_what_is_out_of_bounds(service, query):
    token = {"Authorization": f"Bearer {service.token_file.read_text().strip()}"}
    assert service.ask("DELETE", f"/fallback?{query}", headers=token, private=True)[0] == 400
    assert service.ask("DELETE", "/fallback", private=True)[0] == 401
    assert service.ask("DELETE", "/fallback", headers=token)[0] in (404, 405)  # not in public
