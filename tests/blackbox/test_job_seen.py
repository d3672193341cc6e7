"""What fallback-job shows of itself: pings, alerts, /health, /ready and /metrics; its memory."""
import re
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from support import programs
from support.job_cases import (Job, environment, event, events, expect, job, server, swept,  # noqa: F401
                               token_file)
from support.scripted_server import Endless, Hang, Raw, Reply, ScriptedServer

# Private memory of a job that waits for its next run, in KiB.
MEMORY_HTTP, MEMORY_TLS = 2000, 2400


def pings(server):
    return [(request.path, request.query) for request in server.requests
            if request.path.startswith("/ping")]


# Pings


def test_pings_tell_of_every_run(job, server):
    server.on("GET", "/ping/start", Reply(200)).on("GET", "/ping", Reply(200))
    expect(job.run("--ping", server.url("/ping")), 0)
    (start, first), (end, second) = pings(server)
    assert (start, end) == ("/ping/start", "/ping")
    assert first == second and re.fullmatch(r"rid=[0-9a-f-]{36}", first)


def test_pings_tell_of_failures(job, server):
    for path in ("/ping/start", "/ping/fail"):
        server.on("GET", path, Reply(200))
    server.on("DELETE", "/fallback", Reply(500))
    expect(job.run("--ping", server.url("/ping?key=1")), 70)
    assert [path for path, _ in pings(server)] == ["/ping/start", "/ping/fail"]
    assert all(re.fullmatch(r"key=1&rid=[0-9a-f-]{36}", query) for _, query in pings(server))


@pytest.mark.parametrize("reply", [Reply(500), Hang(), Raw(), Endless(), Reply(302)])
def test_pings_can_fail_nothing(job, server, reply):
    server.on("GET", "/s3cret-check/start", reply).on("GET", "/s3cret-check", reply)
    start = time.monotonic()
    done = job.run("--ping", server.url("/s3cret-check"), "--ping-timeout", "1s")
    expect(done, 0)
    assert time.monotonic() - start < 10
    assert event(done, "ping failed") and "s3cret" not in done.stderr


# Alerts


@pytest.fixture
def alert(tmp_path):
    """A program that notes its arguments, and the notes."""
    program, notes = tmp_path / "alert", tmp_path / "notes"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >>{notes}\necho >>{notes}\n')
    program.chmod(0o755)

    def told():
        return notes.read_text().splitlines() if notes.exists() else []

    return program, told


def test_an_alert_tells_of_the_first_failure_before_the_end(job, server, alert):
    program, told = alert
    server.on("DELETE", "/fallback", Reply(500))
    expect(job.run("--alert-command", str(program)), 70)
    assert told() == ["failing|fallback|failed|1|the call was answered with status 500|"]


def test_an_alert_comes_after_enough_failures_and_once_on_recovery(job, server, alert):
    program, told = alert
    server.on("DELETE", "/fallback", Reply(500), Reply(204), Reply(500), Reply(500), Reply(500),
              Reply(204), Reply(204), Reply(500), Reply(204))
    child = job.start("--alert-command", str(program), "--alert-after", "2", "--on-failure",
                      "continue", once=False, schedule="* * * * * *")
    server.wait_asked("DELETE", 9, timeout=20)
    assert child.stop() == 0
    assert [line.split("|")[:4] for line in told()] == [
        ["failing", "fallback", "failed", "2"], ["recovered", "fallback", "ok", "0"]]


@pytest.mark.parametrize("script, word", [("exit 3", "exit"), ("sleep 60 & sleep 60", "too long")])
def test_alerts_can_fail_nothing(job, server, tmp_path, script, word):
    program = tmp_path / "alert"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    server.on("DELETE", "/fallback", Reply(500))
    start = time.monotonic()
    done = job.run("--alert-command", str(program), "--alert-timeout", "1s")
    expect(done, 70)
    assert time.monotonic() - start < 10
    failed = event(done, "alert failed")
    assert word in failed or word in failed.get("reason", "")


def test_an_alert_that_is_no_program_is_only_logged(job, server, tmp_path):
    program = tmp_path / "alert"
    program.write_text("no program")
    program.chmod(0o755)
    server.on("DELETE", "/fallback", Reply(500))
    done = job.run("--alert-command", str(program))
    expect(done, 70)
    assert event(done, "alert failed")["reason"]


# HTTP


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def listening(child):
    """The port that it says it listens on."""
    programs.wait_for(lambda: '"listening"' in child.stderr.read_text(), what="its address")
    return int(event(child, "listening")["address"].rpartition(":")[2])


def metric(text, name, **labels):
    wanted = ",".join(f'{key}="{value}"' for key, value in labels.items())
    found = re.search(rf"^{name}{{{re.escape(wanted)}}} (\S+)$", text, re.MULTILINE)
    assert found, f"no {name} {wanted} in {text}"
    return float(found.group(1))


def test_shows_health_and_metrics(job, server):
    server.on("DELETE", "/fallback", Reply(200, swept(attempted=5, deleted=4, failed=1, remaining=7,
                                                      oldestPendingSeconds=61)))
    child = job.start("--listen", "127.0.0.1:0", once=False, schedule="* * * * * *")
    port = listening(child)
    server.wait_asked("DELETE", 3)
    assert get(port, "/health")[0] == 200 and get(port, "/ready")[0] == 200
    status, text = get(port, "/metrics")
    assert status == 200
    assert metric(text, "fallback_job_runs_total", job="fallback", outcome="ok") >= 2
    assert metric(text, "fallback_job_remaining", job="fallback") == 7
    assert metric(text, "fallback_job_oldest_pending_seconds", job="fallback") == 61
    assert metric(text, "fallback_job_deleted_total", job="fallback") % 4 == 0
    assert abs(metric(text, "fallback_job_last_success_timestamp_seconds", job="fallback")
               - time.time()) < 10
    assert set(re.findall(r'(\w+)="', text)) == {"job", "outcome"}
    assert get(port, "/elsewhere")[0] == 404
    assert child.stop() == 0


def test_metrics_please_promtool(job, server):
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("promtool (Debian's prometheus package) is not installed")
    child = job.start("--listen", "127.0.0.1:0", once=False, schedule="* * * * * *")
    port = listening(child)
    server.wait_asked("DELETE", 2)
    done = subprocess.run([promtool, "check", "metrics"], input=get(port, "/metrics")[1], text=True,
                          capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert child.stop() == 0


def test_health_is_red_when_runs_keep_failing(job, server):
    server.on("DELETE", "/fallback", Reply(500), Reply(500), Reply(500), Reply(500, delay=3),
              Reply(204))
    child = job.start("--listen", "127.0.0.1:0", "--on-failure", "continue", once=False,
                      schedule="* * * * * *")
    port = listening(child)
    server.wait_asked("DELETE", 4)
    status, text = get(port, "/health")
    assert status == 503 and "keep failing" in text
    programs.wait_for(lambda: get(port, "/health")[0] == 200, what="the recovery")
    assert child.stop() == 0


def test_ready_waits_for_the_service(job, server):
    server.on("GET", "/health", Reply(503))
    child = job.start("--listen", "127.0.0.1:0", "--startup-timeout", "1m", once=False)
    port = listening(child)
    assert get(port, "/health")[0] == 200
    assert get(port, "/ready")[0] == 503
    server.on("GET", "/health", Reply(200))
    programs.wait_for(lambda: get(port, "/ready")[0] == 200, what="it to be ready")
    assert child.stop() == 0


def test_an_address_in_use_is_said_at_start(job, server):
    done = job.run("--listen", f"127.0.0.1:{server.port}")
    assert done.returncode == 69 and "--listen" in done.stderr


def test_the_listener_answers_while_a_call_is_under_way(job, server):
    server.on("DELETE", "/fallback", Hang())
    child = job.start("--listen", "127.0.0.1:0", "--stop-timeout", "100ms", once=False,
                      schedule="* * * * * *")
    port = listening(child)
    server.wait_asked("DELETE")
    assert get(port, "/health")[0] == 200
    assert child.stop() == 0


# Memory


def private_memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"RssAnon:\s*(\d+) kB", status.read()).group(1))


@pytest.mark.parametrize("tls", [False, True])
def test_needs_little_memory(token_file, environment, tmp_path, tls):
    context = None
    if tls:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                        "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                        tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
                       check=True, capture_output=True, timeout=60)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server = ScriptedServer(tls=context)
    server.on("GET", "/health", Reply(200)).on("DELETE", "/fallback", Reply(200, swept(deleted=1)))
    child = Job(server, token_file, environment, tmp_path).start(
        *(["--ca", str(tmp_path / "cert.pem")] if tls else []), once=False,
        schedule="* * * * * *")
    server.wait_asked("DELETE", 5, timeout=20)
    programs.wait_for(lambda: child.stderr.read_text().count("run finished") >= 5, what="5 runs")
    memory = private_memory(child.pid)
    with open(f"/proc/{child.pid}/maps", encoding="utf-8") as maps:
        sanitized = "libasan" in maps.read()
    assert child.stop() == 0
    server.close()
    if sanitized:
        pytest.skip("a sanitizer keeps memory of its own")
    assert memory <= (MEMORY_TLS if tls else MEMORY_HTTP)
