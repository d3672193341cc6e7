"""users-service with credentials that somebody gives it for a time."""
import datetime
import json

import pytest

from support.scripted_server import Reply, ScriptedServer
from support import images, programs

CONFIGURATION = 78


@pytest.fixture
def giver():
    server = ScriptedServer()
    yield server
    server.close()


def instant_in(seconds):
    instant = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def grant(key, seconds=3600):
    return Reply(200, {"Code": "Success", "AccessKeyId": key, "SecretAccessKey": "s3cret",
                       "Token": "a-token", "Expiration": instant_in(seconds)})


def machine(giver, *grants):
    """The metadata service of a machine that has a role; the environment that leads there."""
    giver.on("PUT", "/latest/api/token", Reply(200, "session"))
    giver.on("GET", "/latest/meta-data/iam/security-credentials/", Reply(200, "the-role"))
    giver.on("GET", "/latest/meta-data/iam/security-credentials/the-role", *grants)
    return {"AWS_EC2_METADATA_DISABLED": "false",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": giver.url("/")}


def container(giver, *grants):
    giver.on("GET", "/grant", *grants)
    return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": giver.url("/grant")}


def sts(giver, tmp_path):
    token = tmp_path / "identity-token"
    token.write_text("a.b.c\n")
    giver.on("POST", "/", Reply(200, f"""<AssumeRoleWithWebIdentityResponse>
        <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>lent</AccessKeyId>
        <SecretAccessKey>s3cret</SecretAccessKey><SessionToken>a-token</SessionToken>
        <Expiration>{instant_in(3600)}</Expiration></Credentials>
        </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""))
    return {"AWS_ROLE_ARN": "arn:aws:iam::1:role/users",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ENDPOINT_URL_STS": giver.url("/")}


def files_of(tmp_path):
    path = tmp_path / "shared-credentials"
    path.write_text("[work]\naws_access_key_id = lent\naws_secret_access_key = s3cret\n")
    return {"AWS_SHARED_CREDENTIALS_FILE": str(path), "AWS_PROFILE": "work"}


@pytest.mark.parametrize("source", ["machine", "container", "web identity", "profile"])
def test_a_user_comes_and_goes_with_credentials_that_are_lent(service, s3d_with, giver, tmp_path,
                                                              source):
    environment = {"machine": lambda: machine(giver, grant("lent")),
                   "container": lambda: container(giver, grant("lent")),
                   "web identity": lambda: sts(giver, tmp_path),
                   "profile": lambda: files_of(tmp_path)}[source]()
    # Nobody with another key gets in.
    bucket = s3d_with("--access-key", "lent")
    users = service(files=bucket.url(), environment=environment).wait_until_ready()
    image = images.png()
    user = users.create_with_avatar(image)
    assert users.avatar(user["id"]).body == image
    assert users.delete(user["id"]).status == 200
    assert bucket.count("avatars/") == 0


def test_a_start_without_anybody_who_gives_them_is_78(service, s3d):
    users = service(start=False, files=s3d.url(), environment={"AWS_PROFILE": "nobody"})
    ended = users.run()
    assert ended.returncode == CONFIGURATION
    assert "[nobody]" in ended.stderr


def test_a_giver_who_refuses_is_78(service, s3d, giver):
    giver.on("PUT", "/latest/api/token", Reply(403, "no"))
    users = service(start=False, files=s3d.url(),
                    environment={"AWS_EC2_METADATA_DISABLED": "false",
                                 "AWS_EC2_METADATA_SERVICE_ENDPOINT": giver.url("/")})
    ended = users.run()
    assert ended.returncode == CONFIGURATION
    assert "metadata service refuses" in ended.stderr


def test_a_giver_who_is_silent_may_come_later(service, s3d_with, giver):
    """The service starts, is not ready, and becomes so by itself."""
    bucket = s3d_with("--access-key", "lent")
    environment = container(giver, Reply(503, "busy"), Reply(503, "busy"), grant("lent"))
    users = service(files=bucket.url(), environment=environment)
    users.wait_until_ready()
    assert users.create_with_avatar()
    assert len(giver.asked("GET")) == 3


def test_nobody_notices_a_renewal(service, s3d_with, giver):
    """They are given for three seconds, and the first renewals are refused."""
    bucket = s3d_with("--access-key", "lent")
    environment = container(giver, grant("lent", 3), Reply(500, "no"), Reply(403, "no"),
                            grant("lent"))
    users = service(files=bucket.url(), environment=environment).wait_until_ready()
    programs.wait_for(lambda: len(giver.asked("GET")) >= 2, what="a renewal that is refused")
    user = users.create_with_avatar()
    assert users.delete(user["id"]).status == 200
    programs.wait_for(lambda: len(giver.asked("GET")) >= 4, what="a renewal that succeeds")
    said = [json.loads(line)["event"] for line in users.log().splitlines()]
    assert said.count("credentials cannot be renewed; the old ones stay in use") == 1
    programs.wait_for(lambda: "credentials were renewed" in users.log(), what="that to be said")
    user = users.create_with_avatar()
    assert users.delete(user["id"]).status == 200
    counted = users.private.get("/metrics").text
    for outcome in ("renewed", "failed"):
        assert ("users_service_credentials_renewals_total"
                f'{{source="container",outcome="{outcome}"}} 2\n') in counted
    assert "s3cret" not in users.log() and "a-token" not in users.log()
