"""Erasing again after a restore may be cut off anywhere: only the word goes on, and ends it."""
import contextlib
import re
import shutil
import sqlite3

import pytest

import matrix
from support import receipts, service as services

# A commit is what the file was synced with: before it nothing of it counts, behind it all does.
COMMITTED = re.compile(r"^failpoint (repository/sqlite/\S*sync\S*)$", re.MULTILINE)


class Restored:
    """
    A stopped service whose database is one of before two erasures, again and again. The backup was
    made while it ran, so the store saw it no further: nothing but the database itself can tell.
    """

    def __init__(self, folder):
        self.subject = matrix.Subject(folder / "service", upload_guard="5s", second_look="5s")
        self.backup, self.store = folder / "backup.db", folder / "store"
        one = self.subject
        one.begin()
        one.wait_until_ready()
        self.gone, self.bare, self.kept = (one.create_with_avatar()["id"] for _ in range(3))
        with contextlib.closing(sqlite3.connect(one.database)) as running, \
                contextlib.closing(sqlite3.connect(self.backup)) as copy:
            running.backup(copy)
        assert one.delete(self.gone).status == 200
        assert one.public.delete(f"/api/users/{self.bare}/avatar").status == 200
        self.export = receipts.export(one, folder / "receipts")
        one.stop()
        shutil.copytree(one.files, self.store)

    def put_back(self):
        one = self.subject
        for path in one.folder.glob(one.database.name + "*"):
            path.unlink()
        shutil.rmtree(one.files)
        shutil.copytree(self.store, one.files)
        one.database.write_bytes(self.backup.read_bytes())
        one.said()

    def start(self, rules, **options):
        self.subject.rules(rules)
        self.subject.begin(**options)
        self.subject.wait_until_ready()

    def is_begun(self):
        return bool(self.subject.rows("SELECT 1 FROM about WHERE name = 'restoring'"))

    def is_there(self):
        """Whether nothing has been erased yet."""
        live = "SELECT count(*), count(avatar_key) FROM users WHERE avatar_should_be_deleted = 0"
        return self.subject.rows(live) == [(3, 3)]

    def serves(self):
        one = self.subject
        assert one.user(self.gone).status == 404
        assert one.user(self.bare).data["avatar"] is None
        assert one.avatar(self.kept).status == 200
        return True


@pytest.fixture
def restored(tmp_path, monkeypatch):
    monkeypatch.setattr(services, "SERVER", None)
    one = Restored(tmp_path)
    yield one
    if one.subject.process.is_running():
        one.subject.kill()


def test_wherever_it_is_cut_off_only_the_word_goes_on(restored):
    one = restored.subject
    restored.put_back()
    restored.start("*=trace", restored=restored.export)
    passed = COMMITTED.findall(one.said())
    one.kill()
    killed = refused = 0
    for place, point in enumerate(passed):
        number = passed[:place].count(point)
        restored.put_back()
        with contextlib.suppress(matrix.Killed):
            restored.start(f"{point}={number}*off->abort", restored=restored.export)
        one.close_clients()
        one.process.kill()
        # Behind the restore other threads share a commit now and then: then this one is not met.
        killed += f"failpoint {point} killed" in one.said()
        one.rules("")
        if restored.is_begun():
            done = one.run(restored=None)
            assert done.returncode == 78 and "cut off" in done.stderr, (point, number, done)
            refused += 1
        else:
            # Before the first change or behind the last.
            erased = not restored.is_there()
            one.begin(restored=None)
            one.wait_until_ready()
            assert not erased or restored.serves()
            one.stop()
            continue
        restored.start("", restored=restored.export)
        assert restored.serves() and one.private.get("/api/audit").data["startedAt"]
        one.stop()
        assert not restored.is_begun()
    assert killed >= refused >= 3, passed
