"""Avatars: images go in, the same images come out, anything else is refused."""
import concurrent.futures
import hashlib
import os
import time

import pytest

from support import images
from support.client import multipart
from support.service import person

NOBODY = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
def users(service):
    return service()


@pytest.fixture
def ada(users):
    return users.create()["id"]


def assert_refused(answer, code, status):
    assert answer.status == code, answer
    assert answer.json["status"] == status


@pytest.mark.parametrize("content_type", images.MAKERS)
def test_an_image_comes_back_as_it_was_sent(users, ada, content_type):
    image = images.MAKERS[content_type]()
    answer = users.put_avatar(ada, image)
    assert answer.status == 201
    assert answer.data["avatar"] == {
        "url": f"/api/users/{ada}/avatar", "contentType": content_type, "bytes": len(image),
        "sha256": hashlib.sha256(image).hexdigest()}
    assert users.user(ada).data["avatar"] == answer.data["avatar"]
    served = users.avatar(ada)
    assert served.status == 200 and served.body == image
    assert served.headers["Content-Type"] == content_type
    assert served.headers["X-Content-Type-Options"] == "nosniff"
    assert served.headers["ETag"]


def test_the_type_is_told_by_content_and_not_by_claim(users, ada):
    assert users.put_avatar(ada, images.png(), **{"Content-Type": "image/gif"}).status == 201
    assert users.avatar(ada).headers["Content-Type"] == "image/png"
    assert_refused(users.put_avatar(ada, b"<svg/>", **{"Content-Type": "image/png"}),
                   415, "UnsupportedMediaType")


def test_a_second_image_replaces_the_first(users, ada, agrees):
    first, second = images.png(), images.jpeg()
    assert users.put_avatar(ada, first).status == 201
    before = users.avatar(ada).headers["ETag"]
    assert users.put_avatar(ada, second).status == 200
    assert users.avatar(ada).body == second
    assert users.avatar(ada).headers["ETag"] != before
    users.wait_for(lambda: len(users.objects()) == 1)
    agrees(users)


def test_the_same_image_twice_is_two_objects_and_never_one_key(users, ada, agrees):
    image = images.png()
    assert users.put_avatar(ada, image).status == 201
    (first,) = users.objects()
    assert users.put_avatar(ada, image).status == 200
    users.wait_for(lambda: len(users.objects()) == 1)
    assert users.objects() != [first]
    assert users.avatar(ada).body == image
    agrees(users)


def test_a_user_can_be_created_with_its_avatar(users, agrees):
    image = images.webp()
    body, headers = multipart(person(), image)
    answer = users.public.call("POST", "/api/users", body, headers)
    assert answer.status == 201
    assert answer.data["avatar"]["contentType"] == "image/webp"
    assert users.avatar(answer.data["id"]).body == image
    agrees(users)


@pytest.mark.parametrize("image, code", [
    (b"GIF?", 415), (b"", 415),
    (b"\x89PNG\r\n\x1a\n", 422)],
    ids=["words", "nothing", "damaged"])
def test_a_form_with_a_bad_image_creates_nobody(users, image, code):
    body, headers = multipart(person(), image)
    assert users.public.call("POST", "/api/users", body, headers).status == code
    assert users.public.get("/api/users").data["items"] == []
    assert users.objects() == []


def test_a_form_with_a_bad_user_keeps_no_image(users, agrees):
    body, headers = multipart(person(email="x"), images.png())
    assert users.public.call("POST", "/api/users", body, headers).status == 422
    agrees(users)
    assert users.objects() == []


def test_an_avatar_may_go_while_the_user_stays(users, ada, agrees):
    users.put_avatar(ada, images.png())
    answer = users.public.delete(f"/api/users/{ada}/avatar")
    assert answer.status == 200
    assert users.objects() == []
    assert users.user(ada).data["avatar"] is None
    assert users.avatar(ada).status == 404
    assert users.receipt(ada).status == 404
    agrees(users)


def test_deleting_no_avatar_is_200(users, ada):
    assert users.public.delete(f"/api/users/{ada}/avatar").status == 200


def test_deleting_an_avatar_that_has_to_wait_is_202(service, agrees):
    users = service(inline="off", timer="off")
    ada = users.create_with_avatar()["id"]
    assert users.public.delete(f"/api/users/{ada}/avatar").status == 202
    assert users.user(ada).data["avatar"] is None
    assert len(users.objects()) == 1
    users.sweep()
    assert users.objects() == []
    agrees(users)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("user_id", [NOBODY, "x"])
def test_nobody_has_no_avatar(users, method, user_id):
    body = images.png() if method == "PUT" else None
    assert users.public.call(method, f"/api/users/{user_id}/avatar", body).status == 404


def test_an_erased_user_gets_no_avatar(users, ada, agrees):
    users.delete(ada)
    assert users.put_avatar(ada, images.png()).status == 404
    agrees(users)


@pytest.mark.parametrize("body", [
    b"", b"plain words", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7",
    b"BM" + bytes(60), b"RIFF\x04\0\0\0WAVE", b"\0\0\0\x18ftypavif" + bytes(20)],
    ids=["nothing", "words", "SVG", "PDF", "BMP", "WAVE", "AVIF"])
def test_what_is_none_of_the_four_types_is_415(users, ada, body):
    assert_refused(users.put_avatar(ada, body), 415, "UnsupportedMediaType")
    assert users.user(ada).data["avatar"] is None
    assert users.objects() == []


@pytest.mark.parametrize("content_type", images.MAKERS)
def test_an_image_that_is_cut_is_422(users, ada, content_type):
    image = images.MAKERS[content_type]()
    assert_refused(users.put_avatar(ada, image[:len(image) // 2]), 422, "Unprocessable")
    assert users.user(ada).data["avatar"] is None


def test_an_image_over_the_limit_is_413(users, ada):
    large = images.png(1400, 1400)
    assert len(large) > 5 << 20
    assert_refused(users.put_avatar(ada, large), 413, "PayloadTooLarge")
    assert users.objects() == []


def test_an_image_under_the_limit_is_kept_whole(users, ada, agrees):
    large = images.png(1250, 1250)
    assert (4 << 20) < len(large) < (5 << 20)
    assert users.put_avatar(ada, large).status == 201
    assert users.avatar(ada).body == large
    agrees(users)


@pytest.mark.parametrize("content_type", images.MAKERS)
def test_parts_are_served(users, ada, content_type):
    image = images.MAKERS[content_type]()
    users.put_avatar(ada, image)
    for wanted, part in (("bytes=0-9", image[:10]), ("bytes=10-", image[10:]),
                         ("bytes=-7", image[-7:])):
        answer = users.public.get(f"/api/users/{ada}/avatar", headers={"Range": wanted})
        assert answer.status == 206 and answer.body == part
        assert answer.headers["Content-Range"].endswith(f"/{len(image)}")
    answer = users.public.get(f"/api/users/{ada}/avatar",
                              headers={"Range": f"bytes={len(image)}-"})
    assert answer.status == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(image)}"


@pytest.mark.parametrize("wanted", [
    "bytes=5-2", "bytes=", "bytes=-", "bytes=a-b", "bytes=0-1,3-4", "bytes 0-1", "lines=0-1",
    "bytes=0-1x", "bytes= 0-1"])
def test_a_range_that_is_none_gets_the_whole_image(users, ada, wanted):
    image = images.png()
    users.put_avatar(ada, image)
    answer = users.public.get(f"/api/users/{ada}/avatar", headers={"Range": wanted})
    assert answer.status == 200 and answer.body == image


def test_a_range_holds_for_the_image_it_was_meant_for(users, ada):
    image = images.png()
    users.put_avatar(ada, image)
    path, etag = f"/api/users/{ada}/avatar", users.avatar(ada).headers["ETag"]
    for same, code in ((etag, 206), (f"W/{etag}", 200), ('"0"', 200)):
        headers = {"Range": "Bytes=0-9", "If-Range": same}
        assert users.public.get(path, headers=headers).status == code
    unchanged = users.public.get(path, headers={"Range": "bytes=0-9", "If-None-Match": etag})
    assert unchanged.status == 304


def test_head_of_an_image_knows_no_ranges(users, ada):
    image = images.png()
    users.put_avatar(ada, image)
    for wanted in ("bytes=0-9", f"bytes={len(image)}-"):
        answer = users.public.call("HEAD", f"/api/users/{ada}/avatar", headers={"Range": wanted})
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) == len(image)


def test_who_has_the_image_is_told_so(users, ada):
    users.put_avatar(ada, images.png())
    etag = users.avatar(ada).headers["ETag"]
    answer = users.public.get(f"/api/users/{ada}/avatar", headers={"If-None-Match": etag})
    assert answer.status == 304 and answer.body == b""


def test_a_replaced_user_keeps_the_avatar(users, agrees):
    made = users.create_with_avatar()
    changed = users.public.put(f"/api/users/{made['id']}", person(avatar=None))
    assert changed.status == 200 and changed.data["avatar"] == made["avatar"]
    agrees(users)


def test_a_store_that_refuses_an_image_leaves_the_user_as_it_was(service, s3d, agrees):
    users = service(files=s3d.url(), environment=s3d.environment)
    users.wait_until_ready()
    made = users.create_with_avatar()
    s3d.fault("refuse,verb=PUT,status=503,code=SlowDown")
    answer = users.put_avatar(made["id"], images.png())
    assert_refused(answer, 503, "Unavailable")
    assert answer.headers["Retry-After"]
    s3d.clear()
    assert users.user(made["id"]).data["avatar"] == made["avatar"]
    agrees(users, s3d)


def test_no_key_is_ever_put_twice(service, s3d_with, tmp_path):
    log = tmp_path / "requests"
    s3d = s3d_with("--log", log)
    users = service(files=s3d.url(), environment=s3d.environment)
    users.wait_until_ready()
    ada = users.create()["id"]
    s3d.fault("lose,verb=PUT,p=0.3,seed=1", "refuse,verb=PUT,p=0.3,seed=2")
    for _ in range(30):
        users.put_avatar(ada, images.png())
    puts = [line.split()[1] for line in log.read_text().splitlines()
            if line.startswith(f"PUT {s3d.bucket}/avatars/")]
    assert len(puts) >= 30 and len(set(puts)) == len(puts)


def test_noise_is_never_an_image(users, ada):
    for length in (1, 12, 1000):
        assert users.put_avatar(ada, os.urandom(length)).status in (415, 422)


def test_an_image_that_is_replaced_while_it_is_read_is_read_anew(service, agrees):
    """
    The reader has the old pointer, and its request reaches the store when the old object is gone.
    The store keeps each read back for so long that the replacement is over before.
    """
    kept_back = 2
    users = service(files_faults=f"get:latency={kept_back}s")
    ada = users.create(avatar=images.png())["id"]
    second = images.jpeg()

    def read():
        begun = time.monotonic()
        return users.client().get(f"/api/users/{ada}/avatar"), time.monotonic() - begun

    with concurrent.futures.ThreadPoolExecutor() as others:
        reading = others.submit(read)
        users.wait_for(reading.running, what="the reader to begin")
        assert users.put_avatar(ada, second).status == 200
        users.wait_for(lambda: len(users.objects()) == 1, what="the old object to go")
        answer, took = reading.result()
    assert answer.status == 200 and answer.body == second
    # The store was asked twice: for the old object, and for the new one.
    assert took >= 2 * kept_back
    agrees(users)


def test_an_avatar_is_not_said_to_be_gone_before_it_is(service, s3d, agrees):
    users = service(files=s3d.url(), environment=s3d.environment, inline="off", timer="off")
    users.wait_until_ready()
    ada = users.create_with_avatar()["id"]
    for _ in range(3):
        answer = users.public.delete(f"/api/users/{ada}/avatar")
        assert answer.status == 202 and answer.data["state"] == "pending"
    users.sweep()
    assert s3d.count("avatars/") == 0
    assert users.public.delete(f"/api/users/{ada}/avatar").status == 200
    agrees(users, s3d)
