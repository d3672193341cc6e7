"""
A COMMIT that the database carries out and does not answer: here it waits for a standby that is
away, and then the server dies. What a client is told is true on whichever server comes next.
"""
import concurrent.futures

import pytest

from support import images
from support.programs import wait_for
from support.service import person

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

GUARDS = "SELECT count(*) FROM deletions WHERE reason = 'upload'"


def wait_for_commits(one, pair, count):
    one.wait_for(lambda: pair.primary.sql(WAITING) == str(count), 60,
                 f"{count} COMMITs to wait for the standby")


@pytest.fixture
def begun():
    """Begins a call that will not be answered soon."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=8) as pool:
        yield lambda call, *arguments, **options: pool.submit(call, *arguments, **options)


def test_what_is_found_done_is_on_the_standby_before_it_is_answered(service, pair, database, begun):
    one = service(on=database)
    ada = one.create()["id"]
    pair.standby.kill()
    renamed = person()
    answer = begun(one.client(timeout=120).put, f"/api/users/{ada}", renamed)
    wait_for_commits(one, pair, 1)
    pair.primary.kill()
    pair.primary.start()
    # Back on the server that has the change, where the standby has not.
    one.wait_for(lambda: answer.done() or pair.primary.sql(WAITING) == "1", 60,
                 "the service to find out")
    pair.primary.kill()
    pair.standby.start()
    pair.take_over()
    assert answer.result(120).status == 200
    assert one.user(ada).data["lastName"] == renamed["lastName"]
    pair.rejoin()


def again(call):
    """Tries again until it is not answered 503, as that answer says."""
    answers = []
    wait_for(lambda: answers.append(call()) or answers[-1].status != 503, 60, "another answer", 0.5)
    return answers[-1]


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "lost"])
def test_an_end_that_stays_unknown_is_503_and_whatever_it_was_all_goes_on(
        pair, database, service, s3d, begun, agrees, kept):
    """The server is away for longer than anybody can wait for it (30 s)."""
    options = {"on": database, "files": s3d.url(), "environment": s3d.environment,
               "delete_wait": "1s"}
    creates, uploads, erases = three = [service(**options) for _ in range(3)]
    for one in three:
        one.wait_until_ready()
    ada, bob = creates.create()["id"], creates.create_with_avatar()["id"]
    sent, key, image = person(), {"Idempotency-Key": "once"}, images.png(3, 3)
    # The upload's last COMMIT is to wait, not its first: its PUT is under way when the rest is.
    s3d.process.pause()
    asked = [begun(uploads.put_avatar, ada, image, uploads.client(timeout=120))]
    creates.wait_for(lambda: creates.rows(GUARDS) == [("1",)], 60, "the upload to be guarded")
    pair.standby.kill()
    s3d.process.resume()
    asked += [begun(creates.client(timeout=120).post, "/api/users", sent, headers=key),
              begun(erases.client(timeout=120).delete, f"/api/users/{bob}")]
    wait_for_commits(creates, pair, 3)
    pair.primary.kill()
    assert [call.result(120).status for call in asked] == [503, 503, 503]
    for one in three:
        assert "with an unknown result" in one.log()
    pair.standby.start()
    if kept:
        pair.primary.start()
    else:
        pair.take_over()
    for one in three:
        one.wait_for(lambda one=one: one.public.get("/api/ready").status == 200, 60)
    made = again(lambda: creates.public.post("/api/users", sent, headers=key))
    assert made.status == 201
    repeated = creates.public.post("/api/users", sent, headers=key)
    assert repeated.data["id"] == made.data["id"]
    assert again(lambda: uploads.put_avatar(ada, image)).status in (200, 201)
    assert again(lambda: erases.delete(bob)).status in (200, 202)
    erases.wait_until_erased(bob)
    if not kept:
        pair.rejoin()
    log = [{"op": "create", "id": made.data["id"], "status": 201, "lastName": sent["lastName"]},
           {"op": "delete", "id": bob, "status": 200}]
    for one in three[1:]:
        one.stop()
    agrees(three[0], s3d, quiescent=False, log=log)
