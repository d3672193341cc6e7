"""fallback-job as a program, against a server that answers from a script."""
import os
import pty
import re
import signal
import ssl
import subprocess
import threading
import time

import pytest

from support import ports, programs
from support.job_cases import (Job, TOKEN, environment, event, events, expect, job, progress,  # noqa: F401
                               server, swept, token_file)
from support.scripted_server import (Cut, Endless, Hang, Lines, Raw, Reply, ScriptedServer)


# The good runs


def test_calls_with_the_token_after_asking_for_health(job, server):
    expect(job.run(), 0)
    assert [request.method for request in server.requests] == ["GET", "DELETE"]
    health, call = server.requests
    assert "authorization" not in health.headers
    assert call.headers["authorization"] == f"Bearer {TOKEN}"
    assert "application/x-ndjson" in call.headers["accept"]
    assert call.target == "/fallback"


@pytest.mark.parametrize("reply", [
    Reply(204), Reply(200), Reply(202, "done"), Reply(200, "<html>"), Reply(200, {"a": 1}),
    Reply(200, [1, 2, 3]), Reply(200, {"status": "ok", "data": None}),
    Raw(b"HTTP/1.1 200 OK\r\n\r\nuntil the connection closes")])
def test_takes_any_2xx_answer(job, server, reply):
    server.on("DELETE", "/fallback", reply)
    expect(job.run(), 0)
    assert len(server.asked("DELETE")) == 1


def test_follows_the_cursor_until_there_is_no_more(job, server):
    server.on("DELETE", "/fallback",
              Reply(200, swept(more=True, cursor="a/b +&=?#é", attempted=2, deleted=2)),
              Reply(200, swept(more=True, cursor="next", attempted=3, failed=3)),
              Reply(200, swept(attempted=1, deleted=1, remaining=3)))
    done = job.run("--sweep-limit", "50", "--sweep-timeout", "20s")
    expect(done, 0)
    assert [request.method for request in server.requests] == ["GET", "DELETE"] * 3
    queries = [request.query for request in server.asked("DELETE")]
    assert queries == ["limit=50&timeout=20s",
                       "limit=50&timeout=20s&cursor=a%2Fb%20%2B%26%3D%3F%23%C3%A9",
                       "limit=50&timeout=20s&cursor=next"]
    finished = event(done, "run finished")
    assert (finished["attempted"], finished["deleted"], finished["failed"]) == (6, 3, 3)
    assert finished["remaining"] == 3


def test_tells_progress_as_it_comes(job, server):
    server.on("DELETE", "/fallback",
              Lines(progress(attempted=250, deleted=249, failed=1, remaining=12000),
                    progress(attempted=500, deleted=499, failed=1, remaining=11750),
                    swept(attempted=500, deleted=499, failed=1, remaining=11750)))
    done = job.run()
    expect(done, 0)
    told = [(line["deleted"], line["remaining"]) for line in events(done)
            if line["event"] == "progress"]
    assert told == [(249, 12000), (499, 11750)]
    assert event(done, "run finished")["deleted"] == 499


def test_draws_a_bar_on_a_terminal(job, server):
    server.on("DELETE", "/fallback",
              Lines(progress(attempted=50, deleted=50, remaining=50), swept(deleted=100), gap=0.2))
    leader, follower = pty.openpty()
    with subprocess.Popen(job.arguments(), stdin=subprocess.DEVNULL, stderr=follower,
                          env=job.environment) as child:
        os.close(follower)
        seen = b""
        while True:
            try:
                part = os.read(leader, 4096)
            except OSError:
                break  # how Linux says that nobody writes any more
            if not part:
                break
            seen += part
        assert child.wait(20) == 0
    os.close(leader)
    text = seen.decode()
    assert re.search(r"\r\x1b\[K\[#+\.+\] 50 deleted, 0 failed, 0 blocked, 50 left(, \d+s to go)?\r\x1b\[K", text)
    assert "\r\x1b[Krunning" in text
    assert "{" not in text and TOKEN not in text


# The service is not well


def test_waits_for_a_service_that_comes_up(token_file, environment, tmp_path):
    port = ports.free_port()

    class Later:
        def url(self, path):
            return f"http://127.0.0.1:{port}{path}"

    child = Job(Later(), token_file, environment, tmp_path).start("--startup-timeout", "20s")
    programs.wait_for(lambda: "waiting for the service" in child.stderr.read_text(), what="a word")
    server = ScriptedServer(port)
    server.on("GET", "/health", Reply(503), Reply(503), Reply(200))
    server.on("DELETE", "/fallback", Reply(204))
    assert child.ends() == 0
    assert len(server.asked("GET")) == 3 and len(server.asked("DELETE")) == 1
    server.close()


def test_gives_up_when_nobody_answers(token_file, environment, tmp_path):
    port = ports.free_port()

    class Nobody:
        def url(self, path):
            return f"http://127.0.0.1:{port}{path}"

    start = time.monotonic()
    done = Job(Nobody(), token_file, environment, tmp_path).run()
    expect(done, 69, "not healthy")
    assert 1 <= time.monotonic() - start < 5


@pytest.mark.parametrize("reply", [Reply(503), Reply(302, headers={"Location": "/elsewhere"}),
                                   Hang(), Raw(), Raw(b"SSH-2.0-OpenSSH\r\n"), Cut(200, "x"),
                                   Endless(), Endless(head=True)])
def test_an_unhealthy_service_is_never_called(job, server, reply):
    server.on("GET", "/health", reply)
    expect(job.run("--health-timeout", "1s"), 69, "not healthy")
    assert server.asked("DELETE") == []


def test_asks_again_before_every_call(job, server):
    server.on("GET", "/health", Reply(200), Reply(503))
    server.on("DELETE", "/fallback", Reply(200, swept(more=True, cursor="a", deleted=1)))
    expect(job.run(), 69, "503")
    assert len(server.asked("DELETE")) == 1


# The call fails


@pytest.mark.parametrize("status", [300, 301, 302, 304, 307, 400, 401, 403, 404, 409, 429, 500,
                                    502, 503])
def test_any_other_status_fails_at_once(job, server, status):
    server.on("DELETE", "/fallback",
              Reply(status, {"status": "Broken", "message": f"because of {status}"},
                    {"Location": server.url("/elsewhere")}))
    done = job.run()
    expect(done, 70, str(status))
    assert len(server.asked("DELETE")) == 1
    assert {request.path for request in server.requests} == {"/health", "/fallback"}


@pytest.mark.parametrize("reply", [
    Cut(200, swept()), Cut(200), Raw(), Raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
    Raw(b"not http\r\n\r\n"), Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nab"),
    Lines(progress(deleted=1), swept(), whole=False), Lines(progress(deleted=1)),
    Lines(progress(deleted=1), {"status": "Unavailable", "message": "gone"}),
    Lines(swept(), swept()), Lines(b"x" * 70000),
    Reply(200, swept(more=True)), Reply(200, swept(more=True, cursor="c" * 5000)),
    Reply(200, swept(more="yes")), Reply(200, swept(failed=-1))])
def test_an_answer_that_is_not_whole_fails(job, server, reply):
    server.on("DELETE", "/fallback", reply)
    done = job.run()
    expect(done, 70)
    assert event(done, "job failed")["reason"]


@pytest.mark.parametrize("reply", [Endless(), Endless(head=True),
                                   Endless(kind="application/x-ndjson")])
def test_an_endless_answer_is_cut_short(job, server, reply):
    server.on("DELETE", "/fallback", reply)
    expect(job.run(), 70, "larger than allowed")


def test_a_cursor_that_stands_still_fails(job, server):
    server.on("DELETE", "/fallback", Reply(200, swept(more=True, cursor="same", deleted=1)))
    expect(job.run(), 70, "cursor")
    assert len(server.asked("DELETE")) == 2


def test_a_server_that_plays_the_token_back_is_not_quoted(job, server):
    server.on("DELETE", "/fallback", Reply(401, {"message": f"who is {TOKEN}?"}))
    expect(job.run(), 70, "401")  # Job.run looks for the token


# Progress


@pytest.mark.parametrize("data, flags, code", [
    ({"failed": 3}, [], 70),
    ({"failed": 3, "deleted": 1}, [], 0),
    ({"blocked": 3}, [], 0),
    ({"blocked": 3}, ["--fail-on-blocked"], 70),
    ({"oldestPendingSeconds": 7200}, [], 0),
    ({"oldestPendingSeconds": 7200}, ["--max-age", "1h"], 70),
    ({"oldestPendingSeconds": 3600}, ["--max-age", "1h"], 0)])
def test_judges_progress_over_the_run(job, server, data, flags, code):
    server.on("DELETE", "/fallback", Reply(200, swept(**data)))
    done = job.run(*flags)
    expect(done, code)
    assert event(done, "run finished")["blocked"] == data.get("blocked", 0)


# Time


@pytest.mark.parametrize("reply", [Hang(), Reply(200, swept(), delay=20),
                                   Lines(*[progress()] * 200, gap=0.1)])
def test_a_call_that_takes_too_long_is_out_of_time(job, server, reply):
    server.on("DELETE", "/fallback", reply)
    start = time.monotonic()
    expect(job.run("--call-timeout", "1s"), 75)
    assert 1 <= time.monotonic() - start < 5


def test_a_run_without_end_is_out_of_time(job, server):
    cursors = [Reply(200, swept(more=True, cursor=f"c{i}", deleted=1)) for i in range(100000)]
    server.on("DELETE", "/fallback", *cursors)
    # Between two calls the run ends, within one the call that it cut short: 75 either way.
    expect(job.run("--run-timeout", "1s"), 75)


# Schedules


def test_runs_on_its_schedule_until_told_to_stop(job, server):
    child = job.start(once=False, schedule="* * * * * *")
    server.wait_asked("DELETE", 3)
    assert child.stop() == 0
    lines = events(child)
    assert [line for line in lines if line["event"] == "next run"][0]["at"].endswith("Z")
    # A run that is under way then is finished first.
    assert "told to stop" in [line["event"] for line in lines[-2:]]
    # Health at start, and before each call.
    assert [request.method for request in server.requests][:5] == ["GET", "GET", "DELETE", "GET",
                                                                   "DELETE"]


def test_a_failing_run_ends_a_scheduled_job(job, server):
    server.on("DELETE", "/fallback", Reply(204), Reply(500))
    child = job.start(once=False, schedule="@every 1s")
    assert child.ends() == 70
    assert len(server.asked("DELETE")) == 2


def test_the_token_is_read_anew_for_every_run(job, server, token_file):
    child = job.start(once=False, schedule="* * * * * *")
    server.wait_asked("DELETE")
    token_file.write_text("another")
    programs.wait_for(lambda: server.asked("DELETE")[-1].headers["authorization"]
                      == "Bearer another", what="the new token")
    token_file.chmod(0o644)
    assert child.ends() == 78
    assert "another" not in child.stderr.read_text()


# Signals


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_sleeping_job(job, which):
    child = job.start(once=False, schedule="0 0 1 1 *")
    programs.wait_for(lambda: "next run" in child.stderr.read_text(), what="its sleep")
    child.child.send_signal(which)
    assert child.ends(5) == 0


def test_a_signal_ends_a_job_that_waits_for_health(job, server):
    server.on("GET", "/health", Hang())
    child = job.start("--startup-timeout", "30s", "--health-timeout", "30s")
    server.wait_asked("GET")
    assert child.stop(5) == 0


def test_a_run_under_way_may_finish(job, server):
    answer = threading.Event()

    class Held(Reply):
        def give(self, connection, server):
            answer.wait(20)
            super().give(connection, server)

    server.on("DELETE", "/fallback", Held(200, swept(deleted=3, more=True, cursor="x")),
              Reply(200, swept(deleted=2)))
    child = job.start()
    server.wait_asked("DELETE")
    child.child.send_signal(signal.SIGTERM)
    programs.wait_for(lambda: "told to stop" in child.stderr.read_text(), what="the signal")
    answer.set()
    assert child.ends(5) == 0
    finished = event(child, "run finished")
    assert (finished["outcome"], finished["deleted"]) == ("ok", 5)
    assert [request.query for request in server.asked("DELETE")] == ["", "cursor=x"]


def test_a_run_that_has_no_end_in_sight_is_not_waited_for(job, server):
    server.on("DELETE", "/fallback",
              *[Reply(200, swept(deleted=1, more=True, cursor=str(i)), delay=0.2)
                for i in range(1000)])
    child = job.start("--stop-timeout", "1s")
    server.wait_asked("DELETE", 2)
    start = time.monotonic()
    assert child.stop(5) == 0
    assert time.monotonic() - start < 3
    assert "run finished" not in child.stderr.read_text()


def test_a_call_that_does_not_finish_is_broken_off(job, server):
    server.on("DELETE", "/fallback", Hang())
    child = job.start("--stop-timeout", "300ms")
    server.wait_asked("DELETE")
    start = time.monotonic()
    assert child.stop(5) == 0
    assert time.monotonic() - start < 3
    assert server.left.wait(5)


def test_a_second_signal_ends_it_at_once(job, server):
    server.on("DELETE", "/fallback", Hang())
    child = job.start("--stop-timeout", "1m")
    server.wait_asked("DELETE")
    child.child.send_signal(signal.SIGTERM)
    programs.wait_for(lambda: "told to stop" in child.stderr.read_text(), what="the signal")
    child.child.send_signal(signal.SIGTERM)
    assert child.ends(5) == 0


# Configuration


@pytest.mark.parametrize("text, mode", [(TOKEN, 0o644), (TOKEN, 0o640), (TOKEN, 0o602), ("", 0o600),
                                        (" \n", 0o600), (f"{TOKEN} x", 0o600), (None, None)])
def test_a_bad_token_file_is_refused_before_anything_runs(job, server, token_file, text, mode):
    if text is None:
        token_file.unlink()
    else:
        token_file.write_text(text)
        token_file.chmod(mode)
    expect(job.run(), 78, "token file")
    assert server.requests == []


@pytest.mark.parametrize("flags", [
    ["--no-such-flag"], ["--startup-timeout", "soon"], ["--startup-timeout", "-1s"],
    ["--schedule", "61 * * * *"], ["--schedule", "0 0 30 2 *"], ["--schedule", "@reboot"],
    ["--schedule", "* * * * *", "--timezone", "Nowhere/Land"],
    ["--schedule", "CRON_TZ=Nowhere/Land * * * * *"], ["--timezone", "../UTC", "--schedule", "@daily"],
    ["--health", "ftp://127.0.0.1/"], ["--health", "127.0.0.1"], ["--health", "http://"],
    ["--fallback", "file:///etc/passwd"], ["--fallback", "http://user:secret@127.0.0.1/"],
    ["--fallback", "http://127.0.0.1/#part"], ["--sweep-limit", "0"], ["extra"]])
def test_a_wrong_command_line_is_refused(job, server, flags):
    done = job.run(*flags)
    assert done.returncode == 64, done.stderr
    assert done.stderr.startswith("fallback-job: ") and "secret" not in done.stderr
    assert server.requests == []


def test_what_is_missing_is_named(environment, token_file):
    given = {"--health": "http://127.0.0.1:1/", "--fallback": "http://127.0.0.1:1/",
             "--schedule": "@daily", "--token-file": str(token_file)}
    for missing in given:
        flags = [part for name, value in given.items() if name != missing
                 for part in (name, value)]
        done = subprocess.run([programs.program("fallback-job"), *flags], capture_output=True,
                              text=True, env=environment, timeout=20, check=False)
        assert done.returncode == 64 and missing in done.stderr


def test_options_that_contradict_are_refused(job):
    expect(job.run("--sweep-timeout", "1m", "--call-timeout", "1m"), 78, "--sweep-timeout")
    expect(job.run("--ca", "/nonexistent.pem"), 78, "--ca")


def test_options_come_from_the_environment_too(job, server):
    expect(job.run(environment={"FALLBACK_JOB_SWEEP_LIMIT": "7"}), 0)
    assert server.asked("DELETE")[0].query == "limit=7"


def test_no_proxy_sees_the_token(job, server):
    proxy = f"http://127.0.0.1:{ports.free_port()}"
    expect(job.run(environment={"http_proxy": proxy, "HTTP_PROXY": proxy, "all_proxy": proxy}), 0)
    assert len(server.asked("DELETE")) == 1


# TLS


@pytest.fixture
def certificate(tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                    tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
                   check=True, capture_output=True, timeout=60)
    return tmp_path / "cert.pem"


def test_https_is_checked_against_the_certificates_given(certificate, token_file, environment,
                                                         tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, tmp_path / "key.pem")
    server = ScriptedServer(tls=context)
    server.on("GET", "/health", Reply(200)).on("DELETE", "/fallback", Reply(204))
    job = Job(server, token_file, environment, tmp_path)
    expect(job.run("--ca-file", str(certificate)), 0)
    assert len(server.asked("DELETE")) == 1
    expect(job.run(), 69, "certificate")
    assert len(server.asked("DELETE")) == 1
    server.close()
