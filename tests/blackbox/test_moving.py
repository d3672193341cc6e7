"""A service moves to another bucket while it runs: --files the new one, --files-also the old."""
import pytest

from tests.support import images, programs

PATIENCE = 30


@pytest.fixture
def stores(s3d_with):
    """The old store and the new one, both empty."""
    return s3d_with(), s3d_with()


def url(store):
    return store.url("p")


def names(store):
    return sorted(store.objects("p/avatars/"))


@pytest.fixture
def moved(service, stores):
    """
    Users with an avatar in the old store, and the service on the new one.

        one, users = moved(3)
    """
    def move(count, **options):
        old, new = stores
        one = service(files=url(old), environment=old.environment, **options).wait_until_ready()
        users = [one.create_with_avatar() for _ in range(count)]
        one.restart(files=url(new), files_also=url(old)).wait_until_ready()
        return one, users
    return move


def rows(one):
    return one.private.get("/api/deletions").data["items"]


def erase(one, user):
    answer = one.delete(user["id"])
    assert answer.status == 200, answer


def test_new_images_go_to_the_new_store_and_old_ones_stay_in_reach(moved, stores):
    old, new = stores
    one, (early, other) = moved(2)
    late = one.create_with_avatar()
    assert (len(names(old)), len(names(new))) == (2, 1)
    for user in (early, late):
        assert one.avatar(user["id"]).status == 200
    erase(one, early)
    assert (len(names(old)), len(names(new))) == (1, 1)
    erase(one, late)
    assert (len(names(old)), len(names(new))) == (1, 0)
    # A new image of an old user: the old one is deleted where it is.
    assert one.put_avatar(other["id"], images.png(width=9)).status == 200
    programs.wait_for(lambda: not names(old), what="the old image to go")
    assert len(names(new)) == 1
    assert one.avatar(other["id"]).status == 200


def test_a_page_of_both_stores_is_finished_in_both(moved, stores):
    old, new = stores
    one, users = moved(12, inline="off", timer="off")
    users += [one.create_with_avatar() for _ in range(12)]
    for user in users:
        assert one.delete(user["id"]).status == 202
    (page,) = one.sweep()
    assert page["deleted"] == 24
    assert (names(old), names(new)) == ([], [])
    assert all(one.erased(user["id"]) for user in users)


def test_while_the_old_store_is_down_the_new_one_pays_nothing(moved, stores):
    old, new = stores
    one, users = moved(4)
    late = [one.create_with_avatar() for _ in range(3)]
    old.fault("off")
    for user in users:
        assert one.delete(user["id"]).status == 202
    for user in late:
        erase(one, user)
    assert one.create_with_avatar()
    assert {row["state"] for row in rows(one)} == {"pending"}
    old.clear()
    for user in users:
        one.wait_until_erased(user["id"])
    assert names(old) == []
    assert len(names(new)) == 1


def test_a_start_while_the_old_store_is_down_keeps_what_is_to_be_deleted_there(moved, stores):
    old, _ = stores
    one, (user,) = moved(1)
    old.fault("off")
    assert one.delete(user["id"]).status == 202
    one.restart().wait_until_ready()
    late = one.create_with_avatar()
    (page,) = one.sweep()
    assert page["blocked"] == 0
    (row,) = rows(one)
    assert row["state"] == "pending"
    erase(one, late)
    old.clear()
    one.wait_until_erased(user["id"])
    assert names(old) == []


def test_a_store_that_hangs_delays_only_its_own(moved, stores):
    old, _ = stores
    one, users = moved(8, files_timeout="1s", lease="4s")
    late = [one.create_with_avatar() for _ in range(3)]
    old.fault("hang")
    for user in users:
        assert one.delete(user["id"]).status == 202
    for user in late:
        erase(one, user)
    old.clear()
    for user in users:
        one.wait_until_erased(user["id"], timeout=PATIENCE)


def test_the_new_store_is_taken_only_beside_the_old_one(service, stores, s3d_with):
    old, new = stores
    one = service(files=url(old), environment=old.environment).wait_until_ready()
    user = one.create_with_avatar()
    one.stop()
    refused = one.run(files=url(new))
    assert refused.returncode == 78
    stranger = s3d_with()
    refused = one.run(files=url(new), files_also=url(stranger))
    assert refused.returncode == 78
    assert "--files-also" in refused.stderr
    assert (new.objects(), stranger.objects()) == ({}, {})
    one.start(files=url(new), files_also=url(old)).wait_until_ready()
    erase(one, user)
    # Moved: the old store alone is the wrong one now, and both the other way round are a move.
    one.stop()
    assert one.run(files=url(old), files_also=None).returncode == 78
    one.start(files=url(old), files_also=url(new)).wait_until_ready()


def test_a_move_waits_for_the_old_store_to_answer(service, stores):
    old, new = stores
    one = service(files=url(old), environment=old.environment).wait_until_ready()
    user = one.create_with_avatar()
    one.stop()
    old.fault("off")
    one.start(files=url(new), files_also=url(old))
    assert one.public.get("/api/ready").status == 503
    assert one.put_avatar(user["id"], images.png()).status == 503
    assert new.objects() == {}
    old.clear()
    one.wait_until_ready()
    assert one.avatar(user["id"]).status == 200


def test_what_is_in_a_store_that_is_not_given_any_more_is_never_finished(moved, stores):
    old, new = stores
    one, (user,) = moved(1)
    one.restart(files_also=None).wait_until_ready()
    assert one.delete(user["id"]).status == 202
    one.sweep()
    (row,) = rows(one)
    assert (row["state"], row["errorClass"]) == ("blocked", "wrong-store")
    assert len(names(old)) == 1
    one.restart(files_also=url(old)).wait_until_ready()
    one.private.post("/api/deletions/retry", {"key": row["key"]})
    one.wait_until_erased(user["id"])
    assert names(old) == []
