"""users-service files copy: brings what is left in an old store over to the new one."""
import concurrent.futures
import signal
import subprocess

import pytest

from tests.support import images, programs
from tests.support.scripted_server import Reply, ScriptedServer

PATIENCE = 30


@pytest.fixture
def stores(s3d_with):
    """The old store and the new one, both empty."""
    return s3d_with(), s3d_with()


@pytest.fixture
def moved(service, stores):
    """Users with an avatar in the old store, and the service on the new one."""
    def move(count, **options):
        old, new = stores
        one = service(files=old.url("p"), environment=old.environment, **options)
        one.wait_until_ready()
        users = [one.create_with_avatar() for _ in range(count)]
        one.restart(files=new.url("p"), files_also=old.url("p")).wait_until_ready()
        return one, users
    return move


def command(one, *more):
    return [programs.program("users-service"), "files", "copy", "--private",
            f"http://127.0.0.1:{one.private_port}", "--token-file", str(one.token_file), *more]


def copy(one, *more):
    return subprocess.run(command(one, *more), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=PATIENCE, check=False)


def count(store):
    return len(store.objects("p/avatars/"))


def test_all_that_is_left_is_copied_and_the_old_store_is_emptied(moved, stores, agrees):
    old, new = stores
    one, users = moved(30)
    late = one.create_with_avatar()
    before = {user["id"]: one.avatar(user["id"]) for user in users}
    done = copy(one, "--limit", "7")
    assert (done.returncode, done.stdout) == (0, "30 copied, 0 left\n"), done
    programs.wait_for(lambda: count(old) == 0, what="the old store to be emptied")
    assert count(new) == 31
    for user in users:
        after = one.avatar(user["id"])
        assert after.body == before[user["id"]].body
        assert after.headers["ETag"] == before[user["id"]].headers["ETag"]
    # The old store is not needed any more.
    one.restart(files_also=None).wait_until_ready()
    assert one.delete(late["id"]).status == 200
    assert one.delete(users[0]["id"]).status == 200
    agrees(one, new, "p")


def test_a_second_run_has_nothing_to_do(moved, stores):
    one, _ = moved(2)
    assert copy(one).returncode == 0
    again = copy(one)
    assert (again.returncode, again.stdout) == (0, "0 copied, 0 left\n")


def test_a_copy_that_is_stopped_goes_on_when_it_is_run_again(moved, stores):
    old, new = stores
    one, users = moved(12)
    new.fault("latency,verb=PUT,ms=300")
    running = subprocess.Popen(command(one, "--limit", "1"), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    programs.wait_for(lambda: count(new) >= 2, what="the first copies")
    running.send_signal(signal.SIGTERM)
    _, errors = running.communicate(timeout=PATIENCE)
    assert running.returncode == 75
    assert "run it again" in errors
    assert count(new) < 12
    new.clear()
    done = copy(one)
    assert done.returncode == 0 and done.stdout.endswith(" 0 left\n"), done
    programs.wait_for(lambda: (count(old), count(new)) == (0, 12), what="all to be moved")
    assert all(one.avatar(user["id"]).status == 200 for user in users)


def test_a_service_that_is_killed_in_a_copy_leaves_nothing_behind(moved, stores, agrees):
    old, new = stores
    one, users = moved(12, upload_guard="3s", second_look="3s", files_timeout="1s", lease="3s")
    new.fault("latency,verb=PUT,ms=400")
    running = subprocess.Popen(command(one, "--limit", "4"), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    programs.wait_for(lambda: count(new) >= 2, what="the first copies")
    one.kill()
    running.kill()
    running.wait()
    new.clear()
    one.start().wait_until_ready()
    assert all(one.avatar(user["id"]).status == 200 for user in users)
    assert copy(one).returncode == 0
    programs.wait_for(lambda: (count(old), count(new)) == (0, 12), timeout=PATIENCE,
                      what="all to be moved, and what was begun to be cleaned up")
    programs.wait_for(lambda: one.backlog() == (0, 0), timeout=PATIENCE, what="agreement")
    agrees(one, new, "p")


def test_who_is_deleted_while_a_copy_is_under_way_stays_deleted(moved, stores, agrees):
    old, new = stores
    one, users = moved(40)
    new.fault("latency,verb=PUT,ms=20")
    gone, replaced, rest = users[::4], users[1::4], users[2::4] + users[3::4]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        copying = pool.submit(copy, one)

        def in_between(client_of):
            client = one.client()
            for user in client_of:
                if user in gone:
                    client.delete(f"/api/users/{user['id']}")
                else:
                    one.put_avatar(user["id"], images.png(width=9), client)
            client.close()
        list(pool.map(in_between, [gone, replaced]))
        done = copying.result()
    assert done.returncode == 0, done
    new.clear()
    for user in gone:
        one.wait_until_erased(user["id"])
        assert one.user(user["id"]).status == 404
    kept = {one.avatar(user["id"]).headers["ETag"] for user in rest}
    assert {one.avatar(user["id"]).headers["ETag"] for user in replaced}.isdisjoint(kept)
    programs.wait_for(lambda: (count(old), count(new)) == (0, 30), what="agreement")
    agrees(one, new, "p")


def test_what_changes_between_the_reading_and_the_attaching_of_a_copy_stays_changed(
        moved, stores, agrees):
    old, new = stores
    one, (deleted, cleared, replaced, kept) = moved(4)
    new.fault("latency,verb=PUT,ms=1500,times=4")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        copying = pool.submit(copy, one)
        programs.wait_for(lambda: new.status()["faults"][0]["hits"] == 4,
                          what="all four to be on their way")
        assert one.put_avatar(replaced["id"], images.png(width=9)).status == 200
        tag = one.avatar(replaced["id"]).headers["ETag"]
        one.public.delete(f"/api/users/{cleared['id']}/avatar")
        # Waits for the guard of the copy: so it comes last.
        one.delete(deleted["id"])
        assert copying.result().stdout == "1 copied, 0 left\n"
    one.wait_until_erased(deleted["id"])
    assert one.avatar(cleared["id"]).status == 404
    assert one.avatar(replaced["id"]).headers["ETag"] == tag
    assert one.avatar(kept["id"]).status == 200
    programs.wait_for(lambda: (count(old), count(new)) == (0, 2), what="agreement")
    agrees(one, new, "p")


def test_what_cannot_be_read_is_told_and_stays(moved, stores):
    old, _ = stores
    one, users = moved(3)
    (name, *_) = old.objects("p/avatars/")
    old.put("p/avatars/" + name, b"not what was stored")
    done = copy(one)
    assert (done.returncode, done.stdout) == (70, "2 copied, 1 left\n")
    assert "not the one that was stored" in done.stderr
    programs.wait_for(lambda: count(old) == 1, what="the two that were copied to go")


def test_while_the_old_store_is_down_the_copy_says_so(moved, stores):
    old, _ = stores
    one, _ = moved(2)
    old.fault("off")
    done = copy(one)
    assert (done.returncode, done.stdout) == (70, "0 copied, 2 left\n")
    assert "cannot be read" in done.stderr


def test_only_who_has_the_token_may_copy(moved, tmp_path):
    one, _ = moved(1)
    other = tmp_path / "other"
    other.write_text("a-token-of-somebody-else\n")
    other.chmod(0o600)
    done = copy(one, "--token-file", str(other))
    assert done.returncode == 78, done
    assert one.public.post("/api/files/copy").status == 404
    assert one.private.post("/api/files/copy", limit=1).data["copied"] == 1


def test_nobody_at_home_is_unavailable(moved, tmp_path):
    one, _ = moved(1)
    one.stop()
    assert copy(one).returncode == 69


@pytest.mark.parametrize("status, code", [(500, 69), (503, 69), (429, 69), (401, 78)])
def test_what_the_service_cannot_do_now_is_no_fault_of_the_configuration(tmp_path, status, code):
    server = ScriptedServer().on("GET", "/api/files/copy", Reply(status, {"message": "not now"}))
    try:
        done = subprocess.run([programs.program("users-service"), "files", "copy", "--private",
                               server.url("")], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=PATIENCE, check=False)
    finally:
        server.close()
    assert done.returncode == code and f"answered {status}: not now" in done.stderr, done


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 251}, {"limit": "x"},
                                   {"cursor": "x"}, {"more": 1}])
def test_a_call_that_makes_no_sense_is_400(service, query):
    one = service()
    assert one.private.post("/api/files/copy", **query).status == 400
    query.pop("limit", None)
    assert one.private.get("/api/files/copy", **query or {"limit": 1}).status == 400
