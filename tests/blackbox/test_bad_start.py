"""What cannot work says so in one line, with an exit code that tells what kind it is."""
import os
import socket
import sqlite3

import pytest

from support.ports import free_port

USAGE, UNAVAILABLE, CONFIGURATION = 64, 69, 78


def assert_refused(ended, code, *words):
    """
    It ended with `code` and complained in one clear line that has all the words in it; what it
    logged on the way there is JSON.
    """
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert ended.returncode == code, ended
    assert lines, "it said nothing"
    for word in words:
        assert word in lines[-1], ended.stderr
    assert len(lines) == 1, ended.stderr
    assert "Sanitizer" not in ended.stderr


def assert_nothing_made(one):
    """No database and no file. An empty .tmp in the store is how it tries whether it can write."""
    assert not one.database.exists()
    assert [path for path in one.files.rglob("*") if path.is_file()] == []


@pytest.fixture
def stopped(service):
    return service(start=False)


def is_root():
    return os.geteuid() == 0


# The command line.

@pytest.mark.parametrize("arguments, word", [
    (["--no-such-option", "1"], "--no-such-option"),
    (["stray"], "stray"),
    (["--listen"], "--listen"),
    (["--delete-wait", "soon"], "--delete-wait"),
    (["--delete-wait", "0s"], "--delete-wait"),
    (["--upload-guard", "-1s"], "--upload-guard"),
    (["--inline", "maybe"], "--inline"),
    (["--log-level", "loud"], "--log-level"),
    (["--listen", "nowhere"], "--listen"),
    (["--listen", "127.0.0.1:99999"], "--listen"),
    (["--database", "mysql://x"], "--database"),
    (["--database", "sqlite:"], "--database"),
    (["--files", "ftp://x"], "--files"),
    (["--files", "file://relative"], "--files"),
    (["--files", "s3://"], "--files"),
    (["--files", "s3://b/p?colour=red"], "--files"),
    (["--queue", "kafka://x"], "--queue")])
def test_a_wrong_word_on_the_command_line_is_64(stopped, arguments, word):
    name = arguments[0].removeprefix("--").replace("-", "_")
    changes = {name: None} if name in ("database", "files", "listen") else {}
    ended = stopped.run(*arguments, **changes)
    assert_refused(ended, USAGE, word)
    assert_nothing_made(stopped)


def test_an_environment_variable_is_checked_like_its_flag(stopped):
    stopped.environment = {"USERS_DELETE_WAIT": "soon"}
    assert_refused(stopped.run(), USAGE, "USERS_DELETE_WAIT")
    assert_nothing_made(stopped)


@pytest.mark.parametrize("options", [
    {"second_look": "1s", "upload_guard": "15m"}, {"lease": "10s", "files_timeout": "6s"}])
def test_options_that_contradict_each_other_are_78(stopped, options):
    assert_refused(stopped.run(**options), CONFIGURATION)
    assert_nothing_made(stopped)


def test_help_is_no_mistake(stopped):
    ended = stopped.run("--help")
    assert ended.returncode == 0 and "--upload-guard" in ended.stdout


# Files of its own.

def test_a_token_file_that_is_missing_is_78(stopped):
    ended = stopped.run(token_file=stopped.folder / "none")
    assert_refused(ended, CONFIGURATION, "token")
    assert_nothing_made(stopped)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_token_that_others_can_read_is_78(stopped, mode):
    stopped.write_token_file(mode)
    assert_refused(stopped.run(), CONFIGURATION, "token")
    assert_nothing_made(stopped)


@pytest.mark.parametrize("token", ["", "\n", "short", "two words of a token that is long"])
def test_a_token_that_is_none_is_78(stopped, token):
    stopped.token_file.write_text(token)
    assert_refused(stopped.run(), CONFIGURATION, "token")
    assert_nothing_made(stopped)


def test_a_folder_that_is_not_there_and_cannot_be_made_is_78(stopped):
    ended = stopped.run(files=f"file://{stopped.folder}/none/at/all")
    assert_refused(ended, CONFIGURATION)
    assert not (stopped.folder / "none").exists()
    assert not stopped.database.exists()


def test_a_folder_that_is_a_file_is_78(stopped):
    (stopped.folder / "file").write_text("")
    assert_refused(stopped.run(files=f"file://{stopped.folder}/file"), CONFIGURATION)
    assert not stopped.database.exists()


def test_a_folder_that_cannot_be_written_is_78(stopped):
    if is_root():
        # For root no mode is in the way: a file system that is read-only is.
        ended = stopped.run(files="file:///proc/self")
    else:
        stopped.files.chmod(0o500)
        ended = stopped.run()
        stopped.files.chmod(0o700)
    assert_refused(ended, CONFIGURATION)
    assert_nothing_made(stopped)


@pytest.mark.sqlite
def test_a_database_in_no_folder_is_78(stopped):
    ended = stopped.run(database=f"sqlite:{stopped.folder}/none/users.db")
    assert_refused(ended, CONFIGURATION)
    assert_nothing_made(stopped)


@pytest.mark.sqlite
def test_a_database_that_is_none_is_78(stopped):
    stopped.database.write_bytes(b"this is no database, whatever its name says\n" * 100)
    before = stopped.database.read_bytes()
    assert_refused(stopped.run(), CONFIGURATION)
    assert stopped.database.read_bytes() == before
    assert list(stopped.files.iterdir()) == []


@pytest.mark.sqlite
def test_a_database_of_a_newer_version_is_78(service):
    users = service()
    users.stop()
    connection = sqlite3.connect(users.database)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    assert version > 0
    connection.execute(f"PRAGMA user_version = {version + 1}")
    connection.commit()
    connection.close()
    assert_refused(users.run(), CONFIGURATION)


def test_the_files_of_another_database_are_78(service):
    first = service()
    first.create_with_avatar()
    first.stop()
    other = service(start=False, files=first.options["files"])
    assert_refused(other.run(), CONFIGURATION)
    assert len(first.objects()) == 1


def test_other_files_than_the_database_knows_are_78(service):
    """An empty folder is not the store that the avatars are in, however much it looks like one."""
    users = service()
    users.create_with_avatar()
    users.stop()
    empty = users.folder / "empty"
    empty.mkdir()
    assert_refused(users.run(files=f"file://{empty}"), CONFIGURATION)
    assert [path for path in empty.rglob("*") if path.is_file()] == []


# Ports.

@pytest.mark.parametrize("which", ["listen", "private_listen"])
def test_a_port_in_use_is_69(stopped, which):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        ended = stopped.run(**{which: f"127.0.0.1:{port}"})
    assert_refused(ended, UNAVAILABLE, str(port))


def test_one_port_for_both_listeners_does_not_start(stopped):
    port = free_port()
    ended = stopped.run(listen=f"127.0.0.1:{port}", private_listen=f"127.0.0.1:{port}")
    assert ended.returncode in (UNAVAILABLE, CONFIGURATION)


# S3.

def test_wrong_credentials_are_78(service, s3d_with):
    s3 = s3d_with("--access-key", "right")
    users = service(start=False, files=s3.url(),
                    environment={"AWS_ACCESS_KEY_ID": "wrong", "AWS_SECRET_ACCESS_KEY": "x"})
    assert_refused(users.run(), CONFIGURATION, "InvalidAccessKeyId")
    assert not users.database.exists() and s3.count() == 0


def test_wrong_credentials_of_a_store_that_is_in_use_are_78(service, s3d_with):
    s3 = s3d_with("--access-key", "right")
    users = service(files=s3.url(),
                    environment={"AWS_ACCESS_KEY_ID": "right", "AWS_SECRET_ACCESS_KEY": "x"})
    users.stop()
    users.environment["AWS_ACCESS_KEY_ID"] = "wrong"
    assert_refused(users.run(), CONFIGURATION, "InvalidAccessKeyId")


def test_no_credentials_are_78(service, s3d):
    users = service(start=False, files=s3d.url())
    assert_refused(users.run(), CONFIGURATION, "AWS_ACCESS_KEY_ID")
    assert not users.database.exists()


def test_a_missing_bucket_is_78(service, s3d):
    users = service(start=False, files=s3d.url(bucket="nowhere"), environment=s3d.environment)
    assert_refused(users.run(), CONFIGURATION, "NoSuchBucket")
    assert not users.database.exists()


def test_a_store_that_does_not_answer_is_no_reason_not_to_start(service):
    port = free_port()
    users = service(files=f"s3://bucket/?region=us-east-1&endpoint=http://127.0.0.1:{port}"
                          "&path-style=on",
                    environment={"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"})
    assert users.public.get("/api/ready").status == 503
    ada = users.create()["id"]
    assert users.user(ada).status == 200
    assert users.delete(ada).status == 200


# --check.

def test_check_says_yes_and_makes_nothing(stopped):
    ended = stopped.run("--check")
    assert ended.returncode == 0, ended
    assert_nothing_made(stopped)


def test_check_says_no_with_78(stopped):
    stopped.write_token_file(0o644)
    assert_refused(stopped.run("--check"), CONFIGURATION, "token")


def test_check_of_a_service_in_use_says_yes(service):
    users = service()
    users.create_with_avatar()
    users.stop()
    assert users.run("--check").returncode == 0
