"""The checker finds nothing wrong with what is right, and each wrong thing by its name."""
import hashlib
import sqlite3
import time

import pytest

from checker import LocalStore, check_service

SCHEMA = """
CREATE TABLE users (id, first_name, last_name, user_name, email, country_id, birth_date, avatar_key,
    avatar_store_id, avatar_content_type, avatar_bytes, avatar_sha256,
    avatar_should_be_deleted DEFAULT 0, deletion_requested_at, version, created_at, updated_at);
CREATE TABLE deletions (key PRIMARY KEY, store_id, user_id, reason, state, claim, attempts, look,
    created_at, not_before, due_at, leased_until, tried_at, error_class, error);
CREATE TABLE receipts (id INTEGER PRIMARY KEY, key, store_id, user_id, reason, kind, attempts,
    status, requested_at, finished_at);
CREATE TABLE user_receipts (user_id PRIMARY KEY, requested_at, deleted_at, corrected_at);
"""
NOW = int(time.time() * 1000)
STORE = "01900000-0000-7000-8000-00000000ffff"


def an_id(number):
    return f"01900000-0000-7000-8000-{number:012x}"


def a_key(number):
    return f"avatars/{an_id(number)}"


class World:
    """A database and a folder that agree, made by hand; tests then break one thing."""

    def __init__(self, folder):
        self.path = folder / "users.db"
        self.files = folder / "files"
        (self.files / "avatars").mkdir(parents=True)
        self.connection = sqlite3.connect(self.path)
        self.connection.executescript(SCHEMA)

    def row(self, table, **values):
        self.connection.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES "
                                f"({', '.join('?' * len(values))})", list(values.values()))

    def object(self, number, body=b"image"):
        (self.files / a_key(number)).write_bytes(body)

    def user(self, number, key=None, body=b"image", **changes):
        avatar = {} if key is None else {
            "avatar_key": a_key(key), "avatar_store_id": STORE, "avatar_content_type": "image/png",
            "avatar_bytes": len(body), "avatar_sha256": hashlib.sha256(body).hexdigest()}
        self.row("users", id=an_id(number), last_name=f"name {number}", **{**avatar, **changes})

    def deletion(self, number, **changes):
        self.row("deletions", **{
            "key": a_key(number), "store_id": STORE, "user_id": None, "reason": "user",
            "state": "pending", "claim": 0, "attempts": 0, "look": "first", "created_at": NOW,
            "not_before": NOW - 1000, "due_at": NOW, "leased_until": 0, "tried_at": 0, **changes})

    def receipt(self, number, **changes):
        self.row("receipts", **{
            "key": a_key(number), "store_id": STORE, "user_id": None, "reason": "user",
            "kind": "done", "attempts": 1, "status": 204, "requested_at": NOW,
            "finished_at": NOW, **changes})

    def user_receipt(self, number, **changes):
        self.row("user_receipts", **{"user_id": an_id(number), "requested_at": NOW,
                                     "deleted_at": NOW, **changes})

    def check(self, **options):
        self.connection.commit()
        return check_service(self.path, LocalStore(self.files), **options)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def found(world, words, **options):
    lines = world.check(**options)
    assert any(words in line for line in lines), lines
    return lines


def test_what_agrees_is_not_complained_about(world):
    world.user(1)
    world.user(2, key=2)
    world.object(2)
    world.receipt(3)
    world.user_receipt(3)
    assert world.check(quiescent=True) == []
    world.user(4, key=4, avatar_should_be_deleted=1, deletion_requested_at=NOW)
    world.object(4)
    world.deletion(4, user_id=an_id(4))
    world.deletion(5, reason="upload", not_before=NOW + 900_000, due_at=NOW + 900_000)
    assert world.check() == []


def test_an_object_of_nobody_is_an_orphan(world):
    world.object(1)
    found(world, "orphan: avatars/")


def test_an_avatar_that_is_not_there_is_lost(world):
    world.user(1, key=1)
    found(world, "lost: ")


def test_an_avatar_with_other_bytes_is_noticed(world):
    world.user(1, key=1)
    world.object(1, b"other")
    found(world, "other bytes")


def test_a_pointer_at_what_is_to_be_deleted_is_noticed(world):
    world.user(1, key=1)
    world.object(1)
    world.deletion(1)
    found(world, "in use: ")


def test_a_marked_user_whose_object_nobody_deletes_is_noticed(world):
    world.user(1, key=1, avatar_should_be_deleted=1, deletion_requested_at=NOW)
    world.object(1)
    found(world, "is marked, but its")
    found(world, "orphan")


def test_a_receipt_for_an_object_that_is_there_is_untrue(world):
    world.user(1, key=1)
    world.object(1)
    world.receipt(1)
    found(world, "untrue")
    found(world, "points at it")


def test_a_corrected_receipt_is_no_lie(world):
    world.object(1)
    world.receipt(1)
    world.receipt(1, kind="corrected")
    world.deletion(1)
    assert world.check() == []


def test_two_receipts_of_one_key_are_noticed(world):
    world.receipt(1)
    world.receipt(1)
    found(world, "2 receipts")


def test_a_key_handed_over_twice_may_have_two(world):
    world.receipt(1, reason="external")
    world.receipt(1, reason="external")
    assert world.check() == []


def test_a_receipt_of_what_is_still_to_be_deleted_is_noticed(world):
    world.receipt(1)
    world.deletion(1)
    found(world, "still to be deleted")


def test_a_receipt_of_a_user_who_is_there_is_noticed(world):
    world.user(1)
    world.user_receipt(1)
    found(world, "a receipt of erasure and a row")


def test_a_receipt_of_a_user_with_keys_left_is_noticed(world):
    world.user_receipt(1)
    world.deletion(1, user_id=an_id(1))
    found(world, "1 keys to delete")


def test_unfinished_work_without_a_time_is_parked(world):
    world.deletion(1, state="blocked", due_at=None)
    world.deletion(2, due_at=NOW + 3 * 86_400_000)
    world.deletion(3, not_before=NOW + 30 * 86_400_000, due_at=NOW + 30 * 86_400_000)
    assert len([line for line in world.check() if line.startswith("parked")]) == 3


def test_half_an_avatar_is_noticed(world):
    world.user(1, avatar_sha256="00")
    found(world, "half an avatar")


def test_a_foreign_key_to_users_is_noticed(world):
    world.connection.execute("DROP TABLE deletions")
    world.connection.execute(
        "CREATE TABLE deletions (key, user_id REFERENCES users (id) ON DELETE CASCADE)")
    found(world, "foreign key")


def test_temporary_files_belong_to_a_key_that_is_guarded(world):
    (world.files / ".tmp").mkdir()
    (world.files / ".tmp" / hashlib.sha256(a_key(1).encode()).hexdigest()).touch()
    found(world, "orphan: temporary file")
    world.deletion(1, reason="upload", not_before=NOW + 1000)
    assert world.check() == []


def test_at_rest_nothing_due_and_nobody_marked_is_left(world):
    world.deletion(1)
    world.user(2, avatar_should_be_deleted=1, deletion_requested_at=NOW)
    assert world.check() == []
    lines = found(world, "unfinished: avatars/", quiescent=True)
    assert any("marked" in line for line in lines)


def entry(kind, number, status, **more):
    return {"op": kind, "id": an_id(number), "status": status, **more}


@pytest.mark.parametrize("log, words", [
    ([entry("create", 9, 201)], "created and is not there"),
    ([entry("create", 1, 201), entry("delete", 1, 202)], "deleted and is still there"),
    ([entry("create", 9, 201), entry("delete", 9, 200)], "answered deleted, and is not"),
    ([entry("create", 1, 201), entry("avatar", 1, 200, sha256="00")], "not one of"),
    ([entry("create", 1, 201), entry("replace", 1, 200, lastName="Other")], "is called name 1"),
])
def test_a_word_that_was_not_kept_is_noticed(world, log, words):
    world.user(1)
    found(world, words, log=log)


def test_without_an_answer_both_are_right(world):
    world.user(1)
    log = [entry("create", 1, 201, lastName="name 1"), entry("avatar", 1, 0, sha256="00"),
           entry("replace", 1, 0, lastName="Other"), entry("delete", 1, 0),
           entry("create", 2, 201), entry("delete", 2, 0), entry("avatar", 1, 503, sha256="11")]
    assert world.check(log=log) == []
