"""Users over the public listener: what is answered to what is asked."""
import concurrent.futures
import hashlib
import json
import re
import sqlite3
import threading

import pytest

from support import images
from support.client import multipart
from support.service import person

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
NOBODY = "01900000-0000-7000-8000-000000000000"
FIELDS = {"id", "firstName", "lastName", "userName", "email", "countryId", "birthDate", "avatar",
          "createdAt", "updatedAt"}


def assert_error(answer, code, status):
    assert answer.status == code, answer
    assert answer.json["status"] == status
    assert answer.json["message"]
    for secret in ("sqlite", "SELECT", "/tmp/", "users.db"):
        assert secret not in answer.json["message"]


@pytest.fixture
def users(service):
    return service()


# Health.

def test_health_says_that_the_process_answers(users):
    answer = users.public.get("/api/health")
    assert answer.status == 200
    assert answer.json == {"message": "I'm Alive"}


def test_ready_names_its_checks(users):
    users.wait_until_ready()
    checks = users.public.get("/api/ready").data["checks"]
    assert checks and all(set(check) == {"name", "ok", "detail"} for check in checks)
    assert all(check["ok"] is True for check in checks)


# Create.

def test_a_user_is_created_with_an_id_of_its_own(users):
    sent = person()
    answer = users.public.post("/api/users", sent)
    assert answer.status == 201
    made = answer.data
    assert set(made) == FIELDS
    assert UUID7.fullmatch(made["id"])
    assert answer.headers["Location"] == f"/api/users/{made['id']}"
    assert answer.headers["Content-Type"].startswith("application/json")
    assert {name: made[name] for name in sent} == sent
    assert made["avatar"] is None
    assert INSTANT.fullmatch(made["createdAt"]) and made["createdAt"] == made["updatedAt"]
    assert users.user(made["id"]).data == made


def test_only_four_fields_are_required(users):
    sent = person()
    del sent["countryId"], sent["birthDate"]
    made = users.public.post("/api/users", sent)
    assert made.status == 201
    assert made.data["countryId"] is None and made.data["birthDate"] is None


def test_only_the_id_is_unique(users):
    sent = person()
    first, second = (users.public.post("/api/users", sent) for _ in range(2))
    assert first.status == second.status == 201
    assert first.data["id"] != second.data["id"]


def test_any_script_and_any_birth_date_form_come_back_as_sent(users):
    for birth in ("2000-02-29", "1985-04-12T00:00:00Z"):
        sent = person(firstName="Zoë 🦊", lastName="李 \"\\ \u2028", birthDate=birth)
        made = users.public.post("/api/users", sent)
        assert made.status == 201
        assert {name: made.data[name] for name in sent} == sent
        assert users.user(made.data["id"]).data == made.data


def test_what_was_read_can_be_written_back(users):
    made = users.create()
    again = users.public.post("/api/users", made)
    assert again.status == 201
    assert again.data["id"] != made["id"]
    assert users.public.put(f"/api/users/{made['id']}", made).status == 200


@pytest.mark.parametrize("missing", ["firstName", "lastName", "userName", "email"])
def test_a_missing_field_is_named(users, missing):
    sent = person()
    del sent[missing]
    answer = users.public.post("/api/users", sent)
    assert_error(answer, 422, "Unprocessable")
    assert [entry["field"] for entry in answer.json["fields"]] == [missing]


@pytest.mark.parametrize("field, value", [
    ("firstName", ""), ("firstName", 7), ("lastName", None), ("userName", "x" * 101),
    ("email", "no address"), ("email", ["a@example.org"]), ("countryId", "ZZZ"),
    ("countryId", "gb"), ("countryId", "XX"), ("birthDate", "2001-02-29"),
    ("birthDate", "yesterday"), ("birthDate", "1985-04-12T10:00:00Z"), ("nickname", "Ada"),
    ("Id", "x"), ("avatarKey", "avatars/x")])
def test_a_field_that_is_wrong_or_unknown_is_named(users, field, value):
    answer = users.public.post("/api/users", person(**{field: value}))
    assert_error(answer, 422, "Unprocessable")
    assert [entry["field"] for entry in answer.json["fields"]] == [field]
    assert all(entry["message"] for entry in answer.json["fields"])


def test_all_wrong_fields_are_named_at_once(users):
    answer = users.public.post("/api/users", person(firstName="", email="x", nickname="A"))
    assert_error(answer, 422, "Unprocessable")
    assert {entry["field"] for entry in answer.json["fields"]} == {"firstName", "email", "nickname"}


@pytest.mark.parametrize("body", [
    b"", b"{", b"{]", b"not json", b'{"firstName":"\xff"}', b'{"firstName":"A","firstName":"B"}',
    b"[" * 10000 + b"]" * 10000, b'{"firstName":"A"} trailing'],
    ids=["empty", "cut", "wrong", "words", "not UTF-8", "duplicate key", "too deep", "trailing"])
def test_a_body_that_is_no_json_is_400(users, body):
    answer = users.public.call("POST", "/api/users", body, {"Content-Type": "application/json"})
    assert_error(answer, 400, "BadRequest")


def test_a_body_over_the_limit_is_413(users):
    body = json.dumps(person(firstName="x" * (8 << 20))).encode()
    answer = users.public.call("POST", "/api/users", body, {"Content-Type": "application/json"})
    assert_error(answer, 413, "PayloadTooLarge")


@pytest.mark.parametrize("content_type", [
    "text/plain", "application/x-www-form-urlencoded", "application/json5", "*/*"])
def test_another_content_type_is_415(users, content_type):
    answer = users.public.call("POST", "/api/users", json.dumps(person()).encode(),
                               {"Content-Type": content_type})
    assert_error(answer, 415, "UnsupportedMediaType")


# Idempotency.

def test_a_repeated_create_makes_one_user(users):
    sent, key = person(), {"Idempotency-Key": "once"}
    first = users.public.post("/api/users", sent, headers=key)
    again = users.public.post("/api/users", sent, headers=key)
    assert first.status == again.status == 201
    assert again.data == first.data
    assert len(users.public.get("/api/users").data["items"]) == 1


def test_a_repeat_answers_the_user_as_it_is_now(users):
    sent, key = person(), {"Idempotency-Key": "once"}
    made = users.public.post("/api/users", sent, headers=key).data
    users.public.put(f"/api/users/{made['id']}", person(lastName="Byron"))
    assert users.public.post("/api/users", sent, headers=key).data["lastName"] == "Byron"


def test_one_key_for_two_bodies_is_422(users):
    key = {"Idempotency-Key": "once"}
    assert users.public.post("/api/users", person(), headers=key).status == 201
    assert_error(users.public.post("/api/users", person(), headers=key), 422, "Unprocessable")


def test_a_repeat_after_the_erasure_is_404_and_creates_nobody(users):
    sent, key = person(), {"Idempotency-Key": "once"}
    made = users.public.post("/api/users", sent, headers=key).data
    assert users.delete(made["id"]).status == 200
    assert_error(users.public.post("/api/users", sent, headers=key), 404, "NotFound")
    assert users.public.get("/api/users").data["items"] == []


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "schl\u00fcssel"])
def test_a_key_that_is_none_is_400(users, key):
    answer = users.public.post("/api/users", person(), headers={"Idempotency-Key": key})
    assert_error(answer, 400, "BadRequest")
    assert users.public.get("/api/users").data["items"] == []


def test_a_repeat_may_be_written_otherwise(users):
    sent, key = person(), {"Idempotency-Key": "x" * 255}
    image = images.png()

    def create(user, boundary):
        body, headers = multipart(user, image, boundary=boundary)
        return users.public.call("POST", "/api/users", body, {**headers, **key})

    first = create(sent, "one")
    again = create(dict(reversed(sent.items())), "two")
    assert first.status == again.status == 201 and first.data == again.data
    # The same user without the image, or with another one, is another request.
    assert_error(users.public.post("/api/users", sent, headers=key), 422, "Unprocessable")
    image = images.png()
    assert_error(create(sent, "one"), 422, "Unprocessable")
    assert len(users.objects()) == 1


def test_nothing_personal_is_kept_for_a_repeat(users, agrees):
    sent = person(firstName="Unmistakable", email="unmistakable@example.org")
    key = {"Idempotency-Key": "sign-up-of-unmistakable"}
    made = users.public.post("/api/users", sent, headers=key).data
    users.public.post("/api/users", sent, headers=key)
    assert users.delete(made["id"]).status == 200
    assert_error(users.public.post("/api/users", sent, headers=key), 404, "NotFound")
    users.stop()
    kept = users.copy_of_database(users.folder / "kept")
    words = "\n".join(sqlite3.connect(kept).iterdump())
    assert made["id"] in words
    assert "nmistakable" not in words and b"nmistakable" not in kept.read_bytes()
    assert hashlib.sha256(key["Idempotency-Key"].encode()).hexdigest() not in words.lower()


def test_a_repeat_is_known_after_a_restart(users):
    sent, key = person(), {"Idempotency-Key": "once"}
    made = users.public.post("/api/users", sent, headers=key).data
    users.restart()
    assert users.public.post("/api/users", sent, headers=key).data["id"] == made["id"]


def test_a_repeat_while_the_first_is_under_way_is_409(service):
    users = service(files_faults="put:latency=2s")
    body, headers = multipart(person(), images.png())
    headers["Idempotency-Key"] = "once"

    def create(client):
        return client.call("POST", "/api/users", body, headers)

    with concurrent.futures.ThreadPoolExecutor() as others:
        first = others.submit(create, users.client())
        users.wait_for(lambda: users.private.get("/api/status").data["scheduled"] == 1,
                       what="the first to be under way")
        answer = create(users.public)
        assert_error(answer, 409, "Conflict")
        assert answer.headers["Retry-After"]
        assert first.result().status == 201
    assert create(users.public).data["id"] == first.result().data["id"]


# Read and list.

def test_who_has_the_user_is_told_so(users):
    path = f"/api/users/{users.create()['id']}"
    etag = users.public.get(path).headers["ETag"]
    for known in (etag, f"W/{etag}", f'"0", {etag}', "*"):
        answer = users.public.get(path, headers={"If-None-Match": known})
        assert answer.status == 304 and answer.body == b""
        assert answer.headers["ETag"] == etag
    users.public.put(path, person())
    assert users.public.get(path, headers={"If-None-Match": etag}).status == 200


@pytest.mark.parametrize("path", ["x", NOBODY, "00000000", NOBODY + "0", "..", NOBODY + "/x"])
def test_an_id_that_is_nobodys_or_no_id_is_404(users, path):
    for method in ("GET", "DELETE"):
        assert_error(users.public.call(method, f"/api/users/{path}"), 404, "NotFound")
    assert users.public.put(f"/api/users/{path}", person()).status == 404


def test_ids_are_read_in_either_case(users):
    made = users.create()
    assert users.user(made["id"].upper()).data == made


def test_pages_hold_everybody_once(users):
    made = [users.create()["id"] for _ in range(25)]
    seen, cursor, pages = [], None, 0
    while True:
        page = users.public.get("/api/users", limit=10, cursor=cursor).data
        assert set(page) == {"items", "next"}
        seen += [item["id"] for item in page["items"]]
        cursor, pages = page["next"], pages + 1
        if cursor is None:
            break
    assert pages == 3 and sorted(seen) == sorted(made)


def walk(users, limit):
    """All pages, one after another: the ids as they came."""
    client, seen, cursor = users.client(), [], None
    while True:
        page = client.get("/api/users", limit=limit, cursor=cursor).data
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            client.close()
            return seen


def test_a_walk_meets_who_stays_once_while_others_come_and_go(users):
    staying, going = [], []
    for _ in range(40):
        staying.append(users.create()["id"])
        going.append(users.create()["id"])
    walked = threading.Event()

    def come(client):
        came = 0
        while not walked.is_set():
            users.create(client=client)
            came += 1
        return came

    def go(client):
        for user_id in going:
            assert client.delete(f"/api/users/{user_id}").status == 200

    with concurrent.futures.ThreadPoolExecutor() as others:
        coming, leaving = others.submit(come, users.client()), others.submit(go, users.client())
        walks = [walk(users, 7) for _ in range(10)]
        leaving.result()
        walks.append(walk(users, 7))
        walked.set()
        assert coming.result() > 0
    for seen in walks:
        assert seen == sorted(set(seen))
        assert [user_id for user_id in seen if user_id in staying] == staying
    assert not set(going) & set(walks[-1])


def test_a_walk_goes_on_when_the_user_at_its_cursor_is_gone(users):
    made = [users.create()["id"] for _ in range(4)]
    cursor = users.public.get("/api/users", limit=2).data["next"]
    for user_id in made[:3]:
        users.delete(user_id)
    page = users.public.get("/api/users", limit=2, cursor=cursor).data
    assert [item["id"] for item in page["items"]] == made[3:] and page["next"] is None


def test_a_full_last_page_has_no_next(users):
    for _ in range(4):
        users.create()
    page = users.public.get("/api/users", limit=4).data
    assert len(page["items"]) == 4 and page["next"] is None


def test_pages_have_a_hundred_by_default(users):
    for _ in range(101):
        users.create()
    page = users.public.get("/api/users").data
    assert len(page["items"]) == 100 and page["next"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=-1", "limit=x", "limit=",
                                   "limit=1e2", "cursor=%21", "limit=1&limit=2"])
def test_a_page_that_cannot_be_is_400(users, query):
    assert_error(users.public.get("/api/users?" + query), 400, "BadRequest")


# Replace.

def test_a_user_is_replaced_whole(users):
    made = users.create()
    sent = person()
    del sent["birthDate"]
    answer = users.public.put(f"/api/users/{made['id']}", sent)
    assert answer.status == 200
    assert {name: answer.data[name] for name in sent} == sent
    assert answer.data["birthDate"] is None
    assert answer.data["id"] == made["id"] and answer.data["createdAt"] == made["createdAt"]
    assert answer.data["updatedAt"] >= made["updatedAt"]
    assert users.user(made["id"]).data == answer.data


def test_replacing_with_a_stale_etag_is_412(users):
    path = f"/api/users/{users.create()['id']}"
    etag = users.public.get(path).headers["ETag"]
    assert users.public.put(path, person(), headers={"If-Match": etag}).status == 200
    assert users.public.get(path).headers["ETag"] != etag
    answer = users.public.put(path, person(lastName="Late"), headers={"If-Match": etag})
    assert_error(answer, 412, "PreconditionFailed")
    assert users.public.get(path).data["lastName"] != "Late"
    assert users.public.put(path, person(), headers={"If-Match": "*"}).status == 200


def test_a_replacement_obeys_the_same_rules_as_a_creation(users):
    path = f"/api/users/{users.create()['id']}"
    before = users.public.get(path).data
    assert_error(users.public.put(path, person(email="x")), 422, "Unprocessable")
    assert_error(users.public.put(path, person(nickname="x")), 422, "Unprocessable")
    assert users.public.call("PUT", path, b"{", {"Content-Type": "application/json"}).status == 400
    assert users.public.get(path).data == before


# Delete.

def test_a_user_without_an_avatar_is_deleted_at_once(users):
    made = users.create()
    for _ in range(2):
        answer = users.delete(made["id"])
        assert answer.status == 200
        assert answer.data == {"id": made["id"], "state": "deleted"}
    assert_error(users.user(made["id"]), 404, "NotFound")
    assert users.public.get("/api/users").data["items"] == []


def test_a_user_with_an_avatar_is_deleted_at_once_when_all_is_well(users, agrees):
    made = users.create_with_avatar()
    assert len(users.objects()) == 1
    answer = users.delete(made["id"])
    assert (answer.status, answer.data["state"]) == (200, "deleted")
    assert users.objects() == []
    receipt = users.receipt(made["id"])
    assert receipt.status == 200
    assert receipt.data["state"] == "deleted"
    assert INSTANT.fullmatch(receipt.data["requestedAt"])
    assert INSTANT.fullmatch(receipt.data["deletedAt"])
    assert receipt.data["attempts"] >= 1
    agrees(users)


def test_a_live_or_unknown_user_has_no_receipt(users):
    made = users.create()
    assert_error(users.receipt(made["id"]), 404, "NotFound")
    assert_error(users.receipt(NOBODY), 404, "NotFound")


def test_a_deletion_that_cannot_be_finished_yet_is_202_until_it_is(service, agrees):
    users = service(inline="off", timer="off")
    made = users.create_with_avatar()
    for _ in range(2):
        answer = users.delete(made["id"])
        assert answer.status == 202
        assert answer.data == {"id": made["id"], "state": "pending"}
        assert answer.headers["Location"] == f"/api/deletions/{made['id']}"
    receipt = users.public.get(answer.headers["Location"]).data
    assert receipt["state"] == "pending" and receipt["deletedAt"] is None
    assert users.user(made["id"]).status == 404
    assert users.avatar(made["id"]).status == 404
    assert users.public.get("/api/users").data["items"] == []
    assert_error(users.public.put(f"/api/users/{made['id']}", person()), 404, "NotFound")
    users.sweep()
    assert users.delete(made["id"]).status == 200
    agrees(users)


# Methods and paths.

@pytest.mark.parametrize("method, path, allowed", [
    ("PATCH", f"/api/users/{NOBODY}", {"GET", "PUT", "DELETE"}),
    ("DELETE", "/api/users", {"GET", "POST"}),
    ("POST", f"/api/users/{NOBODY}/avatar", {"GET", "PUT", "DELETE"}),
    ("PUT", f"/api/deletions/{NOBODY}", {"GET"}),
    ("POST", "/api/health", {"GET"})])
def test_another_method_is_405_and_says_which_are_allowed(users, method, path, allowed):
    answer = users.public.call(method, path)
    assert_error(answer, 405, "MethodNotAllowed")
    assert allowed <= {word.strip() for word in answer.headers["Allow"].split(",")}


@pytest.mark.parametrize("path", ["/", "/api", "/api/user", "/api/users/", "/metrics",
                                  "/api/status", "/api/deletions", "/api//users"])
def test_another_path_is_404(users, path):
    assert_error(users.public.get(path), 404, "NotFound")


def test_the_fallback_route_does_not_exist_in_public(users):
    assert_error(users.public.delete("/api/users/fallback"), 404, "NotFound")
    assert_error(users.public.delete(
        "/api/users/fallback", headers={"Authorization": f"Bearer {users.token}"}), 404, "NotFound")


def test_no_answer_and_no_log_line_names_a_person_who_did_not_ask(users):
    made = users.create(lastName="Unmistakable", email="unmistakable@example.org")
    users.public.post("/api/users", person(email="unmistakable at example"))
    users.delete(made["id"])
    users.stop()
    assert "nmistakable" not in users.log()
