"""--avatars redirect: who reads an avatar is sent to the store, with a URL that soon expires."""
import time
import urllib.error
import urllib.request

import pytest

from support import images

CONFIGURATION = 78


@pytest.fixture(params=["s3d", "ceph"])
def bucket(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def linking(service, bucket):
    def start(**options):
        return service(files=bucket.url("some/prefix"), environment=bucket.environment,
                       avatars="redirect", **options).wait_until_ready()
    return start


def link_to(users, user, method="GET"):
    answer = users.public.call(method, f"/api/users/{user['id']}/avatar")
    assert answer.status == 307, answer
    assert answer.body == b""
    assert answer.headers["Cache-Control"] == "private, no-store"
    return answer.headers["Location"]


def fetch(url, method="GET", **headers):
    request = urllib.request.Request(url, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def test_a_link_leads_to_the_image(linking):
    users = linking()
    image = images.png()
    user = users.create_with_avatar(image)
    status, body, headers = fetch(link_to(users, user))
    assert (status, body, headers["Content-Type"]) == (200, image, "image/png")
    status, body, _ = fetch(link_to(users, user), Range="bytes=1-3")
    assert (status, body) == (206, image[1:4])
    status, body, headers = fetch(link_to(users, user, "HEAD"), "HEAD")
    assert (status, int(headers["Content-Length"])) == (200, len(image))


def test_a_link_ends(linking):
    users = linking(avatar_link_ttl="1s")
    url = link_to(users, users.create_with_avatar())
    assert fetch(url)[0] == 200
    # The store counts in whole seconds, and its clock is its own.
    time.sleep(2.2)
    assert fetch(url)[0] == 403


@pytest.mark.parametrize("bucket", ["ceph"], indirect=True)
def test_an_altered_link_leads_nowhere(linking):
    """On Ceph alone: the stand-in does not check signatures."""
    users = linking()
    mine, other = users.create_with_avatar(), users.create_with_avatar()
    url = link_to(users, mine)
    key = url.split("?")[0].rsplit("/", 1)[1]
    others_key = link_to(users, other).split("?")[0].rsplit("/", 1)[1]
    last = "0" if url[-1] != "0" else "1"
    for altered in (url.replace(key, others_key), url[:-1] + last,
                    url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"),
                    url.split("&X-Amz-Signature")[0], url.split("?")[0]):
        assert altered != url
        assert fetch(altered)[0] in (400, 403), altered
    assert fetch(url, "PUT")[0] == 403
    assert fetch(url, "DELETE")[0] == 403
    assert fetch(url)[0] == 200


def test_nobody_is_sent_to_a_marked_user_s_image(linking, bucket):
    """Nothing finishes by itself here: the object is still there when the user is hidden."""
    users = linking(inline="off", timer="off")
    user = users.create_with_avatar()
    assert users.delete(user["id"]).status == 202
    assert len(bucket.objects("some/prefix/avatars/")) == 1
    answer = users.avatar(user["id"])
    assert answer.status == 404 and "Location" not in answer.headers
    users.sweep()
    assert bucket.objects("some/prefix/avatars/") == {}


def test_without_an_image_there_is_no_link(linking):
    users = linking()
    user = users.create()
    assert users.avatar(user["id"]).status == 404
    user = users.create_with_avatar()
    assert users.public.delete(f"/api/users/{user['id']}/avatar").status == 200
    assert users.avatar(user["id"]).status == 404


def test_a_folder_gives_no_links(service):
    users = service(start=False, avatars="redirect")
    for ended in (users.run(), users.run("--check")):
        assert ended.returncode == CONFIGURATION
        assert "--avatars redirect needs an S3 store" in ended.stderr
    assert not users.database.exists()
