"""The private listener: the sweep, the list of deletions, and who may ask for them."""
import json

import pytest

from support import images

SWEEP = "/api/users/fallback"
FIELDS = {"attempted", "deleted", "failed", "blocked", "remaining", "scheduled", "more", "cursor",
          "oldestPendingSeconds", "nextDueAt", "breaker"}
ROUTES = [("DELETE", SWEEP), ("GET", "/api/deletions"), ("POST", "/api/deletions"),
          ("POST", "/api/deletions/retry"), ("GET", "/api/status"), ("GET", "/metrics")]


@pytest.fixture
def lazy(service):
    """A service that finishes nothing by itself: only the sweep does."""
    return service(inline="off", timer="off")


def leave_pending(users, count):
    """Deletes users with avatars; their keys are left for the sweep."""
    made = [users.create_with_avatar()["id"] for _ in range(count)]
    for user_id in made:
        assert users.delete(user_id).status == 202
    return made


def assert_adds_up(page):
    assert set(page) == FIELDS
    assert page["attempted"] == page["deleted"] + page["failed"] + page["blocked"]
    assert (page["cursor"] is not None) == page["more"]
    assert page["breaker"] in ("closed", "open", "half-open")
    assert isinstance(page["oldestPendingSeconds"], int)


# Who may ask.

@pytest.mark.parametrize("method, path", ROUTES)
@pytest.mark.parametrize("credential", [
    None, "Bearer", "Bearer ", "Bearer wrong", "Basic dG9rZW46", "bearer  x", "Bearer {token}x",
    "Bearer {half}"])
def test_without_the_token_nobody_gets_in(service, method, path, credential):
    users = service()
    headers = {}
    if credential:
        headers["Authorization"] = credential.format(token=users.token,
                                                     half=users.token[:len(users.token) // 2])
    users.private.token = None
    answer = users.private.call(method, path, headers=headers)
    assert answer.status == 401, answer
    assert answer.json["status"] == "Unauthorized"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_token_is_never_logged(lazy):
    lazy.sweep()
    lazy.private.delete(SWEEP, headers={"Authorization": "Bearer guess-of-somebody"})
    lazy.stop()
    assert lazy.token not in lazy.log() and "guess-of-somebody" not in lazy.log()


def test_health_needs_no_token(lazy):
    lazy.private.token = None
    assert lazy.private.get("/api/health").json == {"message": "I'm Alive"}


def test_the_page_needs_no_token(lazy):
    lazy.private.token = None
    page = lazy.private.get("/")
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "Set-Cookie" not in page.headers


@pytest.mark.parametrize("name, kind", [
    ("page.js", "text/javascript"), ("page.css", "text/css"), ("icon.svg", "image/svg+xml"),
    ("index.html", "text/html"), ("chart.js.licence.txt", "text/plain")])
def test_nor_do_its_files_which_are_sent_once(lazy, name, kind):
    lazy.private.token = None
    for path in [f"/web/{name}", "/"]:
        first = lazy.private.get(path)
        assert first.status == 200 and len(first.body) > 100
        again = lazy.private.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status, again.body) == (304, b"")
    assert lazy.private.get(f"/web/{name}").headers["Content-Type"].startswith(kind)
    assert lazy.private.get(f"/web/{name}x").status == 404


@pytest.mark.parametrize("method, path", [
    ("GET", "/api/users"), ("POST", "/api/users"),
    ("GET", "/api/users/01900000-0000-7000-8000-000000000000"),
    ("DELETE", "/api/users/01900000-0000-7000-8000-000000000000"),
    ("GET", "/api/users/01900000-0000-7000-8000-000000000000/avatar"),
    ("GET", "/api/deletions/01900000-0000-7000-8000-000000000000")])
def test_the_public_routes_do_not_exist_here(lazy, method, path):
    assert lazy.private.call(method, path).status == 404


# The sweep.

def test_a_sweep_of_nothing_has_nothing_to_report(lazy):
    (page,) = lazy.sweep()
    assert_adds_up(page)
    assert page == {"attempted": 0, "deleted": 0, "failed": 0, "blocked": 0, "remaining": 0,
                    "scheduled": 0, "more": False, "cursor": None, "oldestPendingSeconds": 0,
                    "nextDueAt": None, "breaker": "closed"}


def test_a_sweep_finishes_everything(lazy, agrees):
    made = leave_pending(lazy, 7)
    assert len(lazy.objects()) == 7
    (page,) = lazy.sweep()
    assert_adds_up(page)
    assert (page["attempted"], page["deleted"], page["remaining"]) == (7, 7, 0)
    assert lazy.objects() == []
    assert all(lazy.erased(user_id) for user_id in made)
    agrees(lazy)


def test_a_sweep_goes_on_where_its_cursor_says(lazy, agrees):
    leave_pending(lazy, 10)
    pages = lazy.sweep(limit=3)
    assert all(assert_adds_up(page) is None for page in pages)
    assert [page["attempted"] for page in pages if page["attempted"]] == [3, 3, 3, 1]
    assert [page["remaining"] for page in pages][-1] == 0
    agrees(lazy)


def test_a_sweep_tries_each_row_once_and_then_ends(service, s3d):
    users = service(files=s3d.url(), environment=s3d.environment, inline="off", timer="off")
    users.wait_until_ready()
    leave_pending(users, 9)
    s3d.fault("key-error,code=InternalError,status=500")
    pages = users.sweep(limit=4)
    assert sum(page["attempted"] for page in pages) == 9
    assert sum(page["failed"] for page in pages) == 9
    assert pages[-1]["remaining"] == 9 and not pages[-1]["more"]
    assert s3d.count("avatars/") == 9
    s3d.clear()
    users.sweep()
    assert s3d.count("avatars/") == 0


def test_many_sweeps_at_once_attempt_every_row_once(lazy, agrees):
    import concurrent.futures
    leave_pending(lazy, 60)

    def one(_):
        client = lazy.private_client()
        return client.delete(SWEEP).data
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(one, range(8)))
    for page in pages:
        assert_adds_up(page)
    assert sum(page["deleted"] for page in pages) == 60
    agrees(lazy)


@pytest.mark.parametrize("query", [
    "limit=0", "limit=10001", "limit=-1", "limit=x", "limit=", "timeout=0s", "timeout=301s",
    "timeout=25", "timeout=x", "timeout=", "timeout=500ms", "cursor=%21%21", "limit=1&limit=1"])
def test_a_sweep_out_of_bounds_is_400(lazy, query):
    answer = lazy.private.delete(f"{SWEEP}?{query}")
    assert answer.status == 400, answer
    assert answer.json["status"] == "BadRequest"


@pytest.mark.parametrize("query", ["limit=1", "limit=10000", "timeout=1s", "timeout=300s",
                                   "timeout=5m", "limit=5&timeout=2s"])
def test_a_sweep_within_bounds_is_200(lazy, query):
    assert lazy.private.delete(f"{SWEEP}?{query}").status == 200


def test_a_sweep_streams_its_progress_on_request(lazy):
    leave_pending(lazy, 5)
    answer = lazy.private.delete(SWEEP, headers={"Accept": "application/x-ndjson"})
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines[-1]["status"] == "ok"
    assert_adds_up(lines[-1]["data"])
    assert lines[-1]["data"]["deleted"] == 5


def test_guards_are_scheduled_and_not_pending(service, s3d):
    users = service(files=s3d.url(), environment=s3d.environment)
    users.wait_until_ready()
    ada = users.create()["id"]
    s3d.fault("lose,verb=PUT")
    assert users.put_avatar(ada, images.png()).status == 503
    (page,) = users.sweep()
    assert_adds_up(page)
    assert (page["remaining"], page["scheduled"], page["attempted"]) == (0, 1, 0)
    assert page["oldestPendingSeconds"] == 0
    assert page["nextDueAt"].endswith("Z")
    assert s3d.count("avatars/") == 1


def test_with_the_breaker_open_a_sweep_sends_one_probe_and_ends(service, s3d):
    users = service(files=s3d.url(), environment=s3d.environment, inline="off", timer="off")
    users.wait_until_ready()
    leave_pending(users, 30)
    s3d.fault("refuse,verb=DELETE,status=503,code=SlowDown")
    users.wait_for(lambda: users.sweep()[-1]["breaker"] == "open")
    requests = s3d.status()["requests"]
    before = requests["BATCH"] + requests["DELETE"]
    (page,) = users.sweep()
    requests = s3d.status()["requests"]
    assert requests["BATCH"] + requests["DELETE"] - before <= 1
    assert page["breaker"] == "open" and not page["more"] and page["remaining"] == 30
    s3d.clear()
    users.wait_for(lambda: users.sweep()[-1]["remaining"] == 0)
    assert s3d.count("avatars/") == 0


# Receipts.

def test_a_receipt_is_the_one_that_the_public_sees(lazy):
    (ada,) = leave_pending(lazy, 1)
    assert lazy.private.get(f"/api/receipts/{ada}").data == lazy.receipt(ada).data
    lazy.sweep()
    receipt = lazy.private.get(f"/api/receipts/{ada}")
    assert receipt.data["state"] == "deleted" and receipt.data == lazy.receipt(ada).data
    for nobody in (lazy.create()["id"], "01900000-0000-7000-8000-000000000000", "x"):
        assert lazy.private.get(f"/api/receipts/{nobody}").status == 404


# Deletions.

def test_deletions_are_listed(lazy):
    made = leave_pending(lazy, 5)
    seen, cursor = [], None
    while True:
        page = lazy.private.get("/api/deletions", limit=2, cursor=cursor).data
        seen += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert {row["userId"] for row in seen} == set(made)
    assert set(seen[0]) >= {"key", "userId", "reason", "state", "attempts", "errorClass", "error",
                            "createdAt", "dueAt", "notBefore"}
    assert all(row["state"] == "pending" and row["reason"] == "user" for row in seen)
    assert {row["key"] for row in seen} == {"avatars/" + name for name in lazy.objects()}


def test_deletions_are_filtered_by_state_and_class(service, s3d):
    users = service(files=s3d.url(), environment=s3d.environment, inline="off", timer="off")
    users.wait_until_ready()
    leave_pending(users, 2)
    blocked_key = users.private.get("/api/deletions").data["items"][0]["key"]
    s3d.fault(f"key-error,key={blocked_key},code=AccessDenied,status=403")
    users.sweep()

    def keys(**query):
        return [row["key"] for row in users.private.get("/api/deletions", **query).data["items"]]

    assert keys() == keys(state="blocked") == [blocked_key]
    assert keys(state="pending") == []
    (row,) = users.private.get("/api/deletions").data["items"]
    assert row["errorClass"] and row["error"] and row["attempts"] == 1
    assert keys(errorClass=row["errorClass"]) == [blocked_key]
    assert keys(errorClass="SomethingElse") == []
    assert users.private.get("/api/deletions", state="done").status == 400


def test_a_blocked_deletion_is_visible_and_can_be_tried_again(service, s3d, agrees):
    users = service(files=s3d.url(), environment=s3d.environment)
    users.wait_until_ready()
    ada = users.create_with_avatar()["id"]
    s3d.fault("refuse,verb=DELETE,status=403,code=AccessDenied")
    s3d.fault("key-error,code=AccessDenied,status=403")
    assert users.delete(ada).status == 202
    users.wait_for(lambda: users.receipt(ada).data["state"] == "blocked")
    assert users.delete(ada).status == 202
    s3d.clear()
    answer = users.private.post("/api/deletions/retry", {"state": "blocked"})
    assert answer.status == 202 and answer.data["matched"] == 1
    users.wait_until_erased(ada)
    agrees(users, s3d)


@pytest.mark.parametrize("body", [
    {}, {"key": "a", "state": "blocked"}, {"state": "done"}, {"unknown": 1}, {"key": 7}, []])
def test_a_retry_wants_exactly_one_of_its_three(lazy, body):
    assert lazy.private.post("/api/deletions/retry", body).status in (400, 422)


def test_a_retry_of_nothing_matches_nothing(lazy):
    for body in ({"key": "avatars/nothing"}, {"state": "blocked"}, {"errorClass": "timeout"}):
        answer = lazy.private.post("/api/deletions/retry", body)
        assert answer.status == 202 and answer.data["matched"] == 0


def test_an_object_of_somebody_else_can_be_handed_over(lazy, agrees):
    foreign = lazy.files / "invoices" / "2026.pdf"
    foreign.parent.mkdir()
    foreign.write_bytes(b"%PDF")
    for _ in range(2):
        assert lazy.private.post("/api/deletions", {"key": "invoices/2026.pdf"}).status == 202
    (row,) = lazy.private.get("/api/deletions").data["items"]
    assert (row["key"], row["reason"], row["userId"]) == ("invoices/2026.pdf", "external", None)
    lazy.sweep()
    assert not foreign.exists()
    agrees(lazy)


@pytest.mark.parametrize("key", ["avatars/x", "avatars/01900000-0000-7000-8000-000000000000",
                                 ".fallback-store", ".tmp/x"])
def test_what_is_ours_cannot_be_handed_over(lazy, key):
    answer = lazy.private.post("/api/deletions", {"key": key})
    assert answer.status == 409 and answer.json["status"] == "Conflict"


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/./b", "x" * 600,
                                 "ü", "a\nb", 7, None])
def test_a_key_that_is_none_cannot_be_handed_over(lazy, key):
    assert lazy.private.post("/api/deletions", {"key": key}).status in (400, 422)


# Numbers.

def test_status_tells_what_is_left(lazy):
    leave_pending(lazy, 3)
    answer = lazy.private.get("/api/status")
    assert answer.status == 200 and "3" in json.dumps(answer.data)


def test_metrics_tell_what_is_left(lazy):
    leave_pending(lazy, 3)
    text = lazy.private.get("/metrics")
    assert text.status == 200 and text.headers["Content-Type"].startswith("text/plain")
    assert "# TYPE" in text.text and "# HELP" in text.text
    assert any(line.split()[-1] == "3" for line in text.text.splitlines() if "pending" in line)
