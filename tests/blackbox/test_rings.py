"""Whichever of its three triggers is missing, the end is the same."""
import hashlib

import pytest

from support import images, job
from support.service import person

RINGS = {"all": {}, "no inline": {"inline": "off"}, "no timer": {"timer": "off"},
         "only the sweep": {"inline": "off", "timer": "off"}}


def live_through(users):
    """Everything that makes an object unneeded; returns who is to be left, with which avatar."""
    left, gone = {}, []
    for number in range(12):
        user_id = users.create(avatar=images.png() if number % 3 else None)["id"]
        digest = users.user(user_id).data["avatar"]
        if number % 4 == 1:
            for _ in range(3):
                image = images.gif()
                assert users.put_avatar(user_id, image).status in (200, 201)
            digest = {"sha256": hashlib.sha256(image).hexdigest()}
        if number % 5 == 2:
            assert users.public.delete(f"/api/users/{user_id}/avatar").status in (200, 202)
            digest = None
        assert users.public.put(f"/api/users/{user_id}", person()).status == 200
        if number % 2:
            assert users.delete(user_id).status in (200, 202)
            gone.append(user_id)
        else:
            left[user_id] = digest and digest["sha256"]
    return left, gone


@pytest.mark.parametrize("provider", ["local", "s3d", "ceph"])
@pytest.mark.parametrize("rings", RINGS)
def test_the_end_is_the_same(service, request, agrees, rings, provider):
    bucket = None if provider == "local" else request.getfixturevalue(provider)
    prefix = "some/prefix" if bucket else ""
    files = {"files": bucket.url(prefix), "environment": bucket.environment} if bucket else {}
    users = service(**RINGS[rings], **files).wait_until_ready()
    left, gone = live_through(users)
    if RINGS[rings].get("timer") == "off":
        done = job.run(users)
        assert done.returncode == 0, done.stderr
    for user_id in gone:
        users.wait_until_erased(user_id)
    users.wait_for(lambda: users.private.get("/api/deletions").data["items"] == [])
    for user_id, digest in left.items():
        avatar = users.user(user_id).data["avatar"]
        assert (avatar and avatar["sha256"]) == digest
    log = [{"op": "create", "id": user_id, "status": 201} for user_id in gone]
    log += [{"op": "delete", "id": user_id, "status": 200} for user_id in gone]
    agrees(users, bucket, prefix, log=log)
    objects = bucket.objects(prefix + "/avatars/") if bucket else users.objects()
    assert len(objects) == sum(digest is not None for digest in left.values())


def test_without_inline_and_timer_nothing_is_done_before_the_sweep(service):
    users = service(**RINGS["only the sweep"])
    made = [users.create_with_avatar()["id"] for _ in range(3)]
    assert [users.delete(user_id).status for user_id in made] == [202] * 3
    users.restart()
    assert len(users.objects()) == 3
    assert users.sweep()[-1]["remaining"] == 0
    assert users.objects() == []


def test_without_inline_the_timer_does_it(service):
    users = service(inline="off")
    ada = users.create_with_avatar()["id"]
    assert users.delete(ada).status == 202
    users.wait_until_erased(ada)


def test_without_the_timer_the_request_does_it(service):
    users = service(timer="off")
    assert users.delete(users.create_with_avatar()["id"]).status == 200
