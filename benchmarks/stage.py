"""What contestants stand on: servers that are started once a workload, programs, databases."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import time

from support import postgres, programs
from support.client import NO_ANSWER
from support.ports import free_port
from support.s3 import StandIn

ROOT = programs.ROOT
BUILD = programs.build_folder().parents[1]
NODE = BUILD / "node"

# Whoever runs on it gets the same server: durable commits, and room for the whole of a workload.
POSTGRES = {"fsync": "on", "synchronous_commit": "on", "shared_buffers": "1GB",
            "max_wal_size": "8GB", "checkpoint_timeout": "30min", "max_connections": "120",
            "maintenance_work_mem": "512MB", "wal_compression": "off"}


class Stage:
    """The servers of one workload, and where its files are. Ended by `close`."""

    def __init__(self, folder, options):
        self.folder = pathlib.Path(folder)
        self.quick, self.long = options.quick, options.long
        self.stack = contextlib.ExitStack()
        self.made = {}
        self.numbers = 0

    def close(self):
        self.stack.close()

    def size(self, full, quick):
        return quick if self.quick else full

    def new_folder(self, name):
        self.numbers += 1
        folder = self.folder / f"{name}-{self.numbers}"
        folder.mkdir()
        return folder

    def once(self, name, make):
        if name not in self.made:
            self.made[name] = make()
        return self.made[name]

    def postgres(self):
        """PostgreSQL 15, for all contestants of the workload."""
        def start():
            server = postgres.Server(self.new_folder("postgres"), **POSTGRES)
            self.stack.callback(server.remove)
            return server
        return self.once("postgres", start)

    def s3d(self, latency_ms=20, name=""):
        """The stand-in for S3, answering after so many milliseconds."""
        def start():
            faults = ["--fault", f"latency,ms={latency_ms}"] if latency_ms else []
            standin = StandIn(self.new_folder("s3d"), *faults)
            self.stack.callback(standin.stop)
            return standin
        return self.once(f"s3d {latency_ms} {name}", start)

    def redis(self):
        """Redis, each write on disk within a second: what BullMQ's documentation asks for."""
        def start():
            folder, port = self.new_folder("redis"), free_port()
            server = programs.Process(
                ["redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", folder,
                 "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
                 "--maxmemory-policy", "noeviction"], folder / "stderr")
            self.stack.callback(server.stop)
            programs.wait_for(lambda: answers(port), what="Redis")
            return port
        return self.once("redis", start)

    def service(self, **options):
        """users-service on a database; see Service."""
        return Service(self.new_folder("service"), **options)


def answers(port):
    import socket
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def children_end(process):
    """Ends a program that was started in a session of its own, with all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 15)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()


def node_command(script, *arguments):
    """What runs a script of peers/node, beside the packages that it imports; its environment."""
    for source in (ROOT / "benchmarks/peers/node").glob("*.mjs"):
        shutil.copy(source, NODE)
    return ([NODE / "node_modules/node/bin/node", NODE / script, *map(str, arguments)],
            {**os.environ, "NODE_ENV": "production", "NODE_PATH": str(NODE / "node_modules"),
             "DO_NOT_TRACK": "1"})


def run_node(script, *arguments, timeout=600):
    """Runs a script of peers/node to its end; the object on its last line."""
    command, environment = node_command(script, *arguments)
    done = subprocess.run(command, env=environment, cwd=NODE,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=timeout, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{script} ended with {done.returncode}\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


class Service:
    """users-service as users run it: released, with its sandbox."""

    def __init__(self, folder, environment=None, token="a-token-for-measurements", **options):
        self.folder = folder
        self.token = token
        token_file = folder / "token"
        token_file.write_text(token + "\n")
        token_file.chmod(0o600)
        self.environment = environment or {}
        self.options = {"token_file": token_file, "log_level": "warning", **options}
        self.process = None

    def start(self):
        self.port, self.private_port = free_port(), free_port()
        options = {**self.options, "listen": f"127.0.0.1:{self.port}",
                   "private_listen": f"127.0.0.1:{self.private_port}"}
        arguments = [part for name, value in options.items() if value is not None
                     for part in (f"--{name.replace('_', '-')}", str(value))]
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("AWS_", "USERS_"))}
        self.begun = time.monotonic()
        self.process = programs.Process(
            [programs.program("users-service"), *arguments], self.folder / "stderr",
            {**kept, "HOME": str(self.folder), "AWS_EC2_METADATA_DISABLED": "true",
             **self.environment})
        return self

    def wait_until_alive(self):
        def alive():
            if not self.process.is_running():
                raise RuntimeError(self.process.complaint())
            return answers(self.port)
        programs.wait_for(alive, what="users-service", every=0.001)
        return self

    def call(self, method, path, private=False, timeout=60):
        """Status and parsed body."""
        import http.client
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.private_port if private else self.port, timeout=timeout)
        try:
            connection.request(method, path, headers={"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, json.loads(body) if body.startswith(b"{") else body.decode()
        finally:
            connection.close()

    def metric(self, name):
        """The sum of a metric's series."""
        _, text = self.call("GET", "/metrics", private=True)
        return sum(float(value) for value in
                   re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE))

    def wait_until_ready(self):
        def ready():
            try:
                return self.call("GET", "/api/ready")[0] == 200
            except NO_ANSWER:
                return False
        programs.wait_for(ready, what="users-service to be ready")
        return self

    def memory(self):
        """Private (RssAnon) and resident memory, in MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return tuple(int(re.search(rf"{name}:\s+(\d+)", status).group(1)) / 1024
                     for name in ("RssAnon", "VmRSS"))

    def sweeps(self):
        """How often a job has called, by what the service logs: it listens with TLS, too."""
        log = self.folder / "stderr"
        return log.read_text().count("sweep finished") if log.exists() else 0

    def processor_seconds(self):
        """User and system time of the process, in seconds."""
        return processor_seconds(self.process.pid)

    def stop(self):
        code = self.process.stop()
        if code != 0:
            raise RuntimeError(f"users-service ended with {code}\n{self.process.complaint()}")

    def end(self):
        if self.process and self.process.is_running():
            self.stop()


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

