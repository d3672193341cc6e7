"""`users-service check --files URL`: what of a store works, and what that means."""
import os
import ssl
import subprocess

import pytest

from support import programs
from support.ports import free_port
from support.scripted_server import ScriptedServer

USAGE, UNAVAILABLE, CONFIGURATION = 64, 69, 78
STEPS = ["identity", "put", "get", "ranged get", "listing", "versions", "delete", "bulk delete"]
PREFIX = "some/prefix/"


class Checked:
    def __init__(self, ended):
        self.code, self.output, self.errors = ended.returncode, ended.stdout, ended.stderr
        self.rows = {}
        for line in self.output.splitlines():
            for step in STEPS:
                if line.startswith(f"{step:<12} "):
                    self.rows[step] = tuple(line[13:].split(None, 1))

    def works(self, step):
        return self.rows[step][0]

    def meaning(self, step):
        return self.rows[step][1]


@pytest.fixture
def check(tmp_path):
    def run(url, environment=None, *arguments):
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("AWS_", "USERS_"))}
        kept |= {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
        return Checked(subprocess.run(
            [programs.program("users-service"), "check", "--files", url, "--files-timeout", "5s",
             *arguments], env=kept | (environment or {}), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False))
    return run


@pytest.fixture(params=["s3d", "ceph"])
def bucket(request):
    return request.getfixturevalue(request.param)


def assert_all_is_well(checked):
    assert checked.code == 0, checked.output + checked.errors
    assert list(checked.rows) == STEPS
    assert {checked.works(step) for step in STEPS} == {"yes"}, checked.output
    assert "The service works with this store." in checked.output


def test_all_of_a_bucket_works_and_nothing_stays(check, bucket):
    checked = check(bucket.url(PREFIX), bucket.environment)
    assert_all_is_well(checked)
    assert "nobody's yet" in checked.meaning("identity")
    assert "none are kept" in checked.meaning("versions")
    assert bucket.objects() == {}


def test_all_of_a_folder_works_and_nothing_stays(check, tmp_path):
    folder = tmp_path / "files"
    assert_all_is_well(check(f"file://{folder}"))
    assert not folder.exists()
    folder.mkdir()
    (folder / "mine").write_text("x")
    assert_all_is_well(check(f"file://{folder}"))
    assert [path.name for path in folder.iterdir()] == ["mine"]


def test_a_store_in_use_says_whose_it_is_and_is_not_touched(check, service, bucket):
    users = service(files=bucket.url(PREFIX), environment=bucket.environment).wait_until_ready()
    user = users.create_with_avatar()
    before = bucket.objects()
    checked = check(bucket.url(PREFIX), bucket.environment)
    assert_all_is_well(checked)
    assert "belongs to the database" in checked.meaning("identity")
    assert bucket.objects() == before
    assert users.avatar(user["id"]).status == 200


def test_a_bucket_with_versions_is_left_without_any_on_ceph(check, ceph):
    ceph.client.put_bucket_versioning(Bucket=ceph.bucket,
                                      VersioningConfiguration={"Status": "Enabled"})
    checked = check(ceph.url(PREFIX), ceph.environment)
    assert_all_is_well(checked)
    assert "every version" in checked.meaning("versions")
    left = ceph.client.list_object_versions(Bucket=ceph.bucket)
    assert "Versions" not in left and "DeleteMarkers" not in left


def test_a_bucket_may_be_part_of_the_host_s_name_on_ceph(check, ceph):
    port = ceph.endpoint.rsplit(":", 1)[1]
    checked = check(f"s3://{ceph.bucket}/{PREFIX}?region={ceph.region}&path-style=off"
                    f"&endpoint=http://localhost:{port}", ceph.environment)
    assert_all_is_well(checked)


@pytest.mark.parametrize("manner", ["checksum=sha256", "requester-pays=on", "bulk-delete=off"])
def test_a_manner_of_asking_is_taken_by_ceph(check, ceph, manner):
    checked = check(f"{ceph.url(PREFIX)}&{manner}", ceph.environment)
    assert checked.code == 0, checked.output
    assert {checked.works(step) for step in STEPS if step != "bulk delete"} == {"yes"}
    assert ceph.objects() == {}


def test_a_certificate_of_one_s_own_is_trusted_if_it_is_named(check, tmp_path):
    """A store that has nothing and takes nothing, behind TLS; only the handshake matters."""
    certificate, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ScriptedServer(tls=context)
    try:
        address = f"s3://bucket?endpoint={server.url('')}"
        credentials = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        refused = check(address, credentials)
        assert refused.works("identity") == "FAILS" and "tls" in refused.meaning("identity")
        for named in (check(f"{address}&ca={certificate}", credentials),
                      check(address, credentials | {"AWS_CA_BUNDLE": str(certificate)})):
            assert named.works("identity") == "yes", named.output
    finally:
        server.close()


def test_no_bulk_delete_is_no_hindrance(check, s3d):
    s3d.fault("refuse,verb=BATCH,status=501,code=NotImplemented")
    checked = check(s3d.url(), s3d.environment)
    assert checked.code == 0
    assert checked.works("bulk delete") == "no"
    assert "one by one" in checked.meaning("bulk delete")
    assert s3d.objects() == {}


def test_no_listing_is_no_hindrance(check, s3d):
    s3d.fault("refuse,verb=LIST,status=403,code=AccessDenied")
    checked = check(s3d.url(), s3d.environment)
    assert checked.code == 0
    assert checked.works("listing") == "no" and "AccessDenied" in checked.meaning("listing")
    assert checked.works("versions") == "no"
    assert {checked.works(step) for step in STEPS} == {"yes", "no"}


def test_a_missing_right_is_named_and_so_is_what_stays(check, s3d):
    s3d.fault("refuse,verb=DELETE,status=403,code=AccessDenied")
    checked = check(s3d.url(PREFIX), s3d.environment)
    assert checked.code == CONFIGURATION
    assert checked.works("delete") == "FAILS" and "AccessDenied" in checked.meaning("delete")
    assert checked.works("bulk delete") == "FAILS"
    assert "does not work with this store" in checked.output
    assert sorted(s3d.objects(PREFIX)) == sorted(
        line.split(": ")[1] for line in checked.output.splitlines()
        if line.startswith("left behind"))
    assert len(s3d.objects(PREFIX)) == 3


def test_a_delete_that_deletes_nothing_is_found_out(check, s3d):
    s3d.fault("empty,verb=DELETE")
    checked = check(s3d.url(), s3d.environment)
    assert checked.code == CONFIGURATION
    assert checked.works("delete") == "FAILS"
    assert "there after it was said to be deleted" in checked.meaning("delete")


def test_a_put_that_is_refused_ends_no_other_step(check, s3d):
    s3d.fault("refuse,verb=PUT,status=403,code=AccessDenied,times=1")
    checked = check(s3d.url(), s3d.environment)
    assert checked.code == CONFIGURATION
    assert checked.works("put") == "FAILS"
    assert {checked.works(step) for step in ("get", "ranged get", "listing", "delete")} == {"-"}
    assert checked.works("bulk delete") == "yes"
    assert s3d.objects() == {}


def test_who_does_not_answer_is_69_and_asked_once(check):
    checked = check(f"s3://bucket?endpoint=http://127.0.0.1:{free_port()}",
                    {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"})
    assert checked.code == UNAVAILABLE
    assert checked.works("identity") == "FAILS" and "unreachable" in checked.meaning("identity")
    assert {checked.works(step) for step in STEPS[1:]} == {"-"}


def test_a_wrong_bucket_is_78(check, s3d):
    checked = check(s3d.url(bucket="nowhere"), s3d.environment)
    assert checked.code == CONFIGURATION and "NoSuchBucket" in checked.meaning("identity")


def test_it_takes_a_store_and_few_words_more(check, tmp_path):
    assert check("", None).code == USAGE
    assert check("ftp://x").code == USAGE
    assert check(f"file://{tmp_path}", None, "--database", "sqlite:x").code == USAGE
    helped = check("", None, "--help")
    assert helped.code == 0 and "users-service check --files URL" in helped.output
    assert "--files-timeout" in helped.output and "--database" not in helped.output
