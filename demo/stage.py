"""The programs that the demo is played with, in a folder of its own that is gone afterwards."""
import http.client
import json
import pathlib
import secrets
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time

BUCKET = "pictures"
START_SECONDS = 20


class Trouble(Exception):
    """The demo cannot go on; the message says why."""


def wait_for(question, what):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.02)
    raise Trouble(f"waited {START_SECONDS} s in vain for {what}")


class Caller:
    """HTTP calls to one listener; a connection for each thread, kept."""

    def __init__(self, address, token=None):
        self.address = address
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.local = threading.local()

    def call(self, method, path, body=None, content_type=None):
        """Status and body."""
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = http.client.HTTPConnection(self.address, timeout=30)
            self.local.connection = connection
        headers = {**self.headers, **({"Content-Type": content_type} if content_type else {})}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def json(self, method, path, *more):
        status, body = self.call(method, path, *more)
        return status, json.loads(body)


class Storage:
    """S3, as the stand-in plays it; can be switched off and on."""

    def __init__(self, program, folder):
        port_file = folder / "port"
        self.process = subprocess.Popen(
            [program, "--port-file", port_file, "--bucket", BUCKET, "--fault", "latency,ms=20"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_for(lambda: port_file.exists() or self.process.poll() is not None, "the storage")
        if self.process.poll() is not None:
            raise Trouble("the storage did not start")
        self.address = f"127.0.0.1:{port_file.read_text().strip()}"
        self.caller = Caller(self.address)

    def control(self, method, path, body=None):
        status, answer = self.caller.json(method, f"/_control/{path}", body)
        if status != 200:
            raise Trouble(f"the storage refuses: {answer}")
        return answer

    def switch_off(self):
        self.control("POST", "faults", "off")

    def switch_on(self):
        """As slow as a storage far away, so that the work is seen going on."""
        self.control("DELETE", "faults")
        self.control("POST", "faults", "latency,ms=100")

    def count(self, prefix):
        return self.control("GET", f"objects?bucket={BUCKET}&prefix={prefix}")["count"]


class Service:
    """users-service on SQLite and the storage, its own timer switched off."""

    def __init__(self, program, folder, storage):
        self.database = folder / "users.db"
        self.log = folder / "users-service.log"
        self.token_file = folder / "token"
        token = secrets.token_urlsafe(24)
        self.token_file.touch(mode=0o600)
        self.token_file.write_text(token + "\n")
        self.process = self.start(program, storage)
        wait_for(self.is_ready, "users-service")
        self.public = Caller(self.address_of("public API"))
        self.private_address = self.address_of("private API")
        self.private = Caller(self.private_address, token)

    def start(self, program, storage):
        files = (f"s3://{BUCKET}/?region=us-east-1&path-style=on"
                 f"&endpoint=http://{storage.address}")
        options = {"listen": "127.0.0.1:0", "private-listen": "127.0.0.1:0",
                   "database": f"sqlite:{self.database}", "files": files,
                   "token-file": self.token_file, "timer": "off", "delete-wait": "1s",
                   "page-keys": 10, "pages": 1}
        environment = {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo"}
        with open(self.log, "wb") as log:
            return subprocess.Popen(
                [program, *(f"--{name}={value}" for name, value in options.items())],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)

    def events(self):
        for line in self.log.read_text().splitlines():
            if line.startswith("{"):
                yield json.loads(line)

    def is_ready(self):
        if self.process.poll() is not None:
            raise Trouble("users-service did not start:\n" + self.log.read_text())
        return any(event["event"] == "ready" for event in self.events())

    def address_of(self, listener):
        return next(event["address"] for event in self.events() if event["event"] == listener)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def count_receipts(self):
        """What the database says, once the service has stopped."""
        with sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True) as connection:
            return connection.execute("SELECT count(*) FROM user_receipts").fetchone()[0]


class Stage:
    """All of it; a context manager that leaves nothing behind."""

    def __init__(self, build):
        self.build = pathlib.Path(build).resolve()
        self.storage = self.service = None

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fallback-demo-"))
        try:
            self.storage = Storage(self.build / "tests/s3d/s3d", self.folder)
            self.service = Service(self.build / "users-service", self.folder, self.storage)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for part in (self.service, self.storage):
            if part and part.process.poll() is None:
                part.process.terminate()
                part.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run_job(self, stderr):
        """fallback-job, once; its exit code."""
        private = f"http://{self.service.private_address}/api"
        return subprocess.run(
            [self.build / "fallback-job", "run", "--once", "--health", f"{private}/health",
             "--fallback", f"{private}/users/fallback", "--sweep-limit", "10", "--log-level", "warning",
             "--token-file", self.service.token_file],
            stdin=subprocess.DEVNULL, stderr=stderr, check=False).returncode
