"""A database that was restored from a backup, or copied, does not bring back who was erased."""
import contextlib
import json
import re
import sqlite3
import uuid

import pytest

from support import images, kernel, programs, receipts

pytestmark = pytest.mark.sqlite
REFUSED = 78


def restore(one, backup):
    """The stopped service's database is the backup again."""
    for path in one.folder.glob(one.database.name + "*"):
        path.unlink()
    for path in backup.parent.glob(backup.name + "*"):
        (one.folder / path.name).write_bytes(path.read_bytes())


def copy_while_it_runs(one, folder):
    """A backup of a running service, as the tools of the database make it."""
    folder.mkdir()
    with contextlib.closing(sqlite3.connect(one.database)) as running, \
            contextlib.closing(sqlite3.connect(folder / one.database.name)) as copy:
        running.backup(copy)
    return folder / one.database.name


def refusal(one, **changes):
    done = one.run(**changes)
    assert done.returncode == REFUSED, done
    return done.stderr


@pytest.fixture
def erased(service, tmp_path):
    """
    A stopped service with a backup, an export of its receipts, and what happened in between:
    one person was erased, one lost the image, one got another, and one, who had got another
    before, stayed as it was.
    """
    one = service()
    one.wait_until_ready()
    one.gone, one.bare, one.other, one.kept = (one.create_with_avatar()["id"] for _ in range(4))
    assert one.put_avatar(one.kept, images.png(width=8)).status == 200
    one.wait_for(lambda: len(one.objects()) == 4, 30, "the old image to go")
    one.stop()
    one.backup = one.copy_of_database(tmp_path / "backup")
    one.start().wait_until_ready()
    assert one.delete(one.gone).status == 200
    assert one.public.delete(f"/api/users/{one.bare}/avatar").status == 200
    assert one.put_avatar(one.other, images.png(width=9)).status == 200
    one.wait_for(lambda: len(one.objects()) == 2, 30, "the old images to go")
    one.export = receipts.export(one, tmp_path / "receipts")
    one.stop()
    return one


def test_the_drill_erased_users_do_not_come_back_with_a_backup(erased, agrees):
    restore(erased, erased.backup)
    said = refusal(erased)
    assert "--restored" in said and "epoch" in said
    # Nothing was served or changed meanwhile: it is refused again, also with half an export.
    half = erased.export.with_suffix(".half")
    half.write_text("".join(erased.export.read_text().splitlines(keepends=True)[:-1]))
    assert "cut" in refusal(erased, restored=half)
    erased.start(restored=erased.export)
    assert erased.private.get("/api/audit").data["startedAt"]
    # From the first answer on: who was erased is not there.
    assert erased.user(erased.gone).status == 404
    assert erased.avatar(erased.bare).status == 404
    erased.wait_until_ready()
    erased.wait_until_erased(erased.gone)
    assert erased.user(erased.bare).data["avatar"] is None
    # An image that took the place of an older one was never in this database: nobody has it.
    assert erased.user(erased.other).data["avatar"] is None
    assert erased.avatar(erased.kept).status == 200
    # The word was needed once; without it, and with it, the service starts as ever.
    erased.restart().wait_until_ready()
    assert "nothing to do" in erased.log()
    erased.restart(restored=None).wait_until_ready()
    assert erased.user(erased.gone).status == 404
    assert erased.avatar(erased.kept).status == 200


def test_a_backup_of_the_running_service_is_erased_from_too(service, tmp_path):
    """The store saw the database no further than the backup is: the word alone tells."""
    one = service().wait_until_ready()
    gone, bare, kept = (one.create_with_avatar()["id"] for _ in range(3))
    backup = copy_while_it_runs(one, tmp_path / "backup")
    assert one.delete(gone).status == 200
    assert one.public.delete(f"/api/users/{bare}/avatar").status == 200
    one.wait_for(lambda: len(one.objects()) == 1, 30, "the images to go")
    one.wait_until_erased(gone)
    export = receipts.export(one, tmp_path / "receipts")
    one.stop()
    restore(one, backup)
    one.start(restored=export)
    assert one.user(gone).status == 404
    assert one.user(bare).data["avatar"] is None
    assert one.private.get("/api/audit").data["startedAt"]
    one.wait_until_ready()
    one.wait_until_erased(gone)
    assert one.avatar(kept).status == 200
    assert "nothing to do" not in one.log()
    one.restart().wait_until_ready()
    assert "nothing to do" in one.log()


def test_an_audit_that_deletes_does_not_come_back_with_a_backup(erased):
    """What came after the backup is nobody's to the restored database: it would delete that."""
    restore(erased, erased.backup)
    old = "01900000-0000-7000-8000-0000000000ff"
    with contextlib.closing(sqlite3.connect(erased.database)) as shell, shell:
        shell.execute("UPDATE audit SET id = ?, state = 'running', deletes = 1, share = 50, "
                      "pass = 'counting', started_at = 1", (old,))
    erased.start(restored=erased.export)
    audit = erased.private.get("/api/audit").data
    assert audit["id"] != old
    assert audit["dryRun"]


@pytest.fixture
def moved(service, tmp_path):
    """
    A stopped service that went on from store A to store B, a backup of its first epoch, and an
    export: somebody was erased after the move. A has the epochs 1 to 3, B those from 3 on.
    """
    a, b = (f"file://{tmp_path / name}" for name in "AB")
    for name in "AB":
        (tmp_path / name).mkdir()
    one = service(files=a).wait_until_ready()
    one.gone = one.create()["id"]
    one.stop()
    one.backup = one.copy_of_database(tmp_path / "backup")
    one.start().wait_until_ready()
    one.restart().wait_until_ready()
    one.restart(files=b, files_also=a).wait_until_ready()
    assert one.delete(one.gone).status == 200
    one.wait_until_erased(one.gone)
    one.export = receipts.export(one, tmp_path / "receipts")
    one.stop()
    one.told = epochs(tmp_path / "B")
    assert epochs(tmp_path / "A") == {1, 2, 3}
    assert one.told == {3, 4}
    return one


def epochs(folder):
    return {int(path.name.rsplit("-", 1)[1]) for path in folder.glob(".fallback-store-epoch-*")}


def test_a_backup_of_before_a_move_is_told_by_the_older_store(moved, tmp_path):
    restore(moved, moved.backup)
    for _ in range(2):
        assert "epoch 2" in refusal(moved)
    # The store that is to take over was not claimed for it, nor told of anything.
    assert epochs(tmp_path / "B") == moved.told
    moved.start(restored=moved.export)
    assert moved.user(moved.gone).status == 404
    moved.wait_until_ready()
    moved.restart(restored=None).wait_until_ready()
    assert moved.user(moved.gone).status == 404
    assert epochs(tmp_path / "A") == {1, 2, 3}
    assert epochs(tmp_path / "B") == {3, 4, 5, 6}


def test_a_backup_is_told_by_the_older_store_whichever_that_is(moved, tmp_path):
    """Back at A, which the backup knows as its own, and which saw it no further; B did."""
    restore(moved, moved.backup)
    (tmp_path / "A" / ".fallback-store-epoch-2").rename(tmp_path / "B" / ".fallback-store-epoch-2")
    a, b = moved.options["files"], moved.options["files_also"]
    told = epochs(tmp_path / "A")
    assert "epoch 2" in refusal(moved, files=b, files_also=a)
    assert epochs(tmp_path / "A") == told


def test_an_older_store_without_epochs_is_fine(moved, tmp_path):
    for path in (tmp_path / "A").glob(".fallback-store-epoch-*"):
        path.unlink()
    moved.start().wait_until_ready()
    assert not epochs(tmp_path / "A")


def test_a_copy_that_went_on_shuts_the_other_out(erased, service, tmp_path):
    """Two databases with one past: whoever comes second is told by the other's mark."""
    now = erased.copy_of_database(tmp_path / "now")
    copy = service(start=False, files=f"file://{erased.files}",
                   database=f"sqlite:{now}", token_file=erased.token_file)
    copy.start().wait_until_ready()
    copy.stop()
    assert "a copy of another" in refusal(erased)
    # Both have raised the same number since: the marks differ.
    epoch = "SELECT max(number) + 1 FROM epochs"
    nonce = "01900000-0000-7000-8000-0000000000ff"
    with sqlite3.connect(erased.database) as shell:
        shell.execute(f"INSERT INTO epochs VALUES (({epoch}), '{nonce}', 1)")
    shell.close()
    assert "a copy of another" in refusal(erased)


def test_a_crash_between_database_and_store_is_mended(erased):
    last = max(erased.files.glob(".fallback-store-epoch-*"),
               key=lambda path: int(path.name.rsplit("-", 1)[1]))
    told = last.read_bytes()
    last.unlink()
    erased.start().wait_until_ready()
    assert last.read_bytes() == told
    erased.stop()


def test_an_export_of_another_database_is_no_word(erased, service, tmp_path):
    other = service()
    other.wait_until_ready()
    other.delete(other.create_with_avatar()["id"])
    export = receipts.export(other, tmp_path / "other")
    restore(erased, erased.backup)
    assert "another database" in refusal(erased, restored=export)
    assert "cannot read" in refusal(erased, restored=tmp_path / "missing")


def test_the_epochs_of_another_databases_store_are_none_of_ours(erased, service):
    other = service()
    for _ in range(4):
        other.wait_until_ready()
        other.restart()
    other.stop()
    restore(erased, erased.backup)
    own, ours = erased.files, "SELECT number, nonce FROM epochs ORDER BY number"
    before = erased.rows(ours)
    said = refusal(erased, restored=erased.export, files=f"file://{other.files}")
    assert "belongs to another database" in said
    assert erased.rows(ours) == before
    erased.start(restored=erased.export, files=f"file://{own}").wait_until_ready()
    assert erased.user(erased.gone).status == 404
    erased.stop()


def test_a_store_that_takes_nothing_more_is_deleted_from_all_the_same(service, s3d, agrees):
    users = service(files=s3d.url(), environment=s3d.environment)
    users.wait_until_ready()
    ada, eve = users.create_with_avatar()["id"], users.create_with_avatar()["id"]
    s3d.fault("refuse,verb=PUT,status=403,code=QuotaExceeded")
    users.restart()
    users.wait_until_ready()
    assert users.delete(ada).status == 200
    assert users.log().count("the file store takes no new objects") == 1
    s3d.clear()
    users.restart()
    users.wait_until_ready()
    assert users.delete(eve).status == 200
    agrees(users, s3d)


def mark_as_cut_off(one):
    with contextlib.closing(sqlite3.connect(one.database)) as shell, shell:
        shell.execute("INSERT INTO about VALUES ('restoring', 'yes')")


def test_what_the_word_began_is_ended_by_the_word_alone(service, s3d, tmp_path):
    """Also where no store could tell: it does not answer, and saw the database no further."""
    one = service(files=s3d.url(), environment=s3d.environment)
    one.wait_until_ready()
    kept = one.create_with_avatar()["id"]
    one.delete(one.create()["id"])
    export = receipts.export(one, tmp_path / "receipts")
    one.stop()
    mark_as_cut_off(one)
    s3d.fault("refuse,status=503,code=SlowDown")
    for _ in range(2):
        said = refusal(one)
        assert "cut off" in said and "--restored" in said
    s3d.clear()
    one.start(restored=export)
    # Nobody was left to be erased, and yet it is not known what was: an audit looks.
    assert one.private.get("/api/audit").data["startedAt"]
    assert one.avatar(kept).status == 200
    one.restart(restored=None).wait_until_ready()


def test_an_export_that_cannot_be_read_twice_is_none(erased, tmp_path):
    for path in (tmp_path, "/dev/null"):
        assert "is no file" in refusal(erased, restored=path)


MANY, ERASED = 20000, 2000
LONG_AGO = "2020-09-13T12:26:40.000Z"


def person_id(number):
    return str(uuid.UUID(int=1_600_000_000_000 << 80 | 0x7 << 76 | 0x8 << 60 | number))


def export_of_many(one, path):
    """An export of persons, of whom the database has some; docs/receipts.md has the format."""
    (database,), = one.rows("SELECT value FROM about WHERE name = 'database_id'")
    begin = {"export": "users-service receipts", "format": 1, "database": database,
             "exportedAt": LONG_AGO}
    lines = [begin, *({"erased": number, "user": person_id(number), "requestedAt": LONG_AGO,
                       "deletedAt": LONG_AGO} for number in range(1, MANY + 1))]
    lines = [json.dumps(line, separators=(",", ":")) + "\n" for line in lines]
    end = {"end": True, "seals": 0, "receipts": 0, "erased": MANY,
           "digest": receipts.sha256("".join(lines))}
    path.write_text("".join([*lines, json.dumps(end, separators=(",", ":")) + "\n"]))
    return path


def most_memory(one):
    """The most that the process ever had, in KiB."""
    status = open(f"/proc/{one.process.pid}/status", encoding="ascii").read()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1])


def commits(one):
    text = one.private.get("/metrics").text
    return int(re.search(r"users_service_commit_batch_operations_count (\d+)", text)[1])


def test_many_are_erased_in_batches_and_in_constant_memory(service, tmp_path):
    one = service().wait_until_ready()
    one.stop()
    before = most_memory(one.start().wait_until_ready())
    one.stop()
    with contextlib.closing(sqlite3.connect(one.database)) as shell, shell:
        shell.executemany(
            "INSERT INTO users (id, first_name, last_name, user_name, email, created_at, "
            "updated_at) VALUES (?, 'A', 'B', 'c', 'd@e.f', 1, 1)",
            [(person_id(number * MANY // ERASED),) for number in range(1, ERASED + 1)])
    one.start(restored=export_of_many(one, tmp_path / "receipts"))
    assert commits(one) < ERASED / 20
    assert not one.rows("SELECT id FROM users WHERE avatar_should_be_deleted = 0")
    # Held whole, these records would take 11 MiB and more. A sanitizer keeps what was freed.
    assert (kernel.is_sanitized(programs.program("users-service"))
            or most_memory(one) - before < 6 * 1024)
