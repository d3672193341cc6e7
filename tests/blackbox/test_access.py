"""Who gets in: tokens and their rotation, certificates, users of this machine, and who guesses."""
import http.client
import io
import json
import os
import subprocess
import urllib.parse

import pytest

from support import contract, programs
from support.client import Answer, Client
from support.ports import free_port

OTHER = "another-token-of-twenty-four"


def curl(*arguments):
    """Status and body of one call, judged like all others; status 0 without an answer."""
    ended = subprocess.run(["curl", "--silent", "--max-time", "20", "--include", *arguments],
                           capture_output=True, check=False)
    said = io.BytesIO(ended.stdout)
    line = said.readline().split()
    if not line:
        return 0, ""
    answer = Answer(int(line[1]), http.client.parse_headers(said), said.read())
    (url,) = (word for word in arguments if "://" in word)
    sockets = [after for word, after in zip(arguments, arguments[1:]) if word == "--unix-socket"]
    parts = urllib.parse.urlsplit(url)
    contract.judge(*(sockets or [parts.port]), "GET", parts.path, {}, None, answer)
    return answer.status, answer.text


def openssl(*arguments, folder):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def authority_make(folder, name):
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.pem", folder=folder)


def certificate_make(folder, name, authority):
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}",
            "-keyout", f"{name}.key", "-out", f"{name}.csr", folder=folder)
    (folder / f"{name}.ext").write_text(f"subjectAltName=DNS:{name},IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey",
            f"{authority}.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext",
            "-out", f"{name}.pem", folder=folder)
    os.chmod(folder / f"{name}.key", 0o600)


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """A folder with an authority, its certificates, and one of somebody else's authority."""
    folder = tmp_path_factory.mktemp("papers")
    authority_make(folder, "ours")
    authority_make(folder, "theirs")
    certificate_make(folder, "localhost", "ours")
    certificate_make(folder, "job", "ours")
    certificate_make(folder, "stranger", "ours")
    certificate_make(folder, "foreigner", "theirs")
    return folder


@pytest.fixture
def started(service):
    """Starts a service whose listeners the shared client cannot speak to."""
    children = []

    def start(listen=None, **options):
        one = service(start=False, **options)
        public = f"127.0.0.1:{free_port()}"
        private = listen or f"127.0.0.1:{free_port()}"
        contract.serve(int(public.rpartition(":")[2]), "public")
        contract.serve(listen.removeprefix("unix:") if listen else
                       int(private.rpartition(":")[2]), "private")
        child = programs.Process(
            [programs.program("users-service"),
             *one.arguments(listen=public, private_listen=private)],
            one.errors, one.child_environment())
        children.append(child)
        programs.wait_for(lambda: '"ready"' in one.log() or not child.is_running(), what="a start")
        assert child.is_running(), one.log()
        return one, public, private

    yield start
    for child in children:
        assert child.stop() == 0


def test_tokens_are_several_and_can_be_changed_while_it_runs(service):
    users = service()
    other = Client(users.private_port, OTHER)
    assert other.get("/api/status").status == 401
    users.token_file.write_text(f"{users.token}\n{OTHER}\n")
    users.wait_for(lambda: other.get("/api/status").status == 200, what="the new token to be taken")
    assert users.private.get("/api/status").status == 200
    users.token_file.write_text(f"{OTHER}\n")
    users.wait_for(lambda: users.private.get("/api/status").status == 401,
                   what="the old token to be refused")
    assert other.get("/api/status").status == 200


def test_a_token_file_that_goes_bad_leaves_the_tokens_as_they_were(service):
    users = service()
    users.token_file.chmod(0o644)
    users.wait_for(lambda: users.private.get("/api/status").status == 200
                   and "kept as they were" in users.log(), what="the file to be looked at")
    assert users.private.get("/api/status").status == 200


def test_who_guesses_is_answered_later_and_later_and_nobody_else_is(service):
    users = service()
    guesser = Client(users.private_port, "x" * 24)
    for _ in range(6):
        answer = guesser.get("/api/status")
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert users.private.get("/api/status").status == 200
    assert "x" * 24 not in users.log()
    assert users.token not in users.log()


def test_a_public_token_is_asked_of_everybody(service, tmp_path):
    token_file = tmp_path / "public-token"
    token_file.write_text(OTHER)
    token_file.chmod(0o600)
    users = service(api_token_file=token_file)
    assert users.public.get("/api/health").status == 200
    assert users.public.get("/api/users").status == 401
    assert Client(users.port, OTHER).get("/api/users").status == 200
    assert Client(users.port, users.token).get("/api/users").status == 401


def test_the_public_api_is_not_opened_to_other_machines_by_accident(service):
    ended = service(start=False).run(listen=f"0.0.0.0:{free_port()}")
    assert ended.returncode == 78
    assert "--api-token-file" in ended.stderr


def test_a_user_of_this_machine_needs_no_token_on_a_unix_socket(started, tmp_path):
    path = tmp_path / "private.sock"
    started(listen=f"unix:{path}", private_peers=str(os.getuid()), token_file=None)
    status, body = curl("--unix-socket", str(path), "http://localhost/api/status")
    assert status == 200, body
    assert json.loads(body)["status"] == "ok"


def test_a_user_who_is_not_on_the_list_is_forbidden(started, tmp_path):
    path = tmp_path / "private.sock"
    started(listen=f"unix:{path}", private_peers=str(os.getuid() + 1), token_file=None)
    stranger = Client(str(path))
    asked = 0
    for operation in contract.document.operations:
        if "private" in operation.servers:
            answer = stranger.call(operation.method, operation.target())
            assert answer.status == (200 if operation.is_open else 403), answer
            asked += 1
    assert asked >= 6
    assert stranger.get("/nowhere").status == 403


def test_the_list_of_users_opens_nothing_over_tcp(service):
    users = service(private_peers=str(os.getuid()))
    assert Client(users.private_port).get("/api/status").status == 401
    assert users.private.get("/api/status").status == 200


def test_a_socket_left_by_a_process_that_died_is_taken_over(started, tmp_path):
    path = tmp_path / "private.sock"
    subprocess.run(["/usr/bin/python3", "-c",
                    "import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])",
                    str(path)], check=True)
    started(listen=f"unix:{path}", private_peers=str(os.getuid()), token_file=None)
    assert curl("--unix-socket", str(path), "http://localhost/api/status")[0] == 200


@pytest.fixture
def over_tls(started, papers):
    one, _, private = started(
        private_tls_cert=papers / "localhost.pem", private_tls_key=papers / "localhost.key",
        private_client_ca=papers / "ours.pem", private_client_names="job,backup")
    port = private.rpartition(":")[2]

    def call(*arguments):
        return curl("--cacert", str(papers / "ours.pem"), *arguments,
                    f"https://localhost:{port}/api/status", "--resolve",
                    f"localhost:{port}:127.0.0.1")
    call.token = one.token
    call.port = port
    return call


def with_certificate(papers, name):
    return "--cert", str(papers / f"{name}.pem"), "--key", str(papers / f"{name}.key")


def test_a_certificate_with_a_listed_name_needs_no_token(over_tls, papers):
    assert over_tls(*with_certificate(papers, "job"))[0] == 200


def test_a_certificate_with_another_name_is_forbidden(over_tls, papers):
    assert over_tls(*with_certificate(papers, "stranger"))[0] == 403


def test_a_certificate_of_another_authority_is_none(over_tls, papers):
    assert over_tls(*with_certificate(papers, "foreigner"))[0] in (0, 401)


def test_no_certificate_is_none_and_a_token_still_suffices(over_tls):
    assert over_tls()[0] == 401
    assert over_tls("--header", f"Authorization: Bearer {over_tls.token}")[0] == 200


def test_an_old_version_of_tls_is_refused(over_tls):
    token = ("--header", f"Authorization: Bearer {over_tls.token}")
    assert over_tls(*token, "--tlsv1.1", "--tls-max", "1.1", "--ciphers",
                    "DEFAULT@SECLEVEL=0")[0] == 0
    assert over_tls(*token, "--tlsv1.2", "--tls-max", "1.2")[0] == 200


def test_the_public_api_speaks_tls_and_nothing_else(started, papers):
    _, public, _ = started(tls_cert=papers / "localhost.pem", tls_key=papers / "localhost.key")
    port = public.rpartition(":")[2]
    address = f"localhost:{port}/api/health"
    resolve = ("--resolve", f"localhost:{port}:127.0.0.1")
    assert curl("--cacert", str(papers / "ours.pem"), *resolve, f"https://{address}")[0] == 200
    assert curl(*resolve, f"http://{address}")[0] == 0


@pytest.mark.parametrize("options, word", [
    ({"tls_cert": "localhost.pem"}, "--tls-key"),
    ({"private_client_names": "job"}, "--private-client-ca"),
], ids=["no key", "no authority"])
def test_half_a_pair_is_refused(service, papers, options, word):
    given = {name: papers / value if "." in value else value for name, value in options.items()}
    ended = service(start=False).run(**given)
    assert ended.returncode == 64
    assert word in ended.stderr


def test_a_key_that_others_can_read_is_refused(service, papers, tmp_path):
    key = tmp_path / "open.key"
    key.write_bytes((papers / "localhost.key").read_bytes())
    key.chmod(0o644)
    ended = service(start=False).run(tls_cert=papers / "localhost.pem", tls_key=key)
    assert ended.returncode == 78
    assert "can be read by others" in ended.stderr


def test_a_certificate_and_a_key_that_do_not_belong_together_are_refused(service, papers):
    ended = service(start=False).run(tls_cert=papers / "localhost.pem",
                                     tls_key=papers / "job.key")
    assert ended.returncode == 78
