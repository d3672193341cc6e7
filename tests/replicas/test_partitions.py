"""
A replica that is cut off from one thing that it needs, for as long as that takes to be noticed:
what cannot be done is answered 503, with when to try again; the rest is done; and afterwards all is
well without anybody's help.
"""
import pytest

from support import images
from support.service import person

LONG = {"timeout": 120}


@pytest.fixture
def one(stage):
    """A replica, ready, on `one.stage`."""
    all_of_it = stage(1, delete_wait="2s", lease="5s", upload_guard="60s")
    replica = all_of_it.replicas[0]
    replica.stage = all_of_it
    return replica


def statuses(one, *calls):
    """Of calls of the public API; that a 503 says when to try again is part of the contract."""
    client = one.client(**LONG)
    return [client.call(*call).status for call in calls]


def finishes(one, user_id):
    """Everything works again, by itself."""
    one.wait_for(lambda: one.public.get("/api/ready").status == 200, 60, "it to be ready")
    one.wait_for(lambda: one.delete(user_id).status in (200, 202), 60, "the delete", 0.5)
    one.wait_until_erased(user_id, 60)
    assert one.stage.run_job(one).returncode == 0


def test_cut_off_from_the_database_nothing_is_promised(one, agrees):
    ada = one.create_with_avatar()["id"]
    user = f"/api/users/{ada}"
    for server in one.stage.pair.servers:
        one.stage.net.cut(one.node, server.node)
    asked = statuses(one, ("GET", user), ("POST", "/api/users", person()), ("PUT", user, person()),
                     ("PUT", f"{user}/avatar", images.png()), ("DELETE", user),
                     ("GET", "/api/ready"), ("GET", "/api/health"))
    assert asked == [503, 503, 503, 503, 503, 503, 200]
    assert one.private_client(**LONG).delete("/api/users/fallback").status == 503
    assert one.stage.run_job(one).returncode == 70
    one.stage.net.mend()
    finishes(one, ada)
    agrees(one, one.stage.store)


def test_cut_off_from_the_store_deletes_are_taken_and_uploads_are_not(one, agrees):
    ada, bob, eve = one.create_with_avatar()["id"], one.create()["id"], one.create()["id"]
    one.stage.net.cut(one.node, one.stage.store_node)
    asked = statuses(one, ("DELETE", f"/api/users/{ada}"), ("GET", f"/api/users/{bob}"),
                     ("PUT", f"/api/users/{bob}/avatar", images.png()))
    assert asked == [202, 200, 503]
    one.stage.net.mend()
    one.wait_until_erased(ada, 60)
    finishes(one, eve)
    # What became of the upload is its guard's to find out.
    agrees(one, one.stage.store, quiescent=False)


def test_cut_off_from_the_broker_nothing_is_refused(one, agrees):
    ada, bob = one.create_with_avatar()["id"], one.create_with_avatar()["id"]
    one.stage.net.cut(one.node, one.stage.broker.node)
    assert statuses(one, ("DELETE", f"/api/users/{ada}")) == [200]
    one.stage.net.mend()
    finishes(one, bob)
    agrees(one, one.stage.store)


def test_a_job_that_does_not_reach_the_service_says_so(one, agrees):
    one.stage.net.cut(one.stage.job_node, one.node)
    assert one.stage.run_job(one, health_timeout="2s").returncode == 69
    one.stage.net.mend()
    assert one.stage.run_job(one).returncode == 0
    agrees(one, one.stage.store)
