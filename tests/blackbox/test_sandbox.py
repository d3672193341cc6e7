"""What the programs give up before they serve, and that they serve all the same."""
import os
import pathlib
import signal
import subprocess

import pytest

from support import kernel, programs
from support.client import Client
from support.ports import free_port

ABI_NEWEST = 6
# The first that knows TCP ports.
ABI_TCP = 4
OTHER = "another-token-of-twenty-four"


def has_landlock():
    return kernel.landlock_abi() >= 2 and not kernel.is_sanitized(programs.program("users-service"))


class Probe:
    def __init__(self, folder):
        self.readable, self.writable, self.other = (folder / name for name in "rwo")
        for path in (self.readable, self.writable, self.other):
            path.mkdir()
            (path / "file").write_text("text")

    def run(self, act, argument="", abi=ABI_NEWEST, port=1):
        """Exit code (or the signal, as a negative number) and what it says."""
        ended = subprocess.run(
            [programs.program("sandbox-probe"), str(abi), self.readable, self.writable, str(port),
             act, str(argument)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=20, check=False)
        return ended.returncode, ended.stdout.strip()

    def says(self, act, argument="", **options):
        code, said = self.run(act, argument, **options)
        assert code == 0, (act, code, said)
        return said


@pytest.fixture
def probe(tmp_path):
    (tmp_path / "probe").mkdir()
    return Probe(tmp_path / "probe")


@pytest.mark.parametrize("act", ["execute", "mount", "setuid", "raw-socket", "packets", "bpf",
                                 "io-uring", "trace"])
def test_what_only_an_intruder_does_ends_the_process(probe, act):
    """But sanitizers trace, to look for leaks."""
    if act == "trace" and kernel.is_sanitized(programs.program("sandbox-probe")):
        assert probe.says(act) == "ESRCH"
    else:
        assert probe.run(act, "/bin/true") == (-signal.SIGSYS, "")


@pytest.mark.parametrize("act", ["fork", "write-code", "bless-code", "signal", "dumpable",
                                 "listen", "bluetooth", "typing"])
def test_what_a_service_never_needs_is_not_there(probe, act):
    """Sanitizers need some of it; then it is left to them."""
    lenient = {"fork", "write-code", "bless-code", "signal", "dumpable"}
    if act in lenient and kernel.is_sanitized(programs.program("sandbox-probe")):
        assert probe.says(act) == "done"
    else:
        assert probe.says(act) == "ENOSYS"


def test_threads_and_the_programs_own_end_are_left(probe):
    assert probe.says("thread") == "done"
    assert probe.run("abort")[0] == -signal.SIGABRT


@pytest.mark.parametrize("abi", range(2, ABI_NEWEST + 1))
def test_files_are_those_that_were_named(probe, abi):
    refused = "EACCES" if has_landlock() and kernel.landlock_abi() >= abi else "done"
    assert probe.says("read", probe.readable / "file", abi=abi) == "done"
    assert probe.says("write", probe.writable / "file", abi=abi) == "done"
    assert probe.says("move", probe.writable, abi=abi) == "done"
    assert probe.says("read", probe.other / "file", abi=abi) == refused
    assert probe.says("write", probe.other / "file", abi=abi) == refused
    assert probe.says("write", probe.readable / "file", abi=abi) == refused


@pytest.mark.parametrize("abi", (ABI_TCP - 1, ABI_TCP, ABI_NEWEST))
def test_tcp_goes_to_the_port_that_was_named(probe, abi):
    holds = has_landlock() and kernel.landlock_abi() >= abi >= ABI_TCP
    port = free_port()
    assert probe.says("connect", port, port=port, abi=abi) == "ECONNREFUSED"
    assert probe.says("connect", port, port=port + 1, abi=abi) == ("EACCES" if holds
                                                                   else "ECONNREFUSED")
    assert probe.says("bind", 0, abi=abi) == ("EACCES" if holds else "done")


def test_nothing_of_memory_can_be_dumped(probe):
    said = dict(word.split("=") for word in probe.says("report").split())
    assert said["dumpable"] == "0" and said["cores"] == "0"
    assert said["seccomp"] == "on"
    assert said["landlock"] == ("on" if has_landlock() else "unsupported")


def limit_of_cores(process):
    limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
    return [line for line in limits.splitlines() if line.startswith("Max core file")][0].split()[4:6]


def states(process, field):
    """The values of a field of /proc/…/status over all threads."""
    return {line.split()[1] for status in pathlib.Path(f"/proc/{process.pid}/task").glob("*/status")
            for line in status.read_text().splitlines() if line.startswith(field + ":")}


def test_every_thread_of_the_service_is_in_it(service):
    users = service()
    users.create_with_avatar()
    assert states(users.process, "Seccomp") == {"2"}
    assert states(users.process, "NoNewPrivs") == {"1"}
    assert limit_of_cores(users.process) == ["0", "0"]


def test_ready_says_what_holds(service):
    said = service().wait_until_ready().public.get("/api/ready").data["sandbox"]
    abi = min(kernel.landlock_abi(), ABI_NEWEST) if has_landlock() else 0
    assert said == {"seccomp": "on", "landlock": "on" if abi else "unsupported",
                    "landlockAbi": abi, "tcp": abi >= ABI_TCP}


def test_it_can_be_switched_off(service):
    users = service(sandbox="off").wait_until_ready()
    assert states(users.process, "Seccomp") == {"0"}
    assert users.public.get("/api/ready").data["sandbox"] == {
        "seccomp": "off", "landlock": "off", "landlockAbi": 0, "tcp": False}


def test_developers_can_have_core_dumps(service):
    one = service(start=False)
    one.port = free_port()
    child = programs.Process(
        [programs.program("users-service"), "--core-dumps",
         *one.arguments(listen=f"127.0.0.1:{one.port}",
                        private_listen=f"127.0.0.1:{free_port()}")],
        one.errors, one.child_environment())
    try:
        programs.wait_for(lambda: '"ready"' in one.log(), what="a start")
        assert limit_of_cores(child) == pathlib.Path("/proc/self/limits").read_text().split(
            "Max core file size")[1].split()[:2]
    finally:
        assert child.stop() == 0


@pytest.mark.parametrize("sandbox", ["on", "off"])
def test_a_link_does_not_lead_out_of_it(service, tmp_path, sandbox):
    """The token file is read again, but not from a folder that it was never in."""
    users = service(sandbox=sandbox)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "token").write_text(OTHER + "\n")
    (elsewhere / "token").chmod(0o600)
    os.symlink(elsewhere / "token", tmp_path / "link")
    os.replace(tmp_path / "link", users.token_file)
    other = Client(users.private_port, OTHER)
    if sandbox == "on" and has_landlock():
        users.wait_for(lambda: users.private.get("/api/status").status == 200
                       and "kept as they were" in users.log(), what="the file to be looked at")
        assert other.get("/api/status").status == 401
    else:
        users.wait_for(lambda: other.get("/api/status").status == 200, what="the new token")


def test_a_store_that_is_not_there_yet_is_made(service, tmp_path):
    users = service(files=f"file://{tmp_path}/new%20store")
    users.create_with_avatar()
    assert list((tmp_path / "new store" / "avatars").iterdir())


def test_names_are_looked_up(service, s3d):
    """The provider's host is a name, which the C library asks several files and sockets about."""
    users = service(files=s3d.url().replace("127.0.0.1", "localhost"),
                    environment=s3d.environment)
    assert users.create_with_avatar()["avatar"]


def run_without_landlock(one, sandbox):
    return subprocess.Popen(
        [programs.program("users-service"),
         *one.arguments(listen=f"127.0.0.1:{free_port()}",
                        private_listen=f"127.0.0.1:{free_port()}", sandbox=sandbox)],
        env=one.child_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=open(one.errors, "ab"), preexec_fn=kernel.without_landlock)


def test_a_kernel_without_landlock_is_no_hindrance(service):
    one = service(start=False)
    child = run_without_landlock(one, "on")
    try:
        programs.wait_for(lambda: '"ready"' in one.log() or child.poll() is not None,
                          what="a start")
        assert child.poll() is None, one.log()
        assert '"landlock":"unsupported"' in one.log()
    finally:
        child.terminate()
        assert child.wait(20) == 0


def test_a_kernel_without_landlock_is_refused_if_it_was_required(service):
    one = service(start=False)
    assert run_without_landlock(one, "required").wait(20) == 69
    assert "--sandbox required" in one.log()


def test_a_whole_sandbox_can_be_required(service):
    one = service(start=False, sandbox="required")
    if has_landlock():
        one.start().create_with_avatar()
    else:
        ended = one.run()
        assert ended.returncode == 69 and "--sandbox required" in ended.stderr
