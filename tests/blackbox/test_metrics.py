"""/metrics on the private listener: what it counts, how it is written, and what it never says."""
import re
import subprocess
import time

import pytest

from support import images, programs

LINE = re.compile(r"^(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")


def scrape(users):
    """Every sample: (name, {label: value}) to number."""
    answer = users.private.get("/metrics")
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples = {}
    for line in answer.text.splitlines():
        if line.startswith("#"):
            continue
        found = LINE.match(line)
        assert found, line
        labels = re.findall(r'(\w+)="([^"]*)"', found["labels"] or "")
        samples[found["name"], frozenset(labels)] = float(found["value"])
    return samples


def value(users, name, **labels):
    """The sum of the samples of `name` that have these labels."""
    fitting = [number for (found, pairs), number in scrape(users).items()
               if found == "users_service_" + name and set(labels.items()) <= pairs]
    assert fitting, f"no users_service_{name} {labels}"
    return sum(fitting)


@pytest.fixture
def lazy(service):
    """A service that finishes nothing by itself: only the sweep does."""
    return service(inline="off", timer="off")


@pytest.fixture
def on_s3d(service, s3d):
    users = service(files=s3d.url(), environment=s3d.environment, inline="off", timer="off")
    return users.wait_until_ready()


def leave_pending(users, count):
    for _ in range(count):
        assert users.delete(users.create_with_avatar()["id"]).status == 202


def test_promtool_has_no_complaint(on_s3d, s3d):
    leave_pending(on_s3d, 2)
    s3d.fault("key-error,code=InternalError,status=500")
    on_s3d.sweep()
    s3d.clear()
    on_s3d.sweep()
    text = on_s3d.private.get("/metrics").text
    done = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                          capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    for name in re.findall(r"^# TYPE (\S+)", text, re.MULTILINE):
        assert text.count(f"# HELP {name} ") == text.count(f"# TYPE {name} ") == 1


def test_each_is_in_the_docs_as_it_describes_itself(lazy):
    text = lazy.private.get("/metrics").text
    docs = (programs.ROOT / "docs" / "watching.md").read_text(encoding="utf-8")
    described = re.findall(r"^# HELP users_service_(\S+) (.+)\n# TYPE \S+ (\w+)$", text,
                           re.MULTILINE)
    assert len(described) > 25
    for name, words, kind in described:
        assert f"| `{name}` | {kind} | {words} |\n" in docs
    assert docs.count("| `") == len(described)


def test_the_backlog_is_as_old_and_as_large_as_it_is(lazy):
    assert value(lazy, "deletions_pending") == value(lazy, "deletions_oldest_seconds") == 0
    leave_pending(lazy, 3)
    time.sleep(0.1)
    assert value(lazy, "deletions_pending") == 3
    assert value(lazy, "users_being_erased") == 3
    assert 0.1 <= value(lazy, "deletions_oldest_seconds") < 20
    assert value(lazy, "deletions_finished_per_second") == 0
    assert str(value(lazy, "time_to_clean_seconds")) == "nan"
    lazy.sweep()
    assert value(lazy, "deletions_pending") == value(lazy, "time_to_clean_seconds") == 0
    assert value(lazy, "deletions_finished_per_second") > 0
    assert value(lazy, "deletions_finished_total", reason="user") == 3
    assert value(lazy, "users_erased_total") == 3


def test_requests_are_counted_by_route_and_code(lazy):
    ada = lazy.create()["id"]
    lazy.user(ada)
    lazy.user("01900000-0000-7000-8000-000000000000")
    lazy.public.get("/api/nothing-here")
    assert value(lazy, "http_requests_total", listener="public", method="POST", route="/api/users",
                 code="201") == 1
    assert value(lazy, "http_requests_total", method="GET", route="/api/users/{id}",
                 code="200") == 1
    assert value(lazy, "http_requests_total", route="/api/users/{id}", code="404") == 1
    assert value(lazy, "http_requests_total", listener="public", method="none", route="none",
                 code="404") == 1
    assert value(lazy, "http_request_duration_seconds_count", route="/api/users/{id}") == 2
    assert value(lazy, "http_request_duration_seconds_bucket", route="/api/users/{id}",
                 le="+Inf") == 2


def test_tries_are_counted_by_outcome_and_class(on_s3d, s3d):
    leave_pending(on_s3d, 4)
    first, second, *_ = [row["key"] for row in
                         on_s3d.private.get("/api/deletions").data["items"]]
    s3d.fault(f"key-error,key={first},code=AccessDenied,status=403")
    s3d.fault(f"key-error,key={second},code=InternalError,status=500")
    on_s3d.sweep()
    assert value(on_s3d, "deletion_attempts_total", outcome="done", **{"class": "none"}) == 2
    assert value(on_s3d, "deletion_attempts_total", outcome="blocked",
                 **{"class": "AccessDenied"}) == 1
    assert value(on_s3d, "deletion_attempts_total", outcome="retry",
                 **{"class": "InternalError"}) == 1
    assert value(on_s3d, "deletions_blocked") == 1
    assert value(on_s3d, "deletions_pending") == 1


def test_a_store_that_invents_codes_gets_no_label_for_each(on_s3d, s3d):
    leave_pending(on_s3d, 60)
    for number, row in enumerate(on_s3d.private.get("/api/deletions").data["items"]):
        s3d.fault(f"key-error,key={row['key']},code=Invented{number},status=418")
    on_s3d.sweep()
    samples = [labels for name, labels in scrape(on_s3d)
               if name == "users_service_deletion_attempts_total"]
    assert len(samples) <= 49
    assert value(on_s3d, "deletion_attempts_total", outcome="other", **{"class": "other"}) >= 10
    assert value(on_s3d, "deletion_attempts_total") == 60


def test_an_outage_is_seen_and_its_end(on_s3d, s3d):
    assert value(on_s3d, "breaker_state", state="closed") == 1
    leave_pending(on_s3d, 5)
    s3d.fault("refuse,status=503,code=SlowDown")
    on_s3d.wait_for(lambda: on_s3d.sweep()[-1]["breaker"] == "open")
    assert value(on_s3d, "breaker_state", state="closed") == 0
    assert value(on_s3d, "breaker_opened_total") == 1
    assert value(on_s3d, "sweeps_without_effect") >= 1
    assert value(on_s3d, "provider_calls_total", verb="delete") >= 1
    s3d.clear()
    on_s3d.wait_for(lambda: on_s3d.sweep()[-1]["remaining"] == 0)
    assert value(on_s3d, "breaker_state", state="closed") == 1
    assert value(on_s3d, "sweeps_without_effect") == 0


def test_the_store_and_the_database_are_timed(on_s3d):
    on_s3d.create_with_avatar()
    assert value(on_s3d, "provider_calls_total", verb="put", answer="200") == 1
    assert value(on_s3d, "provider_call_duration_seconds_count", verb="put") == 1
    assert 0 < value(on_s3d, "provider_call_duration_seconds_sum", verb="put") < 30
    batches = value(on_s3d, "commit_batch_operations_count")
    assert batches >= 3
    assert value(on_s3d, "commit_batch_operations_sum") >= batches
    assert value(on_s3d, "commit_duration_seconds_count") == batches
    for mailbox in ("store", "lookups", "files", "engine"):
        assert 0 <= value(on_s3d, "mailbox_depth", mailbox=mailbox) \
            < value(on_s3d, "mailbox_capacity", mailbox=mailbox)


def test_a_call_of_the_job_is_told_from_one_of_the_page(lazy):
    assert value(lazy, "job_last_call_timestamp_seconds") == 0
    lazy.private.delete("/api/users/fallback", headers={"Called-By-Page": "1"})
    assert value(lazy, "job_last_call_timestamp_seconds") == 0
    assert value(lazy, "sweeps_total", caller="page") == 1
    lazy.sweep()
    assert abs(value(lazy, "job_last_call_timestamp_seconds") - time.time()) < 20
    assert value(lazy, "sweeps_total", caller="job", outcome="nothing-to-do") == 1
    assert value(lazy, "job_late_after_seconds") == 3600


def test_the_status_says_the_same(lazy):
    leave_pending(lazy, 2)
    status = lazy.private.get("/api/status").data
    assert status["pace"] == {"donePerSecond": 0.0, "timeToCleanSeconds": None}
    assert status["job"] == {"lastCallAt": None, "lateAfterSeconds": 3600, "late": False,
                             "sweepsWithoutEffect": 0}
    (store,) = status["stores"]
    assert store["breaker"] == "closed" and store["id"] and store["trouble"] is None
    lazy.sweep()
    status = lazy.private.get("/api/status").data
    assert status["pace"]["donePerSecond"] > 0 and status["pace"]["timeToCleanSeconds"] == 0
    assert status["job"]["lastCallAt"].endswith("Z")


def test_a_job_that_does_not_call_is_late(service):
    users = service(job_late_after="1s")
    users.wait_for(lambda: users.private.get("/api/status").data["job"]["late"])
    users.sweep()
    assert not users.private.get("/api/status").data["job"]["late"]


def test_the_last_hour_has_a_point_from_the_start(lazy):
    def history():
        return lazy.private.get("/api/status/history").data
    assert history()["columns"] == ["at", "pending", "blocked", "done", "failed"]
    at, *numbers = lazy.wait_for(lambda: history()["points"])[0]
    assert abs(at / 1000 - time.time()) < 30 and numbers == [0, 0, 0, 0]


def test_nothing_of_a_user_is_in_them(lazy):
    ada = lazy.create(avatar=images.png(), firstName="Graceful", email="g@hopper.example")
    lazy.user(ada["id"])
    lazy.avatar(ada["id"])
    lazy.public.get(f"/api/{ada['id']}/hopper")
    lazy.public.call("BREW", "/api/users")
    lazy.delete(ada["id"])
    lazy.sweep()
    text = lazy.private.get("/metrics").text
    for secret in (ada["id"], ada["userName"], "Graceful", "hopper", "BREW", lazy.token):
        assert secret not in text
