"""SQL typed by hand into the database of a stopped service orphans nothing."""
import sqlite3

import pytest

from support import images

pytestmark = pytest.mark.sqlite
AN_ID = "01900000-0000-7000-8000-00000000000a"
REFUSED = (sqlite3.IntegrityError, sqlite3.OperationalError)


@pytest.fixture
def stopped(service):
    """A stopped service with three users who have avatars and one who has none."""
    users = service()
    users.ids = [users.create_with_avatar()["id"] for _ in range(3)] + [users.create()["id"]]
    users.stop()
    return users


def type_in(users, statement, *values):
    """One statement, as a shell would run it: no pragma, no function of ours."""
    connection = sqlite3.connect(users.database)
    try:
        with connection:
            connection.execute(statement, values)
    finally:
        connection.close()


def at_rest(users):
    users.wait_for(lambda: users.private.get("/api/deletions").data["items"] == [])


@pytest.mark.parametrize("statement, left", [
    ("DELETE FROM users", 0),
    ("DELETE FROM users WHERE avatar_key IS NOT NULL", 0),
    ("UPDATE users SET avatar_key = NULL", 0),
    ("UPDATE users SET avatar_key = NULL, avatar_store_id = NULL, avatar_content_type = NULL, "
     "avatar_bytes = NULL, avatar_sha256 = NULL", 0),
    ("UPDATE users SET avatar_should_be_deleted = 1", 0),
    ("DELETE FROM users WHERE id = (SELECT min(id) FROM users)", 2),
    ("UPDATE OR IGNORE users SET avatar_key = NULL", 0)])
def test_what_nobody_points_at_any_more_is_deleted(stopped, agrees, statement, left):
    type_in(stopped, statement)
    stopped.start()
    at_rest(stopped)
    assert len(stopped.objects()) == left
    stopped.stop()
    agrees_but_for_half_avatars(stopped, agrees, statement)


def agrees_but_for_half_avatars(users, agrees, statement):
    """SQL that clears the key alone leaves what describes the avatar: ugly, and harmless."""
    if "avatar_key = NULL" in statement:
        type_in(users, "UPDATE users SET avatar_content_type = NULL, avatar_bytes = NULL, "
                       "avatar_sha256 = NULL WHERE avatar_key IS NULL")
    agrees(users)


def test_users_deleted_by_hand_are_erased_like_others(stopped, agrees):
    type_in(stopped, "DELETE FROM users")
    stopped.start()
    for user_id in stopped.ids:
        stopped.wait_until_erased(user_id)
        assert stopped.user(user_id).status == 404
        assert stopped.delete(user_id).status == 200
    agrees(stopped)


def test_users_marked_by_hand_are_erased_even_without_an_avatar(stopped, agrees):
    type_in(stopped, "UPDATE users SET avatar_should_be_deleted = 1")
    stopped.start(inline="off", timer="off")
    stopped.sweep()
    for user_id in stopped.ids:
        assert stopped.erased(user_id)
    agrees(stopped)


@pytest.mark.parametrize("statement", [
    "UPDATE users SET id = '" + AN_ID + "' WHERE id = (SELECT min(id) FROM users)",
    "UPDATE users SET avatar_key = (SELECT max(avatar_key) FROM users) "
    "WHERE id = (SELECT min(id) FROM users)",
    "UPDATE OR REPLACE users SET avatar_key = (SELECT max(avatar_key) FROM users) "
    "WHERE id = (SELECT min(id) FROM users)",
    "REPLACE INTO users SELECT * FROM users WHERE avatar_key IS NOT NULL",
    "INSERT OR REPLACE INTO users SELECT * FROM users",
    "INSERT OR IGNORE INTO users SELECT * FROM users"])
def test_what_would_orphan_an_object_is_refused(stopped, agrees, statement):
    with pytest.raises(REFUSED):
        type_in(stopped, statement)
    stopped.start()
    at_rest(stopped)
    assert len(stopped.objects()) == 3
    agrees(stopped)


def test_a_mark_cannot_be_taken_back(stopped, agrees):
    type_in(stopped, "UPDATE users SET avatar_should_be_deleted = 1")
    with pytest.raises(REFUSED):
        type_in(stopped, "UPDATE users SET avatar_should_be_deleted = 0")
    stopped.start()
    at_rest(stopped)
    agrees(stopped)


def test_nobody_can_be_pointed_at_what_is_or_was_to_be_deleted(stopped, agrees):
    connection = sqlite3.connect(stopped.database)
    (key,) = connection.execute("SELECT min(avatar_key) FROM users").fetchone()
    connection.close()
    point = ("UPDATE users SET avatar_key = ?, avatar_store_id = 'x' "
             "WHERE avatar_key IS NULL AND id = (SELECT max(id) FROM users)")
    type_in(stopped, "DELETE FROM users WHERE avatar_key = ?", key)
    with pytest.raises(REFUSED):
        type_in(stopped, point, key)
    stopped.start()
    at_rest(stopped)
    stopped.stop()
    with pytest.raises(REFUSED):
        type_in(stopped, point, key)
    agrees(stopped)


def test_a_user_restored_under_the_same_id_survives_the_old_deletion(stopped, agrees):
    ada = stopped.ids[0]
    type_in(stopped, "CREATE TEMP TABLE kept AS SELECT 1")
    connection = sqlite3.connect(stopped.database)
    with connection:
        connection.execute("CREATE TEMP TABLE kept AS SELECT * FROM users WHERE id = ?", (ada,))
        connection.execute("UPDATE kept SET avatar_key = NULL, avatar_store_id = NULL, "
                           "avatar_content_type = NULL, avatar_bytes = NULL, avatar_sha256 = NULL")
        connection.execute("DELETE FROM users WHERE id = ?", (ada,))
        connection.execute("INSERT INTO users SELECT * FROM kept")
    connection.close()
    stopped.start()
    at_rest(stopped)
    assert stopped.user(ada).status == 200
    assert len(stopped.objects()) == 2
    assert stopped.put_avatar(ada, images.png()).status == 201
    agrees(stopped)


def test_a_second_process_is_kept_off_the_database(service):
    users = service()
    other = users.run()
    assert other.returncode in (69, 78)
    assert users.public.get("/api/health").status == 200


def test_an_image_that_is_said_to_be_a_page_is_shown_as_bytes(stopped):
    type_in(stopped, "UPDATE users SET avatar_content_type = 'text/html'")
    stopped.start()
    for headers, code in (({}, 200), ({"Range": "bytes=0-3"}, 206)):
        answer = stopped.public.get(f"/api/users/{stopped.ids[0]}/avatar", headers=headers)
        assert answer.status == code
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert stopped.user(stopped.ids[0]).data["avatar"]["contentType"] == "text/html"
