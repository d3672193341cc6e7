"""What is logged: one JSON object a line, whose request it was for, each failure once, nobody."""
import json
import re

import pytest

from support import images, job
from support.s3 import Bucket
from support.service import person
from support.tap import Tap

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}


def lines(users, event=None):
    """Every line of the log, which all are JSON; or those of one event."""
    found = [json.loads(line) for line in users.log().splitlines()]
    for line in found:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
        assert line["level"] in ("debug", "info", "warning", "error") and line["event"]
    return [line for line in found if event in (None, line["event"])]


@pytest.fixture
def tap(s3d):
    one = Tap(s3d.port)
    yield one
    one.close()


@pytest.fixture
def tapped(service, s3d, tap):
    """A service whose file store is reached through the tap."""
    bucket = Bucket(f"http://127.0.0.1:{tap.port}", s3d.bucket)
    return service(files=bucket.url(), environment=s3d.environment).wait_until_ready()


def span_of(parent, trace=TRACE):
    """The span in a traceparent of this trace."""
    found = re.fullmatch(rf"00-{trace}-([0-9a-f]{{16}})-01", parent or "")
    assert found, parent
    return found.group(1)


# Traces.

def test_a_trace_goes_through_to_the_file_store(tapped, tap):
    ada = tapped.create()["id"]
    tap.heads.clear()
    tapped.put_avatar(ada, images.png(), **PARENT)
    tapped.public.get(f"/api/users/{ada}/avatar", headers=PARENT)
    assert tapped.public.delete(f"/api/users/{ada}", headers=PARENT).status == 200
    spans = [span_of(value) for method in ("PUT", "GET", "POST", "DELETE")
             for value in tap.headers(method, "traceparent") if value]
    # The picture written, read and deleted: three parts of one trace.
    assert len(set(spans)) == 3
    assert "00f067aa0ba902b7" not in spans


def test_what_nobody_traces_is_not_sent_on(tapped, tap):
    ada = tapped.create_with_avatar()["id"]
    tapped.put_avatar(ada, images.png(), traceparent="00-nonsense")
    tapped.delete(ada)
    assert set(tap.headers("PUT", "traceparent")) == {None}
    assert {value for method in ("POST", "DELETE")
            for value in tap.headers(method, "traceparent")} == {None}


def test_a_run_of_the_job_is_one_trace_from_end_to_end(service, s3d, tap):
    bucket = Bucket(f"http://127.0.0.1:{tap.port}", s3d.bucket)
    users = service(files=bucket.url(), environment=s3d.environment, inline="off", timer="off")
    users.wait_until_ready()
    for _ in range(4):
        users.delete(users.create_with_avatar()["id"])
    tap.heads.clear()
    done = job.run(users, "--sweep-limit", "2")
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stderr.splitlines()]
    (run,) = [line for line in said if line["event"] == "run finished"]
    calls = [line for line in said if line["event"] == "call finished"]
    sweeps = lines(users, "sweep finished")
    assert len(calls) == len(sweeps) >= 2
    assert {line["trace"] for line in calls + sweeps} == {run["trace"]}
    # Each call and each sweep has an id of its own.
    assert len({line["request"] for line in calls + sweeps}) == len(calls + sweeps)
    assert all(line["sweep"] == line["request"] for line in sweeps)
    sent = [value for method in ("POST", "DELETE") for value in tap.headers(method, "traceparent")]
    assert {span_of(value, run["trace"]) for value in sent} \
        == {line["sweep"] for line in sweeps if line["attempted"]}


def test_each_run_of_the_job_has_a_trace_of_its_own(service):
    users = service()
    for _ in range(2):
        assert job.run(users).returncode == 0
    assert len({line["trace"] for line in lines(users, "sweep finished")}) == 2


# Failures.

def test_a_request_that_fails_is_logged_once_with_its_cause(tapped, s3d):
    ada = tapped.create()["id"]
    s3d.fault("refuse,verb=PUT,status=403,code=AccessDenied")
    assert tapped.put_avatar(ada, images.png(), **PARENT).status == 503
    s3d.clear()

    def failed():
        return [line for line in lines(tapped) if line.get("trace") == TRACE]
    (line,) = tapped.wait_for(failed)
    assert (line["level"], line["event"], line["status"]) == ("warning", "request failed", 503)
    assert line["route"] == "/api/users/{id}/avatar" and line["method"] == "PUT"
    assert line["reason"] == "the file store answered AccessDenied"
    assert re.fullmatch("[0-9a-f]{16}", line["request"])


def test_deletions_that_fail_alike_are_one_line_and_told_once(service, s3d):
    users = service(files=s3d.url(), environment=s3d.environment, inline="off", timer="off")
    users.wait_until_ready()
    for _ in range(6):
        users.delete(users.create_with_avatar()["id"])
    s3d.fault("key-error,code=AccessDenied,status=403")
    for _ in range(3):
        users.sweep()
    (line,) = lines(users, "deletions blocked")
    assert (line["count"], line["class"], line["level"]) == (6, "AccessDenied", "warning")


def test_an_outage_is_told_when_it_begins_and_when_it_ends(service, s3d):
    users = service(files=s3d.url(), environment=s3d.environment, delete_wait="1s")
    users.wait_until_ready()
    made = [users.create_with_avatar()["id"] for _ in range(3)]
    s3d.fault("refuse,status=503,code=SlowDown")
    for user_id in made:
        users.delete(user_id)
    users.wait_for(lambda: users.private.get("/api/status").data["breaker"] != "closed")
    s3d.clear()
    for user_id in made:
        users.wait_until_erased(user_id)
    warnings = [line["event"] for line in lines(users) if line["level"] != "info"]
    assert sum("does not answer" in event for event in warnings) == 1
    assert sum("answers again" in event for event in warnings) == 1
    assert len(warnings) < 12


def test_what_goes_well_is_only_told_to_who_asks_for_it(service):
    quiet, told = service(), service(log_level="debug")
    for users in (quiet, told):
        users.create()
    (line,) = told.wait_for(lambda: [line for line in lines(told, "request")
                                     if line["route"] == "/api/users"])
    assert (line["status"], line["level"], line["listener"]) == (201, "debug", "public")
    assert lines(quiet, "request") == []


# Nobody.

def test_nobody_is_in_the_log(service, s3d):
    users = service(files=s3d.url(), environment=s3d.environment, log_level="debug",
                    delete_wait="1s")
    users.wait_until_ready()
    who = person(firstName="Graceful", lastName="Brewster", email="g.brewster@hopper.example")
    ada = users.public.post("/api/users", who).data["id"]
    users.put_avatar(ada, images.png())
    users.public.get(f"/api/users/{ada}?name=Brewster")
    users.public.get("/api/Brewster")
    users.public.post("/api/users", {**who, "email": "not-hopper"})
    users.private.post("/api/deletions", {"key": "letters/Brewster.pdf"})
    users.private.get(f"/api/receipts/{ada}")
    s3d.fault("key-error,code=AccessDenied,status=403")
    users.private.post("/api/deletions", {"key": "letters/to-Brewster.pdf"})
    users.delete(ada)
    users.sweep()
    users.stop()
    assert lines(users, "request") and lines(users, "deletions blocked")
    for secret in ("Graceful", "Brewster", "hopper", who["userName"], ada, users.token):
        assert secret not in users.log()
