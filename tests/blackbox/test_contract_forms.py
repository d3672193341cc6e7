"""Users that are sent as forms (RFC 7578): the parts, their borders, and what is no form."""
import json

import pytest

from support import images
from support.service import person

BORDER = "border"


@pytest.fixture
def users(service):
    return service()


def part(name, body, *more):
    head = [f'Content-Disposition: form-data; name="{name}"', *more]
    return b"--border\r\n" + "\r\n".join(head).encode() + b"\r\n\r\n" + body + b"\r\n"


def user(**changes):
    return part("user", json.dumps(person(**changes)).encode(), "Content-Type: application/json")


def avatar(image=None, *more):
    return part("avatar", images.png() if image is None else image, *more)


END = b"--border--\r\n"


def send(users, body, content_type="multipart/form-data; boundary=border"):
    return users.public.call("POST", "/api/users", body, {"Content-Type": content_type})


def assert_nobody_came(users, agrees):
    assert users.public.get("/api/users").data["items"] == []
    agrees(users)
    assert users.objects() == []


@pytest.mark.parametrize("form", [
    lambda: user() + avatar(None, "Content-Type: image/png") + END,
    lambda: avatar() + user() + END,
    lambda: user() + END,
    lambda: user() + avatar(None, "Content-Transfer-Encoding: binary") + END,
    lambda: part("user", json.dumps(person()).encode()) + END,
    lambda: b"a preamble\r\n" + user() + END,
], ids=["both", "the avatar first", "a user alone", "binary", "no type", "a preamble"])
def test_a_form_makes_a_user(users, agrees, form):
    body = form()
    answer = send(users, body)
    assert answer.status == 201, answer
    assert (answer.data["avatar"] is not None) == (b'"avatar"' in body)
    agrees(users)


@pytest.mark.parametrize("content_type", [
    "multipart/form-data; boundary=border", 'multipart/form-data; boundary="border"',
    "Multipart/Form-Data;boundary=border", "multipart/form-data; charset=utf-8; boundary=border"])
def test_a_boundary_is_read_however_it_is_written(users, content_type):
    assert send(users, user() + END, content_type).status == 201


@pytest.mark.parametrize("form", [
    lambda: b"",
    lambda: END,
    lambda: avatar() + END,
    lambda: user() + user() + END,
    lambda: user() + avatar() + avatar() + END,
    lambda: user() + part("nickname", b"A") + END,
    lambda: user() + avatar(None, "Content-Transfer-Encoding: base64") + END,
    lambda: user() + avatar()[:-20],
    lambda: user() + avatar(),
    lambda: user().replace(b"border", b"borders") + END,
    lambda: part("user", b"{") + END,
    lambda: part("user", b"[]") + END,
    lambda: part("user", b"") + END,
    lambda: part("user", b'{"a":1,"a":1}') + END,
    lambda: part("user", b"[" * 40 + b"]" * 40) + END,
    lambda: part("User", b"{}") + END,
    lambda: b"--border\r\n\r\n{}\r\n" + END,
    lambda: b"--border\r\nContent-Disposition: form-data\r\n\r\n{}\r\n" + END,
    lambda: user() + END + b"an epilogue",
], ids=["nothing", "no part", "no user", "a user twice", "an avatar twice", "another part",
        "encoded", "cut in a part", "cut before the end", "another border", "cut JSON", "a list",
        "no JSON", "a key twice", "too deep", "another name", "no head", "no name", "an epilogue"])
def test_what_is_no_such_form_is_400(users, agrees, form):
    answer = send(users, form())
    assert answer.status == 400, answer
    assert answer.json["status"] == "BadRequest"
    assert_nobody_came(users, agrees)


@pytest.mark.parametrize("content_type", [
    "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; border=border"])
def test_a_form_without_a_boundary_is_400(users, content_type):
    assert send(users, user() + END, content_type).status == 400


@pytest.mark.parametrize("content_type", ["multipart/mixed; boundary=border",
                                          "multipart/form-database; boundary=border"])
def test_what_is_almost_a_form_is_415(users, content_type):
    assert send(users, user() + END, content_type).status == 415


def test_a_part_over_its_limit_is_413(service, agrees):
    users = service(avatar_max="64KiB")
    large = part("user", json.dumps(person()).encode().ljust(65537)) + END
    assert send(users, large).status == 413
    assert send(users, user() + avatar(bytes(65537)) + END).status == 413
    assert_nobody_came(users, agrees)


def test_all_that_is_wrong_in_a_form_is_told_at_once(users, agrees):
    for image, message in ((b"<svg/>", "PNG, JPEG, WebP or GIF"), (images.png()[:40], "cut short")):
        answer = send(users, user(email="x", nickname="A") + avatar(image) + END)
        assert answer.status == 422
        assert [entry["field"] for entry in answer.json["fields"]] == ["email", "nickname",
                                                                       "avatar"]
        assert message in answer.json["fields"][-1]["message"]
    assert_nobody_came(users, agrees)
