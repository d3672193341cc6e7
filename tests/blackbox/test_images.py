"""
Hostile images: what an image tells beside its pixels does not come out again, what it looks like
stays, and what cannot be cleaned is refused. Pillow is the second opinion on how they look.
"""
import hashlib
import io
import zipfile

import pytest
from PIL import Image, ImageCms, ImageSequence

from support import hostile_images, images
from support.client import multipart
from support.hostile_images import SECRET
from support.service import Service, person

CASES = list(hostile_images.cases())
CLEAN = [case for case in CASES if case.outcome == "clean"]
REFUSED = [case for case in CASES if case.outcome != "clean"]
STATUS = {413: "PayloadTooLarge", 422: "Unprocessable"}
ORIENTATION = 0x0112

named = pytest.mark.parametrize


@pytest.fixture(scope="module")
def users(tmp_path_factory):
    """One service for all of them: each is but one upload."""
    service = Service(tmp_path_factory.mktemp("images"))
    yield service.start()
    service.end()


@pytest.fixture(scope="module")
def ada(users):
    return users.create_with_avatar()["id"]


def put(users, user_id, content):
    """What comes out, as it is described and as it is served."""
    answer = users.put_avatar(user_id, content)
    assert answer.status in (200, 201), answer
    served = users.avatar(user_id)
    assert served.status == 200
    return answer.data["avatar"], served


def colours(image):
    """How it is to be shown: with its profile, if it has one."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode == "CMYK":
        return None
    shown = ImageCms.profileToProfile(image.convert("RGB"),
                                      ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                                      ImageCms.createProfile("sRGB"))
    return shown.tobytes()


def looks(content):
    """All that Pillow can tell of how an image looks."""
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        mode, shown = image.mode, colours(image)
        frames = [(frame.convert("RGBA").tobytes(), frame.info.get("duration"))
                  for frame in ImageSequence.Iterator(image)]
        return image.format, image.size, mode, image.info.get("loop"), frames, shown


def orientation(content):
    with Image.open(io.BytesIO(content)) as image:
        return image.getexif().get(ORIENTATION)


def metadata(content):
    """What Pillow finds beside the pixels, but for what they need."""
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        exif = image.getexif()
        told = {"comment", "xmp", "XML:com.adobe.xmp", "photoshop", "Raw profile type exif"}
        return sorted(told & set(image.info)) + [tag for tag in exif if tag != ORIENTATION]


def opens_as_archive(content):
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.namelist() != []
    except zipfile.BadZipFile:
        return False


def test_there_are_more_than_enough_of_them():
    assert len(CASES) >= 60 and len({case.name for case in CASES}) == len(CASES)
    assert {case.outcome for case in CASES} == {"clean", 413, 422}


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@named("case", CLEAN, ids=[case.name for case in CLEAN])
def test_what_is_taken_comes_out_clean_and_looks_the_same(users, ada, case):
    described, served = put(users, ada, case.content)
    cleaned = served.body
    assert len(cleaned) <= len(case.content)
    for hidden in case.gone:
        assert hidden not in cleaned
    assert looks(cleaned) == looks(case.original)
    assert orientation(cleaned) == case.orientation
    assert metadata(cleaned) == []
    assert not opens_as_archive(cleaned)
    # What is stored, hashed and told is what comes out.
    digest = hashlib.sha256(cleaned).hexdigest()
    assert (described["bytes"], described["sha256"]) == (len(cleaned), digest)
    assert served.headers["ETag"] == f'"{digest}"'
    assert served.headers["Content-Type"] == described["contentType"]
    assert described["contentType"] == Image.MIME[looks(cleaned)[0]]
    # There is nothing left to clean.
    assert put(users, ada, cleaned)[0]["sha256"] == digest


@named("case", REFUSED, ids=[case.name for case in REFUSED])
def test_what_cannot_be_cleaned_is_refused(users, ada, case):
    before = users.user(ada).data["avatar"]
    answer = users.put_avatar(ada, case.content)
    assert answer.status == case.outcome, answer
    assert answer.json["status"] == STATUS[case.outcome]
    assert answer.json["message"].startswith("the image (image/")
    assert users.user(ada).data["avatar"] == before


def test_a_profile_stays_in_what_colours_need_of_it(users, ada):
    """The same numbers under another name: the pixels look as they did, and not as without it."""
    jpeg = dict(hostile_images.basics())["jpeg-large"]
    named_so = hostile_images.profile(gamma=1.0)
    sent = hostile_images.jpeg_with(
        jpeg, hostile_images.segment(0xE2, b"ICC_PROFILE\0\1\1" + named_so))
    cleaned = put(users, ada, sent)[1].body
    assert looks(cleaned)[-1] == looks(sent)[-1]
    with Image.open(io.BytesIO(cleaned)) as image:
        assert image.convert("RGB").tobytes() != looks(cleaned)[-1]
        kept = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
    assert ImageCms.getProfileDescription(kept).strip() == "-"
    assert SECRET not in cleaned and b"mmod" not in cleaned


def test_an_image_is_served_as_nothing_but_an_image(users, ada):
    put(users, ada, images.png())
    for asked, status in (({}, 200), ({"Range": "bytes=0-3"}, 206),
                          ({"If-None-Match": '"another"'}, 200)):
        answer = users.public.get(f"/api/users/{ada}/avatar", headers=asked)
        assert answer.status == status
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer.headers["Content-Disposition"] == 'inline; filename="avatar"'


def form(users, user, image, key):
    body, headers = multipart(user, image)
    return users.public.call("POST", "/api/users", body, {**headers, "Idempotency-Key": key})


def test_a_form_brings_an_image_that_is_cleaned_too(users):
    sent = hostile_images.hide_png(images.png(), SECRET)
    made = form(users, person(), sent, "cleaned")
    assert made.status == 201
    cleaned = users.avatar(made.data["id"]).body
    assert SECRET not in cleaned
    assert made.data["avatar"]["sha256"] == hashlib.sha256(cleaned).hexdigest()
    assert made.data["avatar"]["bytes"] == len(cleaned) < len(sent)


def test_a_repeat_is_told_by_what_was_sent_and_not_by_what_was_kept(users):
    user, image = person(), images.png()
    first, second = (hostile_images.hide_png(image, text) for text in (b"one", b"two"))
    made = form(users, user, first, "what-was-sent")
    assert made.status == 201
    assert form(users, user, first, "what-was-sent").data["id"] == made.data["id"]
    # They clean to the same image, and yet are two bodies.
    assert put(users, made.data["id"], second)[0]["sha256"] == made.data["avatar"]["sha256"]
    assert form(users, user, second, "what-was-sent").status == 422
    assert form(users, user, image, "what-was-sent").status == 422


def test_an_image_is_measured_by_its_bytes_as_sent(service):
    """What is cleaned away counts towards the limit: it has to be taken in first."""
    users = service(avatar_max="4KiB")
    ada = users.create()["id"]
    image = hostile_images.hide_jpeg(images.jpeg(), bytes(5000))
    assert users.put_avatar(ada, image).status == 413
    assert users.put_avatar(ada, images.jpeg()).status == 201
