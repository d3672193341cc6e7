"""What the first published version of this pattern got wrong, one test for each."""
import threading

import pytest

from support import images, job
from support.client import NO_ANSWER
from support.service import person

NOBODY = "01900000-0000-7000-8000-000000000000"


def on(s3d, service, **options):
    users = service(files=s3d.url(), environment=s3d.environment, **options)
    return users.wait_until_ready()


@pytest.mark.parametrize("rule", ["hang,verb=DELETE,effect=on", "hang,verb=DELETE"],
                         ids=["the image is gone", "the image is there"])
def test_a_crash_during_a_delete_leaves_no_unmarked_user(service, s3d, agrees, rule):
    """It deleted the image first and marked the user only after an error."""
    users = on(s3d, service, delete_wait="30s", lease="10s")
    ada = users.create_with_avatar()["id"]
    s3d.fault(rule)

    def delete():
        try:
            users.client().delete(f"/api/users/{ada}")
        except NO_ANSWER:
            pass

    request = threading.Thread(target=delete)
    request.start()
    s3d.wait_for(lambda: s3d.status()["hanging"] >= 1)
    users.kill()
    request.join()
    agrees(users, s3d, quiescent=False, log=[{"op": "create", "id": ada, "status": 201,
                                              "sha256": None},
                                             {"op": "delete", "id": ada, "status": 202}])
    s3d.clear()
    users.start(lease="2s")
    assert users.user(ada).status == 404
    users.wait_until_erased(ada)
    agrees(users, s3d)


def test_the_normal_path_works_on_real_files_and_a_real_database(service, agrees):
    """Its file server was a stub that always failed, its database a slice in memory."""
    users = service()
    ada, grace = (users.create_with_avatar()["id"] for _ in range(2))
    assert users.delete(ada).status == 200
    users.restart()
    assert users.user(ada).status == 404 and users.user(grace).status == 200
    assert len(users.objects()) == 1
    agrees(users)
    assert users.rows("SELECT id FROM users") == [(grace,)]


def test_the_fallback_route_is_not_public_and_not_open(service):
    """Its fallback route was public."""
    users = service()
    assert users.public.delete("/api/users/fallback").status == 404
    users.private.token = None
    assert users.private.delete("/api/users/fallback").status == 401


def test_nobody_is_not_an_empty_user(service):
    """GET answered 200 with an empty user."""
    users = service()
    answer = users.user(NOBODY)
    assert answer.status == 404 and answer.json["status"] == "NotFound"


def test_an_update_does_not_take_a_deletion_back(service, agrees):
    """PUT un-marked a user that was being deleted."""
    users = service(inline="off", timer="off")
    ada = users.create_with_avatar()
    assert users.delete(ada["id"]).status == 202
    assert users.public.put(f"/api/users/{ada['id']}", person()).status == 404
    assert users.public.put(f"/api/users/{ada['id']}", ada).status == 404
    assert users.put_avatar(ada["id"], images.png()).status == 404
    assert users.user(ada["id"]).status == 404
    users.sweep()
    assert users.erased(ada["id"])
    agrees(users)


def test_a_sweep_in_which_everything_fails_is_an_answer(service, s3d):
    """The error logger panicked, so the sweep answered 500."""
    users = on(s3d, service, inline="off", timer="off")
    ada = users.create_with_avatar()["id"]
    users.delete(ada)
    s3d.fault("refuse,verb=DELETE,status=500,code=InternalError")
    answer = users.private.delete("/api/users/fallback")
    assert answer.status == 200
    assert answer.data["attempted"] == answer.data["failed"] == 1
    assert answer.data["remaining"] == 1
    assert users.process.is_running()


def test_one_bad_item_stops_none_of_the_others(service, s3d, agrees):
    """The sweep was one request after another and stopped at the first error."""
    users = on(s3d, service, inline="off", timer="off")
    made = [users.create_with_avatar()["id"] for _ in range(20)]
    for user_id in made:
        users.delete(user_id)
    keys = [row["key"] for row in users.private.get("/api/deletions").data["items"]]
    s3d.fault(f"key-error,key={keys[0]},code=AccessDenied,status=403",
              f"key-error,key={keys[1]},code=InternalError,status=500")
    pages = users.sweep()
    assert sum(page["deleted"] for page in pages) == 18
    assert s3d.count("avatars/") == 2
    assert sum(users.erased(user_id) for user_id in made) == 18
    s3d.clear()
    users.private.post("/api/deletions/retry", {"state": "blocked"})
    users.sweep()
    agrees(users, s3d)
    assert s3d.count("avatars/") == 0


def test_a_sweep_asks_the_store_for_many_keys_at_once(service, s3d):
    """One request for each item."""
    users = on(s3d, service, inline="off", timer="off")
    for _ in range(50):
        users.delete(users.create_with_avatar()["id"])
    before = s3d.status()["requests"]
    users.sweep()
    after = s3d.status()["requests"]
    asked = sum(after[verb] - before[verb] for verb in ("DELETE", "BATCH"))
    assert s3d.count("avatars/") == 0 and asked <= 5


def test_the_job_says_by_its_exit_code_what_went_wrong(service, s3d):
    """The job looked at the service once, then died on the first non-200 in a goroutine."""
    users = on(s3d, service, inline="off", timer="off")
    ada = users.create_with_avatar()["id"]
    users.delete(ada)
    s3d.fault("refuse,verb=DELETE,status=500,code=InternalError")
    failed = job.run(users)
    assert failed.returncode == 70, failed.stderr
    s3d.clear()
    # The breaker may want its pause before it lets work through again.
    users.wait_for(lambda: job.run(users).returncode == 0)
    assert users.erased(ada)
    users.stop()
    assert job.run(users, startup_timeout="1s").returncode == 69
