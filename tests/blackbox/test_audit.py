"""
The audit: objects that nobody owns go, and nothing that somebody owns, whatever happens meanwhile.

Objects of long ago have keys of long ago, so no test waits for anything to grow old.
"""
import os
import pty
import signal
import sqlite3
import subprocess
import uuid

import pytest

from support import images, postgres, programs

LONG_AGO = 1_600_000_000_000
ENDED = ("done", "refused", "failed", "stopped")


def old_key(number, made_at=LONG_AGO):
    """A key as the service would have made it then; they sort by their numbers."""
    time = made_at + number
    return "avatars/" + str(uuid.UUID(int=time << 80 | 0x7 << 76 | 0x8 << 60 | number))


def sql(one, statement):
    if isinstance(one.database, postgres.Database):
        postgres.psql(one.database.address, statement)
        return
    connection = sqlite3.connect(one.database)
    with connection:
        connection.execute(statement)
    connection.close()


def store_of(one):
    return one.rows("SELECT id FROM stores ORDER BY adopted_at DESC LIMIT 1")[0][0]


def own(one, number, key=None):
    """A user who points at the object of that number; for a stopped service."""
    user_id = str(uuid.UUID(int=(LONG_AGO << 80) + (0x7 << 76) + (0x9 << 60) + number))
    sql(one, "INSERT INTO users (id, first_name, last_name, user_name, email, created_at, "
             "updated_at, avatar_key, avatar_store_id, avatar_content_type, avatar_bytes, "
             f"avatar_sha256) VALUES ('{user_id}', 'A', 'B', 'c', 'd@e.f', 1, 1, "
             f"'{key or old_key(number)}', '{store_of(one)}', 'image/png', 1, '{'0' * 64}')")
    return user_id


def lay(one, *numbers):
    """Objects in the folder that nobody has heard of."""
    (one.files / "avatars").mkdir(exist_ok=True)
    first = one.files / old_key(numbers[0])
    first.write_bytes(b"x")
    for number in numbers[1:]:
        os.link(first, one.files / old_key(number))


def begin(one, **query):
    answer = one.private.post("/api/audit", **query)
    assert answer.status == 202, answer
    return answer.data


def state(one):
    answer = one.private.get("/api/audit")
    assert answer.status == 200, answer
    return answer.data


def ended(one, timeout=60):
    return programs.wait_for(lambda: (found := state(one))["state"] in ENDED and found, timeout,
                             "the audit to end")


def audit(one, **query):
    begin(one, **query)
    return ended(one)


def findings(one):
    return [(found["kind"], found["key"], found["userId"])
            for found in one.private.get("/api/audit/findings").data["items"]]


def at_rest(one):
    programs.wait_for(lambda: one.private.get("/api/deletions").data["items"] == [],
                      what="all deletions to be finished")


def receipt(one, number, user, finished_at):
    sql(one, "INSERT INTO receipts (key, store_id, user_id, reason, kind, attempts, status, "
             f"requested_at, finished_at) VALUES ('{old_key(number)}', '{store_of(one)}', "
             f"'{user}', 'replaced', 'done', 1, 204, 1, {finished_at})")


def deletion(one, number):
    """One that waits for a time that does not come."""
    sql(one, "INSERT INTO deletions (key, store_id, reason, created_at, not_before, due_at) "
             f"VALUES ('{old_key(number)}', '{store_of(one)}', 'upload', 1, 9000000000000, "
             "9000000000000)")


@pytest.fixture
def aged(service):
    """A service that has run before, stopped, with an empty `avatars`."""
    one = service()
    one.wait_until_ready()
    one.stop()
    (one.files / "avatars").mkdir(exist_ok=True)
    return one


def test_it_looks_then_refuses_then_deletes_what_nobody_owns(aged):
    one = aged
    owners = [own(one, number) for number in (1, 3)]
    lay(one, 1, 2, 3, 4)
    one.start().wait_until_ready()
    told = state(one)
    assert (told["state"], told["id"], told["endedAt"]) == ("never", None, None)

    told = audit(one)
    assert (told["state"], told["dryRun"], told["trouble"]) == ("done", True, None)
    assert told["counts"] == {"objects": 4, "pointers": 2, "strays": 2, "young": 0, "scheduled": 0,
                              "missing": 0, "oldVersions": 0, "unknown": 0}
    assert findings(one) == [("stray", old_key(2), None), ("stray", old_key(4), None)]
    first = one.private.get("/api/audit/findings", limit=1).data
    second = one.private.get("/api/audit/findings", limit=1, cursor=first["next"]).data
    assert (second["items"][0]["key"], second["next"]) == (old_key(4), None)

    assert 'users_service_audit_drift{kind="stray"} 2' in one.private.get("/metrics").text
    assert told["objectsPerSecond"] > 0
    assert one.private.get("/api/status").data["audit"] == told

    told = audit(one, delete="true", maxShare=49)
    assert told["state"] == "refused" and "2 of 4" in told["trouble"]
    assert len(one.objects()) == 4 and not one.rows("SELECT key FROM deletions")

    told = audit(one, delete="true", maxShare=50)
    assert (told["state"], told["counts"]["scheduled"]) == ("done", 2)
    at_rest(one)
    assert ["avatars/" + name for name in one.objects()] == [old_key(1), old_key(3)]
    assert one.rows("SELECT key, reason, kind FROM receipts ORDER BY key") == [
        (old_key(2), "external", "done"), (old_key(4), "external", "done")]
    assert all(one.avatar(owner).status == 200 for owner in owners)
    assert 'users_service_audit_drift{kind="stray"} 0' in one.private.get("/metrics").text


def test_it_tells_apart_what_only_looks_like_nobodys(aged):
    """One object of each kind, and one pointer that leads nowhere."""
    one = aged
    user = own(one, 1)
    nowhere = own(one, 2)
    young = "avatars/" + str(uuid.UUID(int=(1 << 128) - (1 << 80) & ~(0xF << 76) | 0x7 << 76))
    strange = ["avatars/" + "0" * 36, "avatars/cat.png", old_key(9)[:-1] + "F"]
    lay(one, 1, 3, 4, 5, 6)
    for key in (young, *strange):
        (one.files / key).write_bytes(b"x")
    receipt(one, 3, user, 1)              # it came back after it was gone
    receipt(one, 4, user, 9000000000000)  # it went a moment ago: the listing lags
    deletion(one, 5)                      # it is to be deleted, at its time
    one.start().wait_until_ready()

    told = audit(one, delete="true", maxShare=100)
    assert told["state"] == "done"
    assert told["counts"] == {"objects": 9, "pointers": 2, "strays": 2, "young": 1, "scheduled": 2,
                              "missing": 1, "oldVersions": 0, "unknown": 3}
    assert sorted(findings(one)) == sorted([
        ("missing", old_key(2), nowhere), ("stray", old_key(3), None),
        ("stray", old_key(6), None), *(("unknown", key, None) for key in strange)])
    programs.wait_for(lambda: len(one.private.get("/api/deletions").data["items"]) == 1)
    assert {"avatars/" + name for name in one.objects()} == {
        old_key(1), old_key(4), old_key(5), young, *strange}
    assert one.rows(f"SELECT kind, user_id FROM receipts WHERE key = '{old_key(3)}' "
                    "ORDER BY id") == [("done", user), ("corrected", user), ("done", user)]
    assert one.rows(f"SELECT avatar_key FROM users WHERE id = '{nowhere}'") == [(old_key(2),)]


def test_what_users_do_meanwhile_is_no_finding(aged, agrees):
    """Uploads, replaces and deletions beside one audit after the other, none of them a dry run."""
    one = aged
    one.start().wait_until_ready()
    users = [one.create_with_avatar()["id"] for _ in range(4)]
    for number in range(6):
        begin(one, delete="true", maxShare=100)
        one.put_avatar(users[number % 4], images.png(width=2 + number))
        one.create_with_avatar()
        if number >= 4:
            one.delete(users[number - 4])
        told = ended(one)
        counts = told["counts"]
        assert (told["state"], counts["strays"], counts["missing"]) == ("done", 0, 0)
    agrees(one)


MANY = 5000


def test_it_goes_on_after_a_kill_and_counts_nothing_twice(aged):
    one = aged
    for number in (1, MANY):
        own(one, number)
    lay(one, *range(1, MANY + 1))
    one.start(audit_rate=10, timer="off").wait_until_ready()
    begun = begin(one, delete="true", maxShare=100)
    programs.wait_for(lambda: state(one)["counts"]["objects"] > 0, 60)
    one.kill()
    one.start(audit_rate=1000000).wait_until_ready()
    # Elsewhere than on SQLite the lease of the one that was killed must run out first.
    told = ended(one, 120)
    assert (told["id"], told["state"]) == (begun["id"], "done")
    counts = told["counts"]
    assert (counts["objects"], counts["pointers"]) == (MANY, 2)
    assert (counts["strays"], counts["scheduled"]) == (MANY - 2, MANY - 2)
    assert int(one.rows("SELECT count(*) FROM deletions")[0][0]) == MANY - 2


def test_one_at_a_time_and_while_the_store_fails_it_waits_and_says_why(service, s3d):
    one = service(files=s3d.url("p"), environment=s3d.environment).wait_until_ready()
    s3d.put("p/" + old_key(1), b"x")
    s3d.fault("refuse,verb=LIST,status=503,code=SlowDown")
    begin(one, delete="true", maxShare=100)
    assert one.private.post("/api/audit").status == 409
    programs.wait_for(lambda: "SlowDown" in (state(one)["trouble"] or ""), 60)
    assert state(one)["state"] == "running"
    s3d.clear()
    told = ended(one)
    assert (told["state"], told["trouble"], told["counts"]["scheduled"]) == ("done", None, 1)
    s3d.fault("refuse,verb=LIST,status=503,code=SlowDown")
    begin(one)
    assert one.private.delete("/api/audit").data == {"state": "stopped"}
    assert state(one)["state"] == "stopped"
    assert one.private.delete("/api/audit").status == 404
    s3d.clear()
    assert audit(one)["counts"]["strays"] == 0


def test_old_versions_are_told_of_and_go_with_what_nobody_owns(service, s3d):
    s3d.keep_versions()
    one = service(files=s3d.url("p"), environment=s3d.environment).wait_until_ready()
    one.stop()
    for number in (1, 2):
        own(one, number)
    for number in (1, 1, 2, 3, 4):
        s3d.put("p/" + old_key(number), b"x")
    s3d.client.delete_object(Bucket=s3d.bucket, Key="p/" + old_key(2))  # a marker hides it
    s3d.client.delete_object(Bucket=s3d.bucket, Key="p/" + old_key(4))
    one.start().wait_until_ready()
    told = audit(one, delete="true", maxShare=50)
    assert told["counts"] == {"objects": 4, "pointers": 2, "strays": 2, "young": 0, "scheduled": 2,
                              "missing": 1, "oldVersions": 3, "unknown": 0}
    at_rest(one)
    assert {key for key, _, _ in s3d.versions("p/avatars/")} == {
        "p/" + old_key(1), "p/" + old_key(2)}


def test_a_question_it_does_not_know_is_400(service):
    one = service()
    for query in ({"delete": "yes"}, {"maxShare": "101"}, {"maxShare": "-1"}, {"dry": "true"}):
        assert one.private.post("/api/audit", **query).status == 400
    assert one.private.get("/api/audit/findings", limit=0).status == 400
    assert one.private.get("/api/audit/findings", cursor="x" * 513).status == 400
    assert state(one)["state"] == "never"


def test_it_begins_by_itself_when_its_time_has_come(service):
    one = service(audit_every="1s", lease="2s", audit_share=100).wait_until_ready()
    lay(one, 1)
    told = programs.wait_for(lambda: (found := state(one))["counts"]["strays"] == 1 and found, 60,
                             "an audit that nobody asked for")
    assert told["dryRun"] is True
    assert one.objects() != []


def test_an_age_within_the_time_of_an_upload_is_refused(service):
    done = service(start=False).run(audit_age="29m", upload_guard="15m")
    assert done.returncode == 78 and "--audit-age" in done.stderr


# The command.

def arguments(one, *more, port=None, token_file=None):
    return [programs.program("users-service"), "audit", "--private",
            f"http://127.0.0.1:{port or one.private_port}", "--token-file",
            str(token_file or one.token_file), *more]


def command(one, *more, **changes):
    done = subprocess.run(arguments(one, *more, **changes), env=one.child_environment(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def test_the_command_says_what_was_found_and_its_exit_code_what_that_means(aged, tmp_path):
    one = aged
    own(one, 1)
    missing = own(one, 2)
    lay(one, 1, 3)
    one.start().wait_until_ready()
    assert command(one, "--watch")[:2] == (0, "there was no audit yet\n")
    code, out, err = command(one)
    assert (code, err) == (65, "")
    assert "audit done: 2 objects, 2 avatars of users" in out
    assert f"missing     {old_key(2)} of user {missing}" in out
    assert f"stray       {old_key(3)}" in out
    code, out, err = command(one, "--delete")
    assert code == 70 and "1 of 2 objects would go, and 5 percent may" in err
    (one.files / old_key(2)).write_bytes(b"x")
    code, out, err = command(one, "--delete", "--max-share", "50")
    assert code == 0 and "1 objects that nobody owns, 1 of them to be deleted now" in out
    at_rest(one)
    assert command(one)[0] == command(one, "--watch")[0] == 0
    wrong = tmp_path / "wrong"
    wrong.write_text("not-the-token-of-this-service\n")
    wrong.chmod(0o600)
    assert command(one, token_file=wrong)[0] == 78
    assert command(one, "--share", "5")[0] == 64
    one.stop()
    code, out, err = command(one)
    assert code == 69 and "--private" in err


def test_the_command_shows_how_far_it_is_on_a_terminal_and_may_be_left(service, s3d):
    one = service(files=s3d.url("p"), environment=s3d.environment).wait_until_ready()
    s3d.fault("refuse,verb=LIST,status=503,code=SlowDown")
    ours, theirs = pty.openpty()
    watching = subprocess.Popen(arguments(one), env=one.child_environment(), stderr=theirs,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    os.close(theirs)
    seen = b""
    while b"% 0 objects" not in seen:
        seen += os.read(ours, 1000)
    assert b"[" in seen
    watching.send_signal(signal.SIGINT)
    assert watching.wait(30) == 75
    os.close(ours)
    watching.stdout.close()
    assert state(one)["state"] == "running"
    s3d.clear()
    assert command(one, "--watch")[0] == 0
