"""Buckets that keep versions, and buckets that lock them: what is erased is gone, all of it."""
import datetime

import pytest

from tests.support import images, programs

AVATARS = "p/avatars/"


@pytest.fixture(params=["s3d", "ceph"])
def bucket_with(request):
    """Makes an empty bucket, of the stand-in or of Ceph; `locks`: its objects can be locked."""
    if request.param == "ceph":
        return request.getfixturevalue("ceph_endpoint")
    start = request.getfixturevalue("s3d_with")

    def make(locks=False):
        bucket = start()
        if locks:
            bucket.keep_versions()
        return bucket
    return make


def start(service, bucket, **options):
    return service(files=bucket.url("p"), environment=bucket.environment, delete_wait="1s",
                   **options).wait_until_ready()


def key_of(bucket):
    (name,) = bucket.objects(AVATARS)
    return AVATARS + name


def the_deletion(one):
    """The one row of the list of deletions."""
    (row,) = one.private.get("/api/deletions").data["items"]
    return row


def erase(one, user):
    answer = one.delete(user["id"])
    assert answer.status == 200, answer
    assert answer.data["state"] == "deleted"


@pytest.mark.parametrize("status", ["Enabled", "Suspended"])
def test_no_version_of_an_erased_avatar_is_left(service, bucket_with, status):
    bucket = bucket_with()
    bucket.keep_versions()
    bucket.keep_versions(status)
    one = start(service, bucket)
    user = one.create_with_avatar()
    # What nobody needs, and a longer key that is not the user's.
    key = key_of(bucket)
    bucket.put(key, b"written over by hand")
    bucket.client.delete_object(Bucket=bucket.bucket, Key=key)
    bucket.put(key, b"and again")
    bucket.put(key + "-not", b"a neighbour")
    erase(one, user)
    assert [found[0] for found in bucket.versions(AVATARS)] == [key + "-not"]


def test_a_bucket_that_begins_to_keep_versions_is_noticed(service, bucket_with):
    bucket = bucket_with()
    one = start(service, bucket)
    users = [one.create_with_avatar() for _ in range(4)]
    erase(one, users[0])
    bucket.keep_versions()
    erase(one, users[1])
    bucket.keep_versions("Suspended")
    erase(one, users[2])
    bucket.keep_versions()
    one.put_avatar(users[3]["id"], images.png(width=9))
    erase(one, users[3])
    programs.wait_for(lambda: not bucket.versions(AVATARS), what="all versions to be gone")


def test_a_batch_is_erased_version_by_version(service, bucket_with, agrees):
    bucket = bucket_with()
    bucket.keep_versions()
    one = start(service, bucket, inline="off", timer="off")
    users = [one.create_with_avatar() for _ in range(40)]
    for user in users:
        assert one.delete(user["id"]).status == 202
    (page,) = one.sweep()
    assert page["deleted"] == 40
    assert bucket.versions(AVATARS) == []
    assert all(one.erased(user["id"]) for user in users)
    agrees(one, bucket, "p")


def lock(bucket, key, mode, until):
    (found,) = [found for found in bucket.versions(key) if found[0] == key]
    bucket.client.put_object_retention(
        Bucket=bucket.bucket, Key=key, VersionId=found[1],
        Retention={"Mode": mode, "RetainUntilDate": until})
    return found[1]


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_a_locked_avatar_says_until_when_it_stays(service, bucket_with, mode):
    bucket = bucket_with(locks=True)
    one = start(service, bucket)
    user, other = one.create_with_avatar(), one.create()
    key = key_of(bucket)
    version = lock(bucket, key, mode, datetime.datetime(2044, 5, 6, 7, 8, 9,
                                                        tzinfo=datetime.timezone.utc))
    assert one.delete(user["id"]).status == 202
    programs.wait_for(lambda: the_deletion(one)["state"] == "blocked", what="the refusal")
    row = the_deletion(one)
    assert row["errorClass"] == "object-locked"
    assert row["error"].startswith("1 version stays until 2044-05-06T07:08:09")
    assert f"({mode})" in row["error"]
    assert version in row["error"]
    assert one.receipt(user["id"]).data["state"] == "blocked"
    # Nobody else waits for it.
    assert one.put_avatar(other["id"], images.png()).status == 201
    erase(one, other)
    assert [found[:2] for found in bucket.versions(AVATARS)] == [(key, version)]


def test_a_lock_that_ran_out_is_noticed_by_the_sweep(service, bucket_with):
    bucket = bucket_with(locks=True)
    one = start(service, bucket)
    user = one.create_with_avatar()
    now = datetime.datetime.now(datetime.timezone.utc)
    lock(bucket, key_of(bucket), "GOVERNANCE", now + datetime.timedelta(seconds=4))
    assert one.delete(user["id"]).status == 202
    programs.wait_for(lambda: the_deletion(one)["state"] == "blocked", what="the refusal")

    def is_erased():
        one.sweep()
        return one.erased(user["id"])
    programs.wait_for(is_erased, what="the lock to run out")
    assert bucket.versions(AVATARS) == []


def test_a_legal_hold_is_named_and_its_end_is_enough(service, bucket_with):
    bucket = bucket_with(locks=True)
    one = start(service, bucket)
    user = one.create_with_avatar()
    key = key_of(bucket)

    def hold(status):
        bucket.client.put_object_legal_hold(Bucket=bucket.bucket, Key=key,
                                            LegalHold={"Status": status})
    hold("ON")
    assert one.delete(user["id"]).status == 202
    programs.wait_for(lambda: the_deletion(one)["state"] == "blocked", what="the refusal")
    row = the_deletion(one)
    assert row["errorClass"] == "object-locked"
    assert row["error"].startswith("1 version stays until the legal hold on 1 ends: ")
    hold("OFF")
    one.private.post("/api/deletions/retry", {"key": row["key"]})
    one.wait_until_erased(user["id"])
    assert bucket.versions(AVATARS) == []


def test_what_is_locked_stays_hidden(service, bucket_with):
    bucket = bucket_with(locks=True)
    one = start(service, bucket)
    user = one.create_with_avatar()
    key = key_of(bucket)
    lock(bucket, key, "GOVERNANCE", datetime.datetime(2044, 1, 1, tzinfo=datetime.timezone.utc))
    bucket.client.delete_object(Bucket=bucket.bucket, Key=key)
    assert one.delete(user["id"]).status == 202
    programs.wait_for(lambda: the_deletion(one)["state"] == "blocked", what="the refusal")
    assert bucket.objects(AVATARS) == {}
