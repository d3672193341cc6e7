"""fallback-job with a file of jobs, what it remembers, and the words check and status."""
import json
import os
import pty
import re
import signal
import subprocess
import time

import pytest

from support import programs
from support.job_cases import (Job, TOKEN, environment, event, events, expect, job, server,  # noqa: F401
                               swept, token_file)
from support.scripted_server import Hang, Reply, ScriptedServer


@pytest.fixture
def write(tmp_path, server, token_file):
    """Writes the file of jobs: a section for each, with what the jobs share in [defaults]."""

    def to_file(**jobs):
        lines = ["[defaults]", f"token-file = {token_file}", f"health = {server.url('/health')}",
                 "startup-timeout = 1s"]
        for name, options in jobs.items():
            lines.append(f"[{name}]")
            lines += [f"{option.replace('_', '-')} = {value}" for option, value in
                      {"schedule": "* * * * * *", "fallback": server.url(f"/{name}"),
                       **options}.items()]
        path = tmp_path / "jobs.ini"
        path.write_text("\n".join(lines) + "\n")
        return path

    return to_file


def of_job(child, name, event_name="run finished"):
    return [line for line in events(child)
            if line["event"] == event_name and line.get("job") == name]


# Many jobs


def test_runs_every_job_of_a_file(job, server, write):
    server.on("DELETE", "/one", Reply(204)).on("POST", "/two", Reply(200, swept(deleted=3)))
    child = job.start_with("--config", write(one={}, two={"method": "POST"}))
    server.wait_asked("DELETE", 2)
    server.wait_asked("POST", 2)
    assert child.stop() == 0
    assert of_job(child, "one")[0]["outcome"] == "ok"
    assert of_job(child, "two")[0]["deleted"] == 3
    assert server.asked("POST")[0].headers["idempotency-key"].startswith("two/")


def test_a_failing_job_leaves_the_others_alone(job, server, write):
    server.on("DELETE", "/good", Reply(204)).on("DELETE", "/bad", Reply(500))
    server.on("DELETE", "/slow", Hang())
    child = job.start_with("--config", write(good={}, bad={}, slow={"call_timeout": "1s"}))
    programs.wait_for(lambda: len(of_job(child, "good")) > 2 and len(of_job(child, "bad")) > 2
                      and of_job(child, "slow"), what="all of them")
    assert child.stop() == 0
    assert {line["outcome"] for line in of_job(child, "good")} == {"ok"}
    assert {line["outcome"] for line in of_job(child, "bad")} == {"failed"}
    assert {line["outcome"] for line in of_job(child, "slow")} == {"timeout"}


def test_a_job_may_still_end_the_program(job, server, write):
    server.on("DELETE", "/good", Reply(204)).on("DELETE", "/bad", Reply(500))
    child = job.start_with("--config", write(good={}, bad={"fail_after": 2}))
    assert child.ends() == 70
    assert len(of_job(child, "bad")) == 2


def test_once_runs_each_job_once(job, server, write):
    server.on("DELETE", "/good", Reply(204)).on("DELETE", "/bad", Reply(500))
    child = job.start_with("--once", "--config", write(bad={}, good={}))
    assert child.ends() == 70
    assert len(server.asked("DELETE")) == 2


@pytest.mark.parametrize("text, words", [
    ("", ["no job"]), ("[a]\n", ["line 1"]), ("[a]\nretries = 1\n[b]\n# nothing\n", ["line 3"]),
    ("[a]\nretries = 1\n", ["job a", "missing"]), ("schedule = x\n", ["line 1"]),
    ("[a]\nnonsense\n", ["line 2"]), ("[a]\nno-such = 1\n", ["job a", "no-such"]),
    ("[a b]\nschedule = @daily\n", ["a b"]), ("[a]\nlisten = 127.0.0.1:1\n", ["listen"]),
    ("[a]\nschedule = 61 * * * *\nhealth = http://h/\nfallback = http://h/\ntoken-file = /none\n",
     ["job a", "column 1"]),
    ("[a]\nschedule = " + "1," * 200 + "\n", ["line 2", "longer"])])
def test_a_wrong_file_is_refused_with_its_place(job, tmp_path, text, words):
    path = tmp_path / "jobs.ini"
    path.write_text(text)
    for word in ("run", "check"):
        done = job.words(word, "--config", path)
        assert done.returncode in (64, 78), done.stderr
        for part in words:
            assert part in done.stderr


def test_a_file_and_flags_for_one_job_do_not_go_together(job, write):
    path = write(a={})
    assert job.words("--config", path, "--schedule", "@daily").returncode == 64
    job.environment["FALLBACK_JOB_CONFIG"] = str(path)
    assert job.words("--schedule", "@daily").returncode == 64
    assert job.words("check").returncode == 0


# SIGHUP


def test_hangup_reads_the_file_again(job, server, write):
    for name in ("kept", "gone", "new"):
        server.on("DELETE", f"/{name}", Reply(204))
    child = job.start_with("--config", write(kept={}, gone={}))
    programs.wait_for(lambda: of_job(child, "gone") and of_job(child, "kept"), what="both")
    write(kept={}, new={})
    child.child.send_signal(signal.SIGHUP)
    programs.wait_for(lambda: of_job(child, "new"), what="the new one")
    before = len(of_job(child, "gone"))
    count = len(of_job(child, "kept"))
    programs.wait_for(lambda: len(of_job(child, "kept")) > count + 1, what="the kept one")
    assert len(of_job(child, "gone")) == before
    assert len(of_job(child, "kept", "service is healthy")) == 1
    assert child.stop() == 0


def test_hangup_keeps_the_old_jobs_when_anything_is_wrong(job, server, write):
    server.on("DELETE", "/one", Reply(204))
    child = job.start_with("--config", write(one={}))
    programs.wait_for(lambda: of_job(child, "one"), what="a run")
    write(one={"retries": "many"}, two={})
    child.child.send_signal(signal.SIGHUP)
    programs.wait_for(lambda: "jobs not read again" in child.stderr.read_text(), what="a word")
    count = len(of_job(child, "one"))
    programs.wait_for(lambda: len(of_job(child, "one")) > count + 1, what="more runs")
    assert "retries" in event(child, "jobs not read again")["reason"]
    assert child.stop() == 0


def test_hangup_lets_a_run_end_before_the_job_changes(job, server, write):
    server.on("DELETE", "/one", Reply(204, delay=1.5), Reply(204))
    child = job.start_with("--config", write(one={}))
    server.wait_asked("DELETE")
    write(one={"method": "POST"})
    server.on("POST", "/one", Reply(204))
    child.child.send_signal(signal.SIGHUP)
    server.wait_asked("POST")
    assert len(server.asked("DELETE")) == 1
    assert child.stop() == 0
    assert {line["outcome"] for line in of_job(child, "one")} == {"ok"}


# What is remembered


def test_what_was_missed_is_caught_up_with_once(job, server, tmp_path):
    state = tmp_path / "state"
    state.write_text(json.dumps({"jobs": {"fallback": {"slot": "2026-01-01T00:00:00Z",
                                                       "outcome": "ok"}}}))
    child = job.start("--state", str(state), once=False, schedule="0 0 1 1,2,3,4 *")
    server.wait_asked("DELETE")
    programs.wait_for(lambda: "next run" in child.stderr.read_text(), what="its sleep")
    assert child.stop() == 0
    assert len(server.asked("DELETE")) == 1
    finished = event(child, "run finished")
    assert finished["slot"].endswith("-01T00:00:00Z") and finished["latenessMilliseconds"] > 0
    remembered = json.loads(state.read_text())["jobs"]["fallback"]
    assert remembered["slot"] == finished["slot"] and remembered["outcome"] == "ok"
    # The second time there is nothing to catch up with.
    child = job.start("--state", str(state), once=False, schedule="0 0 1 1,2,3,4 *")
    programs.wait_for(lambda: child.stderr.read_text().count("next run") == 2, what="its sleep")
    assert child.stop() == 0
    assert len(server.asked("DELETE")) == 1


@pytest.mark.parametrize("flags", [["--catch-up", "none"], ["--start-deadline", "1m"]])
def test_what_was_missed_is_counted_when_it_is_not_caught_up_with(job, server, tmp_path, flags):
    state = tmp_path / "state"
    state.write_text('{"jobs": {"fallback": {"slot": "2026-01-01T00:00:00Z", "outcome": "ok"}}}')
    child = job.start("--state", str(state), *flags, once=False, schedule="0 0 1 1,2,3,4 *")
    programs.wait_for(lambda: "next run" in child.stderr.read_text(), what="its sleep")
    assert child.stop() == 0
    assert event(child, "slots missed")["slots"] >= 3
    assert server.asked("DELETE") == []


def test_a_damaged_state_stops_nobody(job, server, tmp_path):
    state = tmp_path / "state"
    state.write_text('{"jobs": {"fallb')
    done = job.run("--state", str(state))
    expect(done, 0)
    assert "damaged" in event(done, "state not read")["reason"]
    assert json.loads(state.read_text())["jobs"]["fallback"]["outcome"] == "ok"
    assert [path.name for path in tmp_path.iterdir() if "state" in path.name] == ["state"]


def test_status_tells_from_the_state(job, server, write, tmp_path):
    state = tmp_path / "state"
    assert "no run yet" in job.words("status", "--state", state).stdout
    server.on("DELETE", "/good", Reply(204)).on("DELETE", "/bad", Reply(500))
    path = write(good={"state": state}, bad={"state": state})
    assert job.start_with("--once", "--config", path).ends() == 70
    for done in (job.words("status", "--state", state), job.words("status", "--config", path)):
        assert done.returncode == 1
        good, bad = sorted(done.stdout.splitlines(), reverse=True)
        assert re.match(r"good: ok, slot \S+Z, last good run \S+Z$", good)
        assert re.match(r"bad: failed, slot \S+Z, last good run -, 1 failed in a row: .*500", bad)
    server.on("DELETE", "/bad", Reply(204))
    assert job.start_with("--once", "--config", path).ends() == 0
    assert job.words("status", "--state", state).returncode == 0


# Words


def test_check_reads_everything_and_calls_nothing(job, server, write):
    done = job.words("check", "--config", write(a={}, b={}))
    assert (done.returncode, done.stdout) == (0, "2 jobs, nothing wrong\n")
    assert server.requests == []


class Guarded(Reply):
    """Answers whoever shows the token."""

    def give(self, connection, server):
        known = server.requests[-1].headers.get("authorization") == f"Bearer {TOKEN}"
        (super() if known else Reply(401)).give(connection, server)


@pytest.mark.parametrize("reply, code, wrong", [
    (Guarded(200, swept(attempted=2, deleted=2)), 0, []),
    (Reply(200, swept()), 70, ["refuses a call"]),
    (Guarded(204), 70, ["reports its counts"]),
    (Guarded(200, swept(attempted=5, deleted=2)), 70, ["reports its counts"]),
    (Guarded(500), 70, ["answers a call", "answers a second call", "reports its counts"])])
def test_check_tries_the_contract(job, server, token_file, reply, code, wrong):
    server.on("DELETE", "/fallback", reply)
    done = job.words("check", "--contract", "--health", server.url("/health"), "--fallback",
                     server.url("/fallback"), "--token-file", token_file, "--schedule", "@daily")
    assert done.returncode == code, done.stdout
    lines = done.stdout.splitlines()[1:]
    assert len(lines) == 6
    questions = [line.split(": ")[1].removesuffix(" without credentials") for line in lines
                 if line.startswith("WRONG")]
    assert questions == wrong


def test_check_says_when_the_service_is_not_there(job, server, token_file):
    server.on("GET", "/health", Reply(503))
    done = job.words("check", "--contract", "--health", server.url("/health"), "--fallback",
                     server.url("/fallback"), "--token-file", token_file, "--schedule", "@daily")
    assert done.returncode == 69 and "503" in done.stdout
    assert server.asked("DELETE") == []


def test_a_dry_run_calls_nothing(job, server, token_file):
    done = job.words("run", "--dry-run", "--health", server.url("/health"), "--fallback",
                     server.url("/fallback"), "--token-file", token_file, "--schedule", "@daily",
                     "--timezone", "Europe/Berlin")
    assert done.returncode == 0
    assert f"would send DELETE {server.url('/fallback')}, next at 20" in done.stdout
    assert [request.method for request in server.requests] == ["GET"]


def test_next_on_a_terminal_tells_where_the_clock_changes(environment):
    leader, follower = pty.openpty()
    subprocess.run([programs.program("fallback-job"), "next", "--schedule", "30 2 * * *",
                    "--timezone", "Europe/Berlin", "--from", "2026-03-28T00:00:00Z", "--count", "3"],
                   stdout=follower, check=True, timeout=20, env=environment)
    os.close(follower)
    lines = os.read(leader, 65536).decode().splitlines()
    os.close(leader)
    assert lines == [
        "2026-03-28T02:30:00+01:00   2026-03-28T01:30:00Z",
        "2026-03-29T03:00:00+02:00   2026-03-29T01:00:00Z   the clock was put forward by 60 min",
        "2026-03-30T02:30:00+02:00   2026-03-30T00:30:00Z"]


def test_bars_of_several_jobs_stand_one_below_the_other(job, server, write):
    from support.scripted_server import Lines
    from support.job_cases import progress
    for name in ("one", "two"):
        server.on("DELETE", f"/{name}",
                  Lines(*[progress(attempted=i, deleted=i, remaining=50 - i)
                          for i in range(10, 50, 4)], swept(deleted=50), gap=0.1))
    leader, follower = pty.openpty()
    start = time.monotonic()
    with subprocess.Popen([programs.program("fallback-job"), "--once", "--config",
                           write(one={}, two={})], stderr=follower, env=job.environment) as child:
        os.close(follower)
        seen = b""
        while time.monotonic() - start < 20:
            try:
                seen += os.read(leader, 4096)
            except OSError:
                break
        assert child.wait(20) == 0
    os.close(leader)
    text = seen.decode()
    assert re.search(r"\[#*\.*\] one: \d+ deleted[^\n]*\r?\n\x1b\[K\[#*\.*\] two: \d+ deleted", text)
    assert re.search(r"left, \d+s to go", text)
