"""How fallback-job calls: what it sends, what it tries again, and how it goes on after failures."""
import re
import signal
import ssl
import subprocess
import time

import pytest

from support import programs
from support.job_cases import (Job, TOKEN, environment, event, events, expect, job, server,  # noqa: F401
                               swept, token_file)
from support.scripted_server import Cut, Hang, Lines, Raw, Reply, ScriptedServer

LATER = Reply(503, headers={"Retry-After": "1"})


# What is sent


def test_sends_a_method_headers_and_a_body(job, server, tmp_path):
    body = tmp_path / "body.json"
    body.write_text('{"dry": false}')
    server.on("POST", "/fallback", Reply(204))
    expect(job.run("--method", "POST", "--header", "X-Tenant: seven", "--header",
                   "Content-Type: application/json", "--body-file", str(body)), 0)
    call = server.asked("POST")[0]
    assert call.body == b'{"dry": false}'
    assert call.headers["x-tenant"] == "seven"
    assert call.headers["content-type"] == "application/json"
    assert call.headers["authorization"] == f"Bearer {TOKEN}"


def test_secret_headers_come_from_a_file_and_from_variables(job, server, tmp_path):
    secrets = tmp_path / "headers"
    secrets.write_text("# both are needed\nX-Api-Key: k3y-in-a-file\n\nCookie: a=b; c=d\n")
    secrets.chmod(0o600)
    done = job.run("--header-file", str(secrets), "--header-variable", "X-Second:SECOND_KEY",
                   environment={"SECOND_KEY": "k3y-in-a-variable"})
    expect(done, 0)
    call = server.asked("DELETE")[0]
    assert call.headers["x-api-key"] == "k3y-in-a-file"
    assert call.headers["cookie"] == "a=b; c=d"
    assert call.headers["x-second"] == "k3y-in-a-variable"
    assert "k3y" not in done.stderr


def test_the_token_may_come_from_a_variable(job, server):
    arguments = [part for part in job.arguments("--token-variable", "MY_TOKEN")]
    at = arguments.index("--token-file")
    del arguments[at:at + 2]
    done = subprocess.run(arguments, env={**job.environment, "MY_TOKEN": "another-token"},
                          capture_output=True, text=True, timeout=30, check=False)
    expect(done, 0)
    assert server.asked("DELETE")[0].headers["authorization"] == "Bearer another-token"
    done = subprocess.run(arguments, env=job.environment, capture_output=True, text=True,
                          timeout=30, check=False)
    expect(done, 78, "MY_TOKEN")


@pytest.mark.parametrize("flags, word", [
    (["--header", "Authorization: Bearer x"], "authorization"),
    (["--header", "Cookie: x"], "cookie"),
    (["--header", "no colon"], "header"),
    (["--header", "Bad\nName: x"], "header"),
    (["--token-variable", "X"], "--token-file"),
    (["--header-variable", "X-Key:NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE"),
    (["--header-variable", "X-Key"], "NAME:VARIABLE"),
    (["--client-key", "/dev/null"], "--client-cert"),
    (["--alert-command", "/nonexistent"], "--alert-command"),
    (["--state", "/nonexistent/state"], "--state"),
    (["--body-file", "/nonexistent"], "--body-file")])
def test_what_cannot_work_is_refused_before_anything_runs(job, server, flags, word):
    expect(job.run(*flags), 78, word)
    assert server.requests == []


@pytest.mark.parametrize("text, mode", [("X-Key: k", 0o644), ("no colon", 0o600),
                                        ("X-Key: k\x01", 0o600), (None, None)])
def test_a_bad_file_of_headers_is_refused(job, server, tmp_path, text, mode):
    path = tmp_path / "headers"
    if text:
        path.write_text(text)
        path.chmod(mode)
    expect(job.run("--header-file", str(path)), 78, "header")
    assert server.requests == []


def test_reaches_a_service_on_a_unix_socket(token_file, environment, tmp_path):
    path = tmp_path / "socket"
    server = ScriptedServer(path=path)
    server.on("GET", "/health", Reply(200)).on("DELETE", "/fallback", Reply(204))
    expect(Job(server, token_file, environment, tmp_path).run("--unix-socket", str(path)), 0)
    assert len(server.asked("DELETE")) == 1
    server.close()


def certificate(folder, name, *more):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / f"{name}.key",
                    "-out", folder / f"{name}.pem", *more],
                   check=True, capture_output=True, timeout=60)
    return folder / f"{name}.pem", folder / f"{name}.key"


def test_shows_a_client_certificate(token_file, environment, tmp_path):
    own, own_key = certificate(tmp_path, "service")
    theirs, their_key = certificate(tmp_path, "job")
    their_key.chmod(0o600)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, own_key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(theirs)
    server = ScriptedServer(tls=context)
    server.on("GET", "/health", Reply(200)).on("DELETE", "/fallback", Reply(204))
    job = Job(server, token_file, environment, tmp_path)
    flags = ["--ca", str(own), "--client-cert", str(theirs), "--client-key", str(their_key)]
    expect(job.run(*flags), 0)
    assert job.run("--ca", str(own)).returncode == 69
    their_key.chmod(0o644)
    expect(job.run(*flags), 78, "--client-key")
    server.close()


# Success and retries


@pytest.mark.parametrize("success, status, code", [
    ("200,204", 204, 0), ("200,204", 202, 70), ("200-299,409", 409, 0), ("304", 304, 0)])
def test_only_listed_statuses_are_success(job, server, success, status, code):
    server.on("DELETE", "/fallback", Reply(status))
    expect(job.run("--success", success), code)


def test_a_list_of_statuses_that_is_none_is_refused(job):
    assert job.run("--success", "2xx").returncode == 64


@pytest.mark.parametrize("reply", [Reply(500), Reply(502), Reply(504), Reply(429), LATER,
                                   Cut(200, "x"), Raw(), Lines({"progress": {}})])
def test_what_may_pass_is_tried_again_with_one_key(job, server, reply):
    server.on("DELETE", "/fallback", reply, Reply(200, swept(deleted=2, attempted=2)))
    done = job.run("--retries", "3")
    expect(done, 0)
    calls = server.asked("DELETE")
    assert len(calls) == 2
    keys = {call.headers["idempotency-key"] for call in calls}
    assert len(keys) == 1
    assert re.fullmatch(r"fallback/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/1", keys.pop())
    # Health is asked for before each try, too.
    assert [request.method for request in server.requests] == ["GET", "DELETE"] * 2
    assert event(done, "run finished")["attempts"] == 2


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 501])
def test_what_is_refused_is_not_tried_again(job, server, status):
    server.on("DELETE", "/fallback", Reply(status))
    expect(job.run("--retries", "3"), 70)
    assert len(server.asked("DELETE")) == 1


def test_retries_come_to_an_end(job, server):
    server.on("DELETE", "/fallback", Reply(500))
    expect(job.run("--retries", "2"), 70, "500")
    assert len(server.asked("DELETE")) == 3


def test_retry_after_is_honoured(job, server):
    server.on("DELETE", "/fallback", Reply(503, headers={"Retry-After": "2"}), Reply(204))
    expect(job.run("--retries", "1"), 0)
    first, second = server.asked("DELETE")
    assert 2 <= second.at - first.at < 5


def test_a_retry_after_beyond_the_run_is_not_waited_for(job, server):
    server.on("DELETE", "/fallback", Reply(503, headers={"Retry-After": "3600"}))
    start = time.monotonic()
    expect(job.run("--retries", "5", "--run-timeout", "10s"), 70, "503")
    assert time.monotonic() - start < 5


def test_each_page_has_a_key_of_its_own(job, server):
    server.on("DELETE", "/fallback", Reply(200, swept(more=True, cursor="a", deleted=1)),
              Reply(200, swept(more=True, cursor="b", deleted=1)), Reply(200, swept(deleted=1)))
    expect(job.run("--name", "erase-users"), 0)
    keys = [call.headers["idempotency-key"] for call in server.asked("DELETE")]
    assert [key.rpartition("/")[2] for key in keys] == ["1", "2", "3"]
    assert {key.partition("/")[0] for key in keys} == {"erase-users"}


def test_health_is_asked_for_again(job, server):
    server.on("GET", "/health", Reply(200), Reply(503), Reply(503), Reply(200))
    server.on("DELETE", "/fallback", Reply(200, swept(more=True, cursor="a", deleted=1)),
              Reply(200, swept()))
    expect(job.run("--health-retries", "2"), 0)
    assert len(server.asked("GET")) == 4


# Failures


@pytest.mark.parametrize("route, reply, outcome, code", [
    ("GET", Reply(503), "unhealthy", 69),
    ("DELETE", Reply(500), "failed", 70),
    ("DELETE", Hang(), "timeout", 75),
    ("DELETE", Reply(200, swept(failed=1, attempted=1)), "no-progress", 70)])
def test_outcomes_are_told_apart(job, server, route, reply, outcome, code):
    path = "/health" if route == "GET" else "/fallback"
    server.on(route, path, *([Reply(200)] if route == "GET" else []), reply)
    child = job.start("--call-timeout", "1s", once=False, schedule="* * * * * *")
    assert child.ends() == code
    finished = event(child, "run finished")
    assert (finished["outcome"], finished["exit"]) == (outcome, code)
    assert finished["reason"] and finished["job"] == "fallback"
    assert finished["latenessMilliseconds"] >= 0 and finished["milliseconds"] >= 0


def test_goes_on_after_a_failure_when_told_so(job, server):
    server.on("DELETE", "/fallback", Reply(500), Reply(200, swept()), Reply(500), Reply(200, swept()))
    child = job.start("--on-failure", "continue", once=False, schedule="* * * * * *")
    server.wait_asked("DELETE", 4)
    assert child.stop() == 0
    outcomes = [line["outcome"] for line in events(child) if line["event"] == "run finished"]
    assert outcomes[:3] == ["failed", "ok", "failed"]


def test_ends_after_enough_failures_in_a_row(job, server):
    server.on("DELETE", "/fallback", Reply(500), Reply(204), Reply(500), Reply(500), Reply(500))
    child = job.start("--on-failure", "continue", "--fail-after", "3", once=False,
                      schedule="* * * * * *")
    assert child.ends() == 70
    assert len(server.asked("DELETE")) == 5


def test_a_time_that_comes_during_a_run_is_skipped_and_counted(job, server):
    server.on("DELETE", "/fallback", Reply(204, delay=2.5), Reply(204))
    child = job.start(once=False, schedule="* * * * * *")
    server.wait_asked("DELETE", 2)
    assert child.stop() == 0
    assert event(child, "slots skipped")["slots"] in (2, 3)
    calls = server.asked("DELETE")
    assert calls[1].at - calls[0].at >= 2.5


def test_a_time_that_comes_during_a_run_may_be_queued(job, server):
    server.on("DELETE", "/fallback", Reply(204, delay=1.5), Reply(204))
    child = job.start("--overlap", "queue-one", once=False, schedule="0/2 * * * * *")
    server.wait_asked("DELETE", 2)
    child.stop()
    keys = [call.headers["idempotency-key"] for call in server.asked("DELETE")]
    assert len(keys) == len(set(keys))


def test_a_signal_runs_now(job, server):
    child = job.start(once=False, schedule="0 0 1 1 *")
    programs.wait_for(lambda: "next run" in child.stderr.read_text(), what="its sleep")
    child.child.send_signal(signal.SIGUSR1)
    server.wait_asked("DELETE")
    programs.wait_for(lambda: child.stderr.read_text().count("next run") == 2, what="its sleep")
    assert child.stop() == 0
    assert event(child, "run finished")["outcome"] == "ok"
