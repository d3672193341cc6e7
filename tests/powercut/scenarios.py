"""
What is recorded: a service that does one thing, and a client who writes down what it was told.

Everything before `Stage.begin` is prepared, and the power is cut at any moment after it.
"""
import collections
import hashlib
import os
import pathlib
import subprocess
import sys
import uuid

import judge
from recording import Recording, Tree
from support import images, programs, receipts
from support.client import NO_ANSWER, multipart
from support.service import Service, person

PATIENCE = 60
KILLED = 137
LONG_AGO = 1_600_000_000_000
# Of SQLite's log, in bytes: 1000 pages, with their heads, are written back in the next rest.
LOG_LONG = 1000 * (4096 + 24)
LOG_NEARLY_LONG = LOG_LONG * 93 // 100

# What a client was told: the places of the question and behind the answer in the recording, and
# the checker's entry. While it is recorded, both are the size of the record when it was asked.
Told = collections.namedtuple("Told", "asked answered entry")


def image():
    """Of several sectors, and of two pages."""
    return images.png(45, 45)


class Stage:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.data = self.folder / "data"
        for path in (judge.DATABASE, judge.FILES):
            (self.data / path).parent.mkdir(parents=True)
        self.record = self.folder / "record"
        self.record.touch()
        self.told, self.strays, self.begun = [], [], 0
        self.tree = None
        recorder = programs.build_folder().parents[1] / "tests/powercut/recorder.so"
        self.environment = {"LD_PRELOAD": str(recorder), "RECORDER_FILE": str(self.record)}
        self.service = Service(self.folder / "service",
                               database=f"sqlite:{self.data / judge.DATABASE}",
                               files=f"file://{self.data / judge.FILES}", delete_wait="30s",
                               log_level="warning")
        self.service.environment = self.environment

    def size(self):
        return self.record.stat().st_size

    def begin(self):
        self.begun = self.size()

    def start(self, **options):
        if self.tree is None:
            self.tree = Tree.of_folder(self.data)
        self.service.start(**options)
        self.service.wait_for(lambda: self.service.public.get("/api/ready").status == 200,
                              PATIENCE, "the service to be ready")

    def live_until_killed(self, **where):
        """A first start and a first user, up to there and no further."""
        self.service.environment = {**self.environment, **{
            f"RECORDER_KILL_{name.upper()}": str(number) for name, number in where.items()}}
        try:
            self.start()
            self.create()
        except (AssertionError, *NO_ANSWER):
            assert self.service.process.ends() == KILLED, self.service.process.complaint()
            self.service.close_clients()
        else:
            # Another run of the service, which has somewhat fewer entries.
            self.service.stop()
        self.service.environment = self.environment

    def ask(self, kind, user_id, client, method, path, *request, expect=(200,), **more):
        asked = self.size()
        answer = client.call(method, path, *request)
        assert answer.status in expect, answer
        user_id = user_id or answer.data["id"]
        self.told.append(Told(asked, asked, {"op": kind, "id": user_id, "status": answer.status,
                                             **more}))
        return user_id

    def create(self, avatar=True):
        sent, picture = person(), image()
        request = multipart(sent, picture) if avatar else (sent,)
        digest = hashlib.sha256(picture).hexdigest() if avatar else None
        return self.ask("create", None, self.service.public, "POST", "/api/users", *request,
                        expect=(201,), sha256=digest, lastName=sent["lastName"])

    def put_avatar(self, user_id):
        picture = image()
        self.ask("avatar", user_id, self.service.public, "PUT", f"/api/users/{user_id}/avatar",
                 picture, expect=(200, 201), sha256=hashlib.sha256(picture).hexdigest())

    def delete_avatar(self, user_id):
        self.ask("avatar-delete", user_id, self.service.public, "DELETE",
                 f"/api/users/{user_id}/avatar", expect=(200, 202), sha256=None)

    def rename(self, user_id):
        sent = person()
        self.ask("replace", user_id, self.service.public, "PUT", f"/api/users/{user_id}", sent,
                 lastName=sent["lastName"])

    def delete(self, user_id, status=200):
        self.ask("delete", user_id, self.service.public, "DELETE", f"/api/users/{user_id}",
                 expect=(status,))

    def wait_until_sealed(self):
        """Notes the last seal as shown to somebody: no answer is before what it shows."""
        receipts.wait_until_sealed(self.service)
        asked = self.size()
        digest = receipts.items(self.service)[-1]["digest"]
        self.told.append(Told(asked, asked, {"op": "seal", "status": 200, "digest": digest}))

    def raise_epoch(self):
        """As for a backup that was made just before."""
        asked = self.size()
        answer = self.service.private.post("/api/epochs")
        assert answer.status == 200, answer
        self.told.append(Told(asked, asked, {"op": "epoch", "status": 200,
                                             "number": answer.data["epoch"]}))

    def plant(self, number):
        """An object that nobody owns, of long ago."""
        key = f"avatars/{uuid.UUID(int=LONG_AGO << 80 | 0x7 << 76 | 0x8 << 60 | number)}"
        path = self.data / judge.FILES / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        self.strays.append(key)

    def audit(self):
        begun = self.service.private.post("/api/audit", delete="true", maxShare=100)
        assert begun.status == 202, begun
        end = None

        def has_ended():
            nonlocal end
            end = self.size()
            return self.service.private.get("/api/audit").data["state"] == "done"

        self.service.wait_for(has_ended, PATIENCE, "the audit to be done")
        self.told.append(Told(end, end, {"op": "audit", "status": 200}))

    def wait_until_nothing_is_left(self):
        self.service.wait_for(
            lambda: self.service.private.get("/api/deletions").data["items"] == [], PATIENCE,
            "all deletions to be finished")

    def let_days_pass(self):
        """By hand, in the database of a stopped service; recorded too."""
        script = ("import sqlite3, sys; shell = sqlite3.connect(sys.argv[1]); "
                  "shell.execute(sys.argv[2]); shell.commit(); shell.close()")
        subprocess.run([sys.executable, "-c", script, self.data / judge.DATABASE, judge.DAYS_PASS],
                       env={**os.environ, **self.environment}, check=True)

    def close(self):
        if self.service.process and self.service.process.is_running():
            self.service.stop()

    def recording(self, end):
        """Also sees that nothing was changed that was not recorded."""
        made = Recording(self.tree, self.record.read_bytes(), self.begun, end)
        whole, there = made.whole().listing(), Tree.of_folder(self.data).listing()
        assert whole == there, [path for path in {*whole, *there}
                                if whole.get(path, 0) != there.get(path, 0)]
        made.told = [Told(made.place(told.asked), made.answer(told.answered), told.entry)
                     for told in self.told]
        made.strays = self.strays
        return made


def first_start(stage):
    stage.start()
    stage.create()


def killed(stage, at):
    """The next start finds what the first life was not given the time to sync."""
    stage.live_until_killed(at=at)
    stage.begin()
    stage.start()
    stage.create()


def cut_off_upload(stage):
    """What an upload left that was killed goes when its guard comes due, with the second look."""
    # Those of the identity and the epoch come before.
    stage.live_until_killed(before=3)
    assert list((stage.data / judge.FILES / ".tmp").iterdir())
    stage.begin()
    for _ in range(2):
        stage.let_days_pass()
        stage.start(timer="off")
        assert stage.service.sweep()[-1]["deleted"] == 1
        stage.service.stop()
    stage.start()
    stage.create(avatar=False)


def create(stage):
    stage.start()
    stage.begin()
    stage.create()
    stage.create(avatar=False)


def change(stage):
    stage.start()
    ada = stage.create()
    stage.begin()
    stage.put_avatar(ada)
    stage.rename(ada)
    stage.wait_until_nothing_is_left()
    stage.delete_avatar(ada)


def delete(stage):
    stage.start()
    ada, bob = stage.create(), stage.create(avatar=False)
    stage.begin()
    stage.delete(ada)
    stage.delete(bob)


def delete_while_store_is_away(stage):
    stage.start(files_faults="delete:fail=1", delete_wait="1s")
    ada = stage.create()
    stage.begin()
    stage.delete(ada, status=202)
    stage.service.restart(files_faults=None, timer="off")
    stage.service.wait_until_ready()
    assert stage.service.sweep()[-1]["remaining"] == 0
    assert stage.service.erased(ada)


def seal(stage):
    stage.start()
    ada, bob = stage.create(), stage.create()
    stage.begin()
    stage.delete(ada)
    stage.wait_until_sealed()
    stage.delete(bob)
    stage.wait_until_sealed()


def backup(stage):
    """What the backup lacks has to outlast it, or nobody notices when it is restored."""
    stage.start()
    ada = stage.create()
    stage.begin()
    stage.raise_epoch()
    stage.delete(ada)


def audit(stage):
    stage.plant(1)
    stage.plant(2)
    stage.start()
    stage.create()
    stage.begin()
    stage.audit()
    stage.wait_until_nothing_is_left()


def stop_and_start(stage):
    """The log goes back into the database, and the store gets another epoch."""
    stage.start()
    stage.create()
    stage.begin()
    stage.service.stop()
    stage.start()
    stage.create()


def lengthen_log(stage, size):
    log = (stage.data / judge.DATABASE).with_name(f"{pathlib.Path(judge.DATABASE).name}-wal")
    while log.stat().st_size < size:
        stage.create(avatar=False)


def long_log(stage):
    """SQLite writes its log back into the database, and begins it anew."""
    stage.start()
    lengthen_log(stage, LOG_NEARLY_LONG)
    size = (stage.data / judge.DATABASE).stat().st_size
    stage.begin()
    lengthen_log(stage, LOG_LONG)
    stage.service.wait_for(lambda: (stage.data / judge.DATABASE).stat().st_size > size, PATIENCE,
                           "the log to be written back")
    for _ in range(3):
        stage.create()


SCENARIOS = {scenario.__name__: scenario for scenario in (
    first_start, create, change, delete, delete_while_store_is_away, cut_off_upload, seal, backup,
    audit, stop_and_start, long_log)}


def record(scenario, folder, **more):
    """The recording of one scenario, made in an empty folder."""
    stage = Stage(folder)
    try:
        scenario(stage, **more)
        end = stage.size()
    finally:
        stage.close()
    return stage.recording(end)
