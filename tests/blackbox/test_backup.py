"""users-service backup: a copy of a running service's database, whole or not at all."""
import concurrent.futures
import contextlib
import resource
import sqlite3
import subprocess
import threading

import pytest

from support import disclosure, programs, receipts
from support.ports import free_port
from test_restored import refusal

PATIENCE = 60
# A limit on the size of files is then told as a full disk is.
LIMITED = ["env", "--ignore-signal=XFSZ"]
MANY_USERS = """
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
    INSERT INTO users (id, first_name, last_name, user_name, email, created_at, updated_at)
    SELECT 'many-' || i, 'Ada', 'Lovelace ' || i, 'ada' || i, 'ada@example.org', i, i FROM n"""


def run(to, service, prefix=(), limit=None, port=None):
    def limit_files():
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    done = subprocess.run(
        [*prefix, programs.program("users-service"), "backup", "--to", str(to), "--private",
         f"http://127.0.0.1:{port or service.private_port}", "--token-file",
         str(service.token_file)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
        preexec_fn=limit_files)
    disclosure.note_output(done.stdout + done.stderr)
    return done


def read(path, query):
    with contextlib.closing(sqlite3.connect(path)) as shell:
        return shell.execute(query).fetchall()


@pytest.fixture
def crowded(service):
    """A service whose database is some slices long."""
    one = service()
    one.wait_until_ready()
    one.stop()
    with contextlib.closing(sqlite3.connect(one.database)) as shell, shell:
        shell.execute(MANY_USERS)
    one.start().wait_until_ready()
    return one


def left_beside(one):
    return {path.name for path in one.folder.glob(one.database.name + "*")} - {
        one.database.name + end for end in ("", "-wal", "-shm", ".lock")}


@pytest.mark.sqlite
def test_it_is_whole_and_has_all_that_was_answered_before(crowded, tmp_path):
    told, stop = [], threading.Event()

    def write():
        with contextlib.closing(crowded.client()) as client:
            while not stop.is_set():
                told.append(crowded.create(client=client)["id"])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            programs.wait_for(lambda: len(told) > 5 * number, PATIENCE, "users to be written")
            before, path = set(told), tmp_path / f"backup-{number}"
            done = run(path, crowded)
            assert done.returncode == 0 and not done.stderr, done
            assert done.stdout.startswith(f"{path.stat().st_size} bytes; ")
            assert path.stat().st_mode & 0o777 == 0o600
            assert read(path, "PRAGMA integrity_check") == [("ok",)]
            kept = {user for (user,) in read(path, "SELECT id FROM users")}
            assert before <= kept and len(kept) >= 20000
    finally:
        stop.set()
        writer.join()
    assert not left_beside(crowded)
    assert {path.name for path in tmp_path.glob("backup-*.part*")} == set()


@pytest.mark.sqlite
def test_it_is_a_file_of_sqlite_for_any_client(crowded):
    answer = crowded.private.get("/api/backup")
    assert answer.status == 200 and answer.body.startswith(b"SQLite format 3\0")
    assert crowded.private.get("/api/backup", name="value").status == 400


@pytest.mark.sqlite
def test_the_drill_whoever_was_erased_since_does_not_come_back_with_it(service, tmp_path):
    one = service()
    one.wait_until_ready()
    gone, kept = (one.create_with_avatar()["id"] for _ in range(2))
    backup = tmp_path / "kept" / "backup.db"
    backup.parent.mkdir()
    done = run(backup, one)
    assert done.returncode == 0 and "cannot come back with it" in done.stdout, done
    assert one.delete(gone).status == 200
    export = receipts.export(one, tmp_path / "receipts")
    one.stop()
    for path in one.folder.glob(one.database.name + "*"):
        path.unlink()
    one.database.write_bytes(backup.read_bytes())
    assert "--restored" in refusal(one)
    one.start(restored=export)
    assert one.user(gone).status == 404
    one.wait_until_ready()
    one.wait_until_erased(gone)
    assert one.avatar(kept).status == 200


@pytest.mark.sqlite
def test_a_disk_that_is_full_leaves_no_file_here_and_none_there(crowded, tmp_path):
    there = tmp_path / "old"
    there.write_text("the one before")
    done = run(there, crowded, prefix=LIMITED, limit=65536)
    assert done.returncode == 69 and "cannot be written: File too large" in done.stderr, done
    assert there.read_text() == "the one before"
    # The service's own disk: room for what it writes, and for half of a copy.
    crowded.stop()
    crowded.prefix = LIMITED
    crowded.start().wait_until_ready()
    half = crowded.database.stat().st_size // 2
    pid = crowded.process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (half, resource.RLIM_INFINITY))
    done = run(there, crowded)
    assert crowded.private.get("/api/backup").status == 503
    resource.prlimit(pid, resource.RLIMIT_FSIZE,
                     (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert done.returncode == 69 and "the database cannot be copied" in done.stderr, done
    assert there.read_text() == "the one before" and not left_beside(crowded)
    assert list(tmp_path.glob("old.part*")) == []
    assert crowded.create()["id"]
    assert run(there, crowded).returncode == 0


def test_a_service_that_was_stopped_is_said_to_be_and_leaves_no_file(service, tmp_path):
    one = service()
    done = run(tmp_path / "backup", one, port=free_port())
    assert done.returncode == 69 and "connect" in done.stderr, done
    nowhere = run(tmp_path / "missing" / "backup", one)
    assert nowhere.returncode == 78 and "No such file" in nowhere.stderr, nowhere
    assert not list(tmp_path.glob("backup*"))


@pytest.mark.sqlite
def test_what_a_crash_left_of_a_copy_is_gone_after_the_start(service):
    one = service()
    one.kill()
    left = one.database.with_name(one.database.name + ".copy")
    left.write_bytes(b"half")
    one.start().wait_until_ready()
    assert not left.exists()


def epochs(one):
    """What the database and the store know: the numbers of both."""
    told = {int(path.name.rsplit("-", 1)[1])
            for path in one.files.glob(".fallback-store-epoch-*")}
    return {int(number) for (number,) in one.rows("SELECT number FROM epochs")}, told


def test_a_backup_by_other_means_is_said_to_have_been_made(service):
    one = service().wait_until_ready()
    for number in (2, 3):
        answer = one.private.post("/api/epochs")
        assert (answer.status, answer.data) == (200, {"epoch": number})
        known = set(range(1, number + 1))
        assert epochs(one) == (known, known)
    assert one.private.post("/api/epochs", number="4").status == 400
    one.restart().wait_until_ready()


def test_who_asks_while_it_is_raised_is_answered_by_the_next(service, s3d):
    """A copy that was made meanwhile may have the number that is under way."""
    one = service(files=s3d.url(), environment=s3d.environment).wait_until_ready()
    s3d.fault("latency,verb=PUT,ms=2000")

    def ask():
        with contextlib.closing(one.private_client()) as client:
            return client.post("/api/epochs").data["epoch"]

    with concurrent.futures.ThreadPoolExecutor(9) as pool:
        first = pool.submit(ask)
        # The database has it, and the store is being told.
        one.wait_for(lambda: one.rows("SELECT number FROM epochs WHERE number = 2"), 60)
        behind = [pool.submit(ask) for _ in range(8)]
        s3d.clear()
        assert first.result() == 2
        assert all(each.result() > 2 for each in behind)


@pytest.mark.sqlite
def test_a_store_that_is_away_is_told_of_a_backup_when_it_answers(service, s3d, tmp_path):
    one = service(files=s3d.url(), environment=s3d.environment).wait_until_ready()
    one.stop()
    s3d.fault("refuse,status=503,code=SlowDown")
    one.start()
    assert one.private.post("/api/epochs").status == 503
    done = run(tmp_path / "backup", one)
    assert done.returncode == 0 and "epoch could not be raised" in done.stderr, done
    last = "SELECT max(number) FROM epochs"
    assert read(tmp_path / "backup", last) == [(1,)]
    s3d.clear()
    # Once by the start, which could not do it either, and once for the backup.
    one.wait_for(lambda: one.rows(last) == [(3,)], 60, "the epoch to be raised")
    one.stop()
    for path in one.folder.glob(one.database.name + "*"):
        path.unlink()
    one.database.write_bytes((tmp_path / "backup").read_bytes())
    assert "--restored" in refusal(one)


@pytest.mark.parametrize("timer", ["on", "off"])
def test_a_store_that_refuses_for_a_while_is_told_of_a_backup_afterwards(service, s3d, timer):
    one = service(files=s3d.url(), environment=s3d.environment).wait_until_ready()
    one.restart(timer=timer)
    one.wait_until_ready()
    number = one.private.post("/api/epochs").data["epoch"]
    s3d.fault("refuse,status=403,code=AccessDenied")
    assert one.private.post("/api/epochs").status == 503
    s3d.clear()
    last = "SELECT max(number) FROM epochs"
    one.wait_for(lambda: int(one.rows(last)[0][0]) == number + 1, 60, "the epoch to be raised")


@pytest.mark.sqlite
def test_a_copy_that_goes_on_elsewhere_is_met_at_the_next_backup(service, tmp_path):
    one = service().wait_until_ready()
    copy = tmp_path / "copy.db"
    copy.write_bytes(one.private.get("/api/backup").body)
    other = service(start=False, files=f"file://{one.files}", database=f"sqlite:{copy}",
                    token_file=one.token_file)
    other.start().wait_until_ready()
    answer = one.private.post("/api/epochs")
    assert answer.status == 409 and "a copy of another" in answer.json["message"]
