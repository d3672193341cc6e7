"""A store that accepts requests and never answers holds nobody up who does not need it."""
import concurrent.futures

import pytest

from support import images
from support.service import person


@pytest.fixture
def users(service, s3d):
    """A running service whose store has just stopped answering."""
    users = service(files=s3d.url(), environment=s3d.environment, delete_wait="1s",
                    files_timeout="3s", stop_timeout="2s")
    users.wait_until_ready()
    users.ids = [users.create_with_avatar()["id"] for _ in range(40)]
    users.plain = [users.create()["id"] for _ in range(40)]
    s3d.fault("hang")
    return users


def all_at_once(calls, threads=20):
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def test_deletes_are_answered_pending_and_done_when_the_store_is_back(users, s3d, agrees):
    answers = all_at_once([lambda user_id=user_id: users.client().delete(f"/api/users/{user_id}")
                           for user_id in users.ids])
    assert {answer.status for answer in answers} == {202}
    assert {users.user(user_id).status for user_id in users.ids} == {404}
    s3d.clear()
    for user_id in users.ids:
        users.wait_until_erased(user_id, 120)
    assert s3d.count("avatars/") == 0
    agrees(users, s3d)


def test_who_needs_no_store_is_served_while_others_wait_for_it(users, s3d):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(users.client(timeout=120).put, f"/api/users/{user_id}/avatar",
                               images.png()) for user_id in users.plain[:8]]
        s3d.wait_for(lambda: s3d.status()["hanging"] >= 1)
        for user_id in users.plain[8:]:
            assert users.user(user_id).status == 200
            assert users.public.put(f"/api/users/{user_id}", person()).status == 200
            assert users.delete(user_id).status == 200
        assert users.create()["id"]
        assert users.public.get("/api/health").status == 200
        # Hundreds of calls went through, and those that wait for the store still do.
        assert s3d.status()["hanging"] >= 1
        s3d.clear()
        assert all(future.result().status in (200, 201, 503) for future in waiting)


def test_a_full_house_of_hanging_uploads_does_not_stop_a_read(users, s3d):
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        uploads = [pool.submit(users.client(timeout=120).put, f"/api/users/{user_id}/avatar",
                               images.png(100, 100)) for user_id in users.plain]
        s3d.wait_for(lambda: s3d.status()["hanging"] >= 1)
        for user_id in users.ids:
            assert users.user(user_id).status == 200
        s3d.clear()
        assert all(future.result().status in (200, 201, 503) for future in uploads)


def test_a_sweep_of_a_hung_store_ends_with_an_answer(users):
    for user_id in users.ids[:5]:
        assert users.delete(user_id).status == 202
    answer = users.private.delete("/api/users/fallback?timeout=3s")
    assert answer.status == 200
    assert answer.data["deleted"] == 0 and answer.data["remaining"] == 5


def test_the_service_stops_while_its_store_hangs(users, agrees, s3d):
    for user_id in users.ids[:3]:
        users.delete(user_id)
    users.stop()
    s3d.clear()
    users.start()
    for user_id in users.ids[:3]:
        users.wait_until_erased(user_id, 60)
    agrees(users, s3d)


def test_the_service_starts_while_its_store_hangs(users, s3d):
    users.restart()
    assert users.user(users.ids[0]).status == 200
    assert users.public.get("/api/ready").status == 503
    refused = users.put_avatar(users.plain[0], images.png())
    assert refused.status == 503 and refused.headers["Retry-After"]
    assert users.delete(users.ids[0]).status == 202
    s3d.clear()
    users.wait_until_ready()
    users.wait_until_erased(users.ids[0], 60)
