"""What fallback-job gives up before it calls anybody, and that it works all the same."""
import json
import pathlib
import signal

from support import kernel, programs
from support.job_cases import (  # noqa: F401
    environment, event, events, expect, job, server, token_file)
from support.ports import free_port


def states(process, field):
    return {line.split()[1] for status in pathlib.Path(f"/proc/{process.pid}/task").glob("*/status")
            for line in status.read_text().splitlines() if line.startswith(field + ":")}


def started(job, *more):  # noqa: F811
    process = job.start(*more, once=False)
    programs.wait_for(lambda: "healthy" in process.complaint() or not process.is_running(),
                      what="the service to be healthy")
    assert process.is_running(), process.complaint()
    return process


def has_landlock():
    return kernel.landlock_abi() >= 2 and not kernel.is_sanitized(programs.program("fallback-job"))


def test_every_thread_is_in_it(job):  # noqa: F811
    process = started(job, "--listen", f"127.0.0.1:{free_port()}")
    assert states(process, "Seccomp") == {"2"}
    assert process.stop() == 0
    assert event(process, "sandbox")["landlock"] == ("on" if has_landlock() else "unsupported")


def test_it_can_be_switched_off(job):  # noqa: F811
    process = started(job, "--sandbox", "off")
    assert states(process, "Seccomp") == {"0"}
    assert process.stop() == 0


def jobs_file(path, server, token_file, **more):  # noqa: F811
    lines = {"health": server.url("/health"), "fallback": server.url("/fallback"),
             "schedule": "@every 1s", "token-file": token_file, **more}
    path.write_text("[one]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items()))


def test_the_state_is_written_and_nothing_else(job, server, token_file, tmp_path):  # noqa: F811
    """A folder that is named only after the start is not one of those that it kept."""
    for name in ("kept", "other"):
        (tmp_path / name).mkdir()
    config, kept, other = (tmp_path / name for name in ("jobs.ini", "kept/state", "other/state"))
    jobs_file(config, server, token_file, state=kept)
    process = job.start_with("run", "--config", config)
    programs.wait_for(kept.exists, what="the state to be written")
    jobs_file(config, server, token_file, state=other)
    process.child.send_signal(signal.SIGHUP)
    if has_landlock():
        programs.wait_for(lambda: "state not saved" in process.complaint(), what="a run")
        assert not other.exists()
    else:
        programs.wait_for(other.exists, what="the state to be written")
    assert process.stop() == 0
    assert json.loads(kept.read_text())["jobs"]


def test_a_job_that_starts_programs_runs_without(job):  # noqa: F811
    done = job.run("--alert-command", "/bin/true")
    expect(done, 0)
    assert "alert command" in event(done, "no sandbox")["reason"]


def test_a_job_that_starts_programs_cannot_have_it_required(job):  # noqa: F811
    expect(job.run("--alert-command", "/bin/true", "--sandbox", "required"), 78,
           "--sandbox required")


def test_jobs_read_again_cannot_start_programs_in_it(job, server, token_file,  # noqa: F811
                                                     tmp_path):
    config = tmp_path / "jobs.ini"
    jobs_file(config, server, token_file)
    process = job.start_with("run", "--config", config)
    programs.wait_for(lambda: "sandbox" in process.complaint(), what="a start")
    jobs_file(config, server, token_file, **{"alert-command": "/bin/true"})
    process.child.send_signal(signal.SIGHUP)
    programs.wait_for(lambda: "jobs not read again" in process.complaint(),
                      what="the file to be read")
    assert "needs a new start" in event(process, "jobs not read again")["reason"]
    assert process.stop() == 0


def test_it_leaves_no_core_dump(job):  # noqa: F811
    process = started(job)
    limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
    assert limits.split("Max core file size")[1].split()[:2] == ["0", "0"]
    assert process.stop() == 0
    assert not [line for line in events(process) if line["level"] == "error"]
