"""What the programs tell the supervisor that started them, from inside their sandboxes."""
import json
import secrets

import pytest

from support import kernel, programs
from support.job_cases import environment, job, server, token_file  # noqa: F401
from support.supervisor import Held, Supervisor, threads
from test_restored import erased, restore  # noqa: F401

# So that signs of life come every half second.
WATCHDOG_S = 2


@pytest.fixture(params=["path", "abstract"])
def supervisor(request, tmp_path):
    """Both kinds of socket: a sandbox may shut off the one and not the other."""
    address = (str(tmp_path / "notify") if request.param == "path"
               else f"@notify-{secrets.token_hex(8)}")
    one = Supervisor(address, WATCHDOG_S)
    yield one
    one.close()


def sandbox(program):
    """All of it, where this kernel and this build have all of it."""
    whole = kernel.landlock_abi() >= 2 and not kernel.is_sanitized(programs.program(program))
    return "required" if whole else "on"


def started(service, supervisor, **options):
    one = service(start=False, sandbox=sandbox("users-service"), **options)
    one.environment = supervisor.environment
    return one.start()


def logged(service, event):
    """The last whole line of its log about this; None: there is none."""
    lines = service.errors.read_text().splitlines(keepends=True)
    found = [json.loads(line) for line in lines if line.endswith("\n") and event in line]
    return found[-1] if found else None


def test_the_service_says_when_it_serves_lives_and_ends(service, supervisor):
    one = started(service, supervisor, startup_timeout="10s", stop_timeout="5s")
    heard = supervisor.hears_until("READY=1")
    assert heard == ["EXTEND_TIMEOUT_USEC=100000000", "READY=1"]
    assert one.public.get("/api/ready").status == 200
    for _ in range(3):
        assert supervisor.hears() == "WATCHDOG=1"
    one.stop()
    heard = supervisor.hears_until("STOPPING=1")
    assert set(heard[:-1]) <= {"WATCHDOG=1"}
    assert supervisor.hears() == "EXTEND_TIMEOUT_USEC=25000000"


def test_a_service_that_does_not_start_is_never_ready(service, supervisor):
    one = service(start=False, files="file:///nowhere/at/all")
    one.environment = supervisor.environment
    assert one.run().returncode == 78
    assert supervisor.hears() == "EXTEND_TIMEOUT_USEC=120000000"
    assert supervisor.hears_nothing(0.1)


@pytest.mark.sqlite
def test_erasing_again_after_a_restore_may_take_as_long_as_it_does(erased, supervisor):  # noqa: F811
    """Each sign gives the start two minutes more, and says how far it is."""
    restore(erased, erased.backup)
    erased.environment = supervisor.environment
    erased.start(restored=erased.export)
    heard = supervisor.hears_until("READY=1")
    records = len(erased.export.read_text().splitlines()) - 2
    records -= erased.export.read_text().count('{"seal":')
    sign = "EXTEND_TIMEOUT_USEC=120000000\nSTATUS="
    assert sign + "verifying the export; receipts read: 0" in heard
    reading = heard.index(sign + "erasing again who was erased; receipts dealt with: 0")
    done = heard.index(sign + f"erasing again who was erased; receipts dealt with: {records}")
    assert 0 < reading < done
    assert heard[done + 1:] == ["STATUS=", "EXTEND_TIMEOUT_USEC=90000000", "READY=1"]


@pytest.mark.parametrize("supervisor", ["path"], indirect=True)
@pytest.mark.parametrize("name, place", [("engine", 0), ("http", 0), ("http", 1)])
def test_no_sign_of_life_while_a_thread_hangs(service, supervisor, name, place):
    one = service(start=False)
    one.environment = supervisor.environment
    # Only a process that may leave a core dump lets itself be traced by its own user.
    one.process = programs.Process(
        [programs.program("users-service"),
         *one.arguments(listen="127.0.0.1:0", private_listen="127.0.0.1:0"), "--core-dumps"],
        one.errors, one.child_environment())
    try:
        supervisor.hears_until("WATCHDOG=1")
        with Held(threads(one.process, name)[place]):
            line = programs.wait_for(lambda: logged(one, "no sign of life"), timeout=60,
                                     what="the service to see that a thread hangs")
            assert {part: line[part] for part in ("engine", "http")} == {
                part: "hangs" if part == name else "works" for part in ("engine", "http")}
            supervisor.forget()
            assert supervisor.hears_nothing(WATCHDOG_S)
        assert supervisor.hears() == "WATCHDOG=1"
    finally:
        code = one.process.stop()
    assert code == 0


def test_a_supervisor_that_cannot_be_told_is_no_reason_not_to_serve(service):
    one = service(start=False)
    one.environment = {"NOTIFY_SOCKET": str(one.folder / "nobody")}
    one.start()
    assert one.public.get("/api/ready").status == 200
    assert "NOTIFY_SOCKET" in logged(one, "the supervisor is not told")["reason"]


def test_the_job_says_when_it_works_lives_and_ends(job, supervisor):  # noqa: F811
    """Its next run is far away, and it lives all the same."""
    job.environment.update(supervisor.environment)
    process = job.start("--sandbox", sandbox("fallback-job"), schedule="0 0 29 2 *", once=False)
    assert supervisor.hears() == "READY=1"
    for _ in range(3):
        # The job looks up every half minute, sign or no sign.
        assert supervisor.hears(timeout=25) == "WATCHDOG=1"
    assert process.stop() == 0
    assert supervisor.hears_until("STOPPING=1")


def test_a_job_that_cannot_work_is_never_ready(job, supervisor, tmp_path):  # noqa: F811
    job.environment.update(supervisor.environment)
    process = job.start_with("run", "--config", tmp_path / "missing.ini")
    assert process.ends() == 78
    assert supervisor.hears_nothing(0.1)
