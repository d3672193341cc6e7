"""The stand-in for S3 speaks S3 as boto3 knows it, and goes wrong exactly as it is told."""
import datetime
import hashlib
import http.client
import json
import threading
import time

import pytest

botocore = pytest.importorskip("botocore")
from botocore.exceptions import ClientError  # noqa: E402


def code_of(raised):
    return raised.value.response["Error"]["Code"]


def put_many(s3, count, prefix="avatars/"):
    keys = [f"{prefix}{number:04}" for number in range(count)]
    for key in keys:
        s3.client.put_object(Bucket=s3.bucket, Key=key, Body=key.encode())
    return keys


def delete_keys(s3, keys):
    return s3.client.delete_objects(
        Bucket=s3.bucket, Delete={"Objects": [{"Key": key} for key in keys]})


def test_an_object_comes_back_as_it_was_put(s3d):
    body = bytes(range(256)) * 300
    answer = s3d.client.put_object(Bucket=s3d.bucket, Key="a b/ü+&", Body=body,
                                   ContentType="image/png")
    assert answer["ETag"] == '"%s"' % hashlib.md5(body).hexdigest()
    got = s3d.client.get_object(Bucket=s3d.bucket, Key="a b/ü+&")
    assert got["Body"].read() == body
    assert got["ContentType"] == "image/png"
    assert got["ETag"] == answer["ETag"]
    assert s3d.client.head_object(Bucket=s3d.bucket, Key="a b/ü+&")["ContentLength"] == len(body)


@pytest.mark.parametrize("wanted, start, end", [
    ("bytes=0-9", 0, 10), ("bytes=90-", 90, 100), ("bytes=-5", 95, 100), ("bytes=50-999", 50, 100)])
def test_a_range_is_a_part_of_the_object(s3d, wanted, start, end):
    body = bytes(range(100))
    s3d.client.put_object(Bucket=s3d.bucket, Key="k", Body=body)
    got = s3d.client.get_object(Bucket=s3d.bucket, Key="k", Range=wanted)
    assert got["Body"].read() == body[start:end]
    assert got["ContentRange"] == f"bytes {start}-{end - 1}/100"


def test_a_range_behind_the_end_is_416(s3d):
    s3d.client.put_object(Bucket=s3d.bucket, Key="k", Body=b"123")
    with pytest.raises(ClientError) as raised:
        s3d.client.get_object(Bucket=s3d.bucket, Key="k", Range="bytes=3-")
    assert code_of(raised) == "InvalidRange"


def test_deleting_twice_succeeds_and_reading_afterwards_does_not(s3d):
    s3d.client.put_object(Bucket=s3d.bucket, Key="k", Body=b"1")
    for _ in range(2):
        answer = s3d.client.delete_object(Bucket=s3d.bucket, Key="k")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(ClientError) as raised:
        s3d.client.get_object(Bucket=s3d.bucket, Key="k")
    assert code_of(raised) == "NoSuchKey"
    assert s3d.status()["keysDeleted"] == 1


def test_if_none_match_refuses_a_second_put(s3d):
    status, _ = s3d.raw("PUT", "/k", b"first", {"If-None-Match": "*"})
    assert status == 200
    status, body = s3d.raw("PUT", "/k", b"second", {"If-None-Match": "*"})
    assert status == 412 and b"PreconditionFailed" in body
    assert s3d.client.get_object(Bucket=s3d.bucket, Key="k")["Body"].read() == b"first"


def test_a_batch_deletes_its_keys_and_lists_them(s3d):
    keys = put_many(s3d, 10)
    answer = delete_keys(s3d, keys + ["never/was & <here>"])
    assert [item["Key"] for item in answer["Deleted"]] == keys + ["never/was & <here>"]
    assert s3d.count("avatars/") == 0


def test_a_batch_of_over_a_thousand_keys_is_refused_whole(s3d):
    keys = put_many(s3d, 2)
    with pytest.raises(ClientError) as raised:
        delete_keys(s3d, keys + [f"x{n}" for n in range(999)])
    assert code_of(raised) == "MalformedXML"
    assert s3d.count("avatars/") == 2


def test_a_batch_without_or_with_a_wrong_checksum_is_refused(s3d):
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    assert b"InvalidRequest" in s3d.raw("POST", "?delete=", body)[1]
    assert b"BadDigest" in s3d.raw("POST", "?delete=", body, {"Content-MD5": "AAAA"})[1]


def test_pages_hold_every_key_once_in_order(s3d):
    keys = put_many(s3d, 25)
    put_many(s3d, 3, "other/")
    pages = s3d.client.get_paginator("list_objects_v2").paginate(
        Bucket=s3d.bucket, Prefix="avatars/", PaginationConfig={"PageSize": 10})
    pages = [[item["Key"] for item in page["Contents"]] for page in pages]
    assert [len(page) for page in pages] == [10, 10, 5]
    assert sum(pages, []) == keys


def test_a_bucket_must_exist_and_can_be_made(s3d):
    for call in (lambda: s3d.client.get_object(Bucket="nowhere", Key="k"),
                 lambda: s3d.client.put_object(Bucket="nowhere", Key="k", Body=b""),
                 lambda: s3d.client.list_objects_v2(Bucket="nowhere"),
                 lambda: s3d.client.delete_objects(Bucket="nowhere",
                                                   Delete={"Objects": [{"Key": "k"}]})):
        with pytest.raises(ClientError) as raised:
            call()
        assert code_of(raised) == "NoSuchBucket"
    s3d.client.create_bucket(Bucket="nowhere")
    assert s3d.client.list_objects_v2(Bucket="nowhere")["KeyCount"] == 0


def test_without_a_credential_nobody_gets_in(s3d):
    connection = http.client.HTTPConnection("127.0.0.1", s3d.port)
    connection.request("GET", f"/{s3d.bucket}/k")
    answer = connection.getresponse()
    assert answer.status == 403 and b"AccessDenied" in answer.read()


def test_a_wrong_access_key_is_refused(s3d_with):
    s3 = s3d_with("--access-key", "right")
    with pytest.raises(ClientError) as raised:
        s3.client.list_objects_v2(Bucket=s3.bucket)
    assert code_of(raised) == "InvalidAccessKeyId"


def test_refusals_come_with_the_given_chance_and_repeat_with_the_seed(s3d):
    def run():
        s3d.clear()
        s3d.fault("refuse,verb=DELETE,status=503,code=SlowDown,p=0.3,seed=7")
        return [s3d.raw("DELETE", "/k")[0] for _ in range(200)]
    first = run()
    assert set(first) == {204, 503}
    assert 30 < first.count(503) < 90
    assert run() == first


def test_a_rule_with_times_and_skip_hits_just_that_often(s3d):
    s3d.fault("refuse,verb=GET,status=500,code=InternalError,times=2,skip=1")
    assert [s3d.raw("GET", "/k")[0] for _ in range(5)] == [404, 500, 500, 404, 404]


def test_retry_after_is_sent(s3d):
    s3d.fault("refuse,status=429,retry-after=17")
    connection = http.client.HTTPConnection("127.0.0.1", s3d.port)
    connection.request("DELETE", f"/{s3d.bucket}/k", headers=s3d.credential)
    assert connection.getresponse().getheader("Retry-After") == "17"


def test_latency_is_waited_for_by_all_at_once(s3d):
    s3d.fault("latency,ms=300")
    begun = time.monotonic()
    threads = [threading.Thread(target=s3d.raw, args=("GET", "/k")) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    passed = time.monotonic() - begun
    assert 0.3 <= passed < 20 * 0.3
    assert s3d.status()["mostInFlight"] >= 10


def test_a_hanging_request_does_nothing_and_is_let_go_when_faults_are_cleared(s3d):
    s3d.client.put_object(Bucket=s3d.bucket, Key="k", Body=b"1")
    s3d.fault("hang,verb=DELETE")
    ended = []
    thread = threading.Thread(target=lambda: ended.append(s3d.raw("DELETE", "/k")))
    thread.start()
    s3d.wait_for(lambda: s3d.status()["hanging"] == 1)
    assert s3d.raw("GET", "/k")[0] == 200
    s3d.clear()
    thread.join(10)
    assert ended == [(0, b"")]
    assert s3d.raw("GET", "/k")[0] == 200


@pytest.mark.parametrize("rule, happened", [
    ("off", False), ("lose", True), ("hang", False), ("hang,effect=on", True)])
def test_a_lost_answer_tells_nothing_about_what_happened(s3d_with, rule, happened):
    s3 = s3d_with()
    s3.client.put_object(Bucket=s3.bucket, Key="k", Body=b"1")
    s3.fault(rule + ",verb=DELETE")
    assert s3.raw("DELETE", "/k", timeout=0.5) == (0, b"")
    assert s3.count("k") == (0 if happened else 1)


def test_a_late_effect_comes_although_nobody_waits_for_it(s3d):
    s3d.fault("latency,verb=PUT,ms=400")
    assert s3d.raw("PUT", "/late", b"1", timeout=0.1) == (0, b"")
    assert s3d.count("late") == 0
    s3d.wait_for(lambda: s3d.count("late") == 1)


def test_a_cut_answer_breaks_off_after_the_effect(s3d):
    s3d.client.put_object(Bucket=s3d.bucket, Key="k", Body=b"x" * 1000)
    s3d.fault("cut")
    with pytest.raises(http.client.IncompleteRead):
        s3d.request("GET", "/k")
    keys = ["k"]
    s3d.clear()
    s3d.fault("cut,verb=BATCH")
    with pytest.raises(Exception):
        delete_keys(s3d, keys)
    assert s3d.count("k") == 0


@pytest.mark.parametrize("rule", ["garbage", "empty", "error-body,code=InternalError"])
def test_a_200_that_proves_nothing_deletes_nothing(s3d, rule):
    s3d.client.put_object(Bucket=s3d.bucket, Key="k", Body=b"1")
    s3d.fault(rule + ",verb=BATCH")
    status, body = s3d.batch(["k"])
    assert status == 200 and b"<Deleted>" not in body
    assert s3d.count("k") == 1


def test_keys_are_refused_or_left_out_one_by_one(s3d):
    keys = put_many(s3d, 4)
    s3d.fault("key-error,key=avatars/0001,code=AccessDenied")
    s3d.fault("unlist,key=avatars/0002")
    answer = delete_keys(s3d, keys)
    assert [item["Key"] for item in answer["Deleted"]] == ["avatars/0000", "avatars/0003"]
    assert [(item["Key"], item["Code"]) for item in answer["Errors"]] == [
        ("avatars/0001", "AccessDenied")]
    assert s3d.count("avatars/") == 2
    assert s3d.raw("DELETE", "/avatars/0001")[0] == 503


def test_a_rule_that_makes_no_sense_is_refused(s3d):
    for rule in ("nonsense", "refuse,status=99", "refuse,p=2", "refuse,what=1", "latency,ms=-1"):
        with pytest.raises(AssertionError):
            s3d.fault(rule)
    assert s3d.status()["faults"] == []


def test_the_log_names_every_request(s3d_with, tmp_path):
    s3 = s3d_with("--log", str(tmp_path / "log"))
    s3.raw("PUT", "/a", b"1")
    s3.fault("lose,verb=DELETE")
    s3.raw("DELETE", "/a")
    assert (tmp_path / "log").read_text().splitlines() == [
        f"PUT {s3.bucket}/a 200 - none", f"DELETE {s3.bucket}/a 204 - lose"]
    json.dumps(s3.status())


def test_a_bucket_keeps_versions_once_it_is_told_to(s3d):
    s3d.put("k", b"before")
    s3d.keep_versions()
    s3d.put("k", b"after")
    s3d.client.delete_object(Bucket=s3d.bucket, Key="k")
    assert s3d.objects() == {}
    marker, after, before = sorted(s3d.versions(),
                                   key=lambda found: (not found[2], found[1] == "null"))
    assert marker[2] and before[1] == "null"
    old = s3d.client.get_object(Bucket=s3d.bucket, Key="k", VersionId=after[1])
    assert old["Body"].read() == b"after"
    s3d.client.delete_object(Bucket=s3d.bucket, Key="k", VersionId=marker[1])
    assert s3d.read("k") == b"after"


def test_a_suspended_bucket_writes_over_null_alone(s3d):
    s3d.keep_versions()
    s3d.put("k", b"kept")
    s3d.keep_versions("Suspended")
    s3d.put("k", b"first")
    s3d.put("k", b"second")
    answer = s3d.client.delete_object(Bucket=s3d.bucket, Key="k")
    assert answer["DeleteMarker"] is True and answer["VersionId"] == "null"
    assert sorted(found[1] == "null" for found in s3d.versions("k")) == [False, True]


def test_a_locked_version_stays_and_the_others_of_its_batch_go(s3d):
    s3d.keep_versions()
    for text in (b"one", b"two"):
        s3d.put("k", text)
    one, two = s3d.versions("k")
    until = datetime.datetime(2050, 1, 1, tzinfo=datetime.timezone.utc)
    s3d.client.put_object_retention(Bucket=s3d.bucket, Key="k", VersionId=two[1],
                                    Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until})
    answer = s3d.client.delete_objects(Bucket=s3d.bucket, Delete={"Objects": [
        {"Key": "k", "VersionId": found[1]} for found in (one, two)]})
    assert [item["Code"] for item in answer["Errors"]] == ["AccessDenied"]
    assert s3d.versions("k") == [two]
    head = s3d.client.head_object(Bucket=s3d.bucket, Key="k", VersionId=two[1])
    assert head["ObjectLockMode"] == "COMPLIANCE"
    assert head["ObjectLockRetainUntilDate"] == until


def test_versions_are_listed_page_by_page(s3d):
    s3d.keep_versions()
    for _ in range(7):
        s3d.put("k", b"x")
        s3d.put("l", b"x")
    pages = s3d.client.get_paginator("list_object_versions").paginate(
        Bucket=s3d.bucket, PaginationConfig={"PageSize": 3})
    ids = [item["VersionId"] for page in pages for item in page.get("Versions", [])]
    assert len(ids) == len(set(ids)) == 14
