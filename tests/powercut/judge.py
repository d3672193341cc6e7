"""
Judges a folder as a power cut may have left it: as it lies there, and with a service on it.

`log` is what clients had been told by then, as the checker takes it, with these beside: "seal" (the
digest of a seal that was shown), "audit" (an audit was said to be done) and "epoch" (the one that a
backup was said to be older than).
"""
import contextlib
import hashlib
import json
import pathlib
import shutil
import sqlite3

from checker import LocalStore, check_service, expectations
from support import receipts
from support.service import Service

TABLES = {"users", "deletions", "receipts", "user_receipts", "epochs", "receipt_seals"}
IDENTITY = ".fallback-store"
# Each in a folder of its own: a sync of one folder keeps nothing in the other.
DATABASE, FILES = "database/users.db", "store/files"
PATIENCE = 60
# What is to be deleted was to be deleted three days ago.
DAYS_PASS = "UPDATE deletions SET " + ", ".join(
    f"{name} = {name} - {3 * 86_400_000}" for name in ("created_at", "not_before", "due_at"))


def about_users(log):
    """What the checker knows of."""
    return [entry for entry in log if entry["op"] not in ("seal", "audit", "epoch")]


def lay(folder, listing):
    """Makes the folder anew, with this in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in sorted(listing):
        if listing[path] is None:
            (folder / path).mkdir(mode=0o700)
        else:
            (folder / path).write_bytes(listing[path])


class AsItLies:
    """What can be seen without a service; SQLite is asked, and repairs what it finds."""

    def __init__(self, folder, log, strays=()):
        self.path, self.files = folder / DATABASE, folder / FILES
        self.log = log
        self.strays = () if self.was_told("audit") else strays
        self.connection = sqlite3.connect(self.path)

    def was_told(self, kind):
        return any(entry["op"] == kind and entry["status"] for entry in self.log)

    def rows(self, query, *values):
        return self.connection.execute(query, values).fetchall()

    def faults(self, quiescent=False):
        """Each as a line."""
        with contextlib.closing(self.connection):
            try:
                found = list(self.all_faults(quiescent))
            except sqlite3.Error as error:
                return [f"the database cannot be read: {error}"]
        return [fault for fault in found
                if not fault.startswith(tuple(f"orphan: {key} " for key in self.strays))]

    def all_faults(self, quiescent):
        tables = {name for (name,) in self.rows("SELECT name FROM sqlite_schema")}
        if TABLES <= tables:
            yield from check_service(self.path, LocalStore(self.files), quiescent,
                                     about_users(self.log))
            yield from self.broken_words()
        elif self.log:
            yield "broken word: the database is new, and clients had answers"
        yield from self.foreign_marks(tables)

    def broken_words(self):
        for entry in self.log:
            user_id = entry.get("id")
            if entry["op"] == "delete" and entry["status"] == 202 and not self.rows(
                    "SELECT 1 FROM users WHERE id = ?1 AND avatar_should_be_deleted UNION ALL "
                    "SELECT 1 FROM deletions WHERE user_id = ?1 UNION ALL "
                    "SELECT 1 FROM user_receipts WHERE user_id = ?1", user_id):
                yield f"broken word: {user_id} was to be deleted, and nothing says so"
            if entry["op"] == "seal" and not self.rows(
                    "SELECT 1 FROM receipt_seals WHERE digest = ?", entry["digest"]):
                yield f"broken word: the seal {entry['digest']} is gone"
            if entry["op"] == "epoch" and not (
                    self.files / f"{IDENTITY}-epoch-{entry['number']}").exists():
                yield f"broken word: the store does not know of epoch {entry['number']}"

    def foreign_marks(self, tables):
        """What the store says of its database must be so, or the next start would be refused."""
        own = self.rows("SELECT value FROM about WHERE name = 'database_id'") \
            if "about" in tables else []
        epochs = set(self.rows("SELECT number, nonce FROM epochs")) if "epochs" in tables else set()
        for path in sorted(self.files.glob(IDENTITY + "*")):
            try:
                mark = json.loads(path.read_bytes())
            except ValueError:
                yield f"{path.name} is damaged"
                continue
            if (mark["database"],) not in own:
                yield f"{path.name} is of another database"
            if "epoch" in mark and (mark["epoch"], mark["nonce"]) not in epochs:
                yield f"{path.name} is of a database that went on without this one"


def faults_at_rest(folder, log, strays=(), quiescent=False):
    return AsItLies(pathlib.Path(folder), log, strays).faults(quiescent)


class Started:
    """A service on the folder, and what its clients see."""

    def __init__(self, folder, beside, log, strays=()):
        self.folder, self.log, self.strays = folder, log, strays
        self.beside = beside
        self.service = Service(beside, database=f"sqlite:{folder / DATABASE}",
                               files=f"file://{folder / FILES}", timer="off", log_level="warning")
        self.service.database, self.service.files = folder / DATABASE, folder / FILES

    def faults(self):
        """Of a first life, of what it left, and of what a second one has finished days later."""
        try:
            found = [*self.life(), *self.at_rest()]
            self.let_days_pass()
            found += [*self.life(), *self.at_rest(quiescent=True), *self.left_over()]
        except (AssertionError, OSError) as error:
            return [f"{type(error).__name__}: {error}"]
        finally:
            if self.service.process:
                self.service.kill()
        return found

    def life(self):
        self.service.start()
        self.service.wait_for(lambda: self.service.public.get("/api/ready").status == 200,
                              PATIENCE, "the service to be ready")
        yield from self.user_faults()
        if self.strays:
            self.audit()
        left = self.service.sweep()[-1]["remaining"]
        if left:
            yield f"unfinished: {left} after a sweep"
        if receipts.items(self.service):
            # As an auditor has them: a chain without a gap.
            receipts.judge(receipts.export(self.service, self.beside / "export").read_text())
        self.service.stop()

    def user_faults(self):
        for user_id, expected in expectations(about_users(self.log)).items():
            status = self.service.user(user_id).status
            if (status == 200) not in expected.exists or status not in (200, 404):
                yield f"broken word: {user_id} answers {status}"
            if status == 200:
                avatar = self.service.avatar(user_id)
                digest = hashlib.sha256(avatar.body).hexdigest() if avatar.status == 200 else None
                if digest not in expected.avatars:
                    yield f"broken word: the avatar of {user_id} answers {avatar!r}"
            if expected.exists == {False} and self.service.receipt(user_id).status != 200:
                yield f"broken word: {user_id} has no receipt"

    def audit(self):
        begun = self.service.private.post("/api/audit", delete="true", maxShare=100)
        assert begun.status in (202, 409), begun
        self.service.wait_for(
            lambda: self.service.private.get("/api/audit").data["state"] == "done",
            PATIENCE, "the audit to be done")

    def at_rest(self, quiescent=False):
        copy = self.beside / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.folder, copy)
        return faults_at_rest(copy, self.log, quiescent=quiescent)

    def let_days_pass(self):
        with contextlib.closing(sqlite3.connect(self.folder / DATABASE)) as shell, shell:
            shell.execute(DAYS_PASS)

    def left_over(self):
        """In the end an object is somebody's avatar, and there is nothing beside."""
        pointers = {key for (key,) in self.service.rows(
            "SELECT avatar_key FROM users WHERE avatar_key IS NOT NULL")}
        for path in sorted((self.folder / FILES).rglob("*")):
            name = path.relative_to(self.folder / FILES).as_posix()
            if path.is_file() and name not in pointers and not name.startswith(IDENTITY):
                yield f"left over: {name}"
