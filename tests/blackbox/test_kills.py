"""
The process is killed at random moments, again and again, while everything goes on and the store
fails a third of the time. After each kill nothing may be lost, orphaned or untrue; at the end
everything is finished.

KILLS sets how often (200), SEED repeats a run's decisions.
"""
import hashlib
import os
import random
import threading
import time

import pytest

from checker import LocalStore, S3Store, check_service
from support import images
from support.client import NO_ANSWER, multipart
from support.service import person

KILLS = int(os.environ.get("KILLS", "200"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 32))))
WORKERS = 4
USERS_EACH = 12
FAULTS = ["refuse,verb=DELETE,status=503,code=SlowDown,p=0.15",
          "lose,verb=DELETE,p=0.1", "cut,verb=BATCH,p=0.08",
          "key-error,verb=DELETE,p=0.1,status=500,code=InternalError", "unlist,p=0.05",
          "error-body,verb=BATCH,p=0.05,code=InternalError",
          "lose,verb=PUT,p=0.15", "refuse,verb=PUT,p=0.15", "latency,ms=3"]
LOCAL_FAULTS = "delete:fail=0.25,delete:lost=0.1,put:fail=0.15,put:lost=0.15"


class Worker:
    """A client with users of its own, who writes down what it was told."""
    patience = 20

    def __init__(self, users, seed, takes_forms):
        self.users, self.random = users, random.Random(seed)
        self.log, self.mine, self.wrong = [], [], []
        self.takes_forms = takes_forms

    def note(self, kind, user_id, answer, **more):
        self.log.append({"op": kind, "id": user_id, "status": answer.status if answer else 0,
                         **more})

    def call(self, method, path, body=None, headers=None):
        try:
            return self.client.call(method, path, body, headers)
        except NO_ANSWER:
            # Started again, it listens elsewhere.
            self.client.close()
            self.client = self.users.client(timeout=self.patience)
            return None

    def image(self):
        image = images.png(3, 3)
        return image, hashlib.sha256(image).hexdigest()

    def create(self):
        sent, digest = person(), None
        if self.takes_forms and self.random.random() < 0.5:
            image, digest = self.image()
            answer = self.call("POST", "/api/users", *multipart(sent, image))
        else:
            answer = self.call("POST", "/api/users", sent)
        if answer and answer.status == 201:
            user_id = answer.data["id"]
            self.note("create", user_id, answer, sha256=digest, lastName=sent["lastName"])
            self.mine.append(user_id)
        else:
            self.expect(answer, 503)

    def expect(self, answer, *codes):
        if answer is not None and answer.status not in codes:
            self.wrong.append(repr(answer))

    def put_avatar(self, user_id):
        image, digest = self.image()
        answer = self.call("PUT", f"/api/users/{user_id}/avatar", image)
        self.note("avatar", user_id, answer, sha256=digest)
        self.expect(answer, 200, 201, 503)

    def delete_avatar(self, user_id):
        answer = self.call("DELETE", f"/api/users/{user_id}/avatar")
        self.note("avatar-delete", user_id, answer)
        self.expect(answer, 200, 202, 503)

    def replace(self, user_id):
        sent = person()
        answer = self.call("PUT", f"/api/users/{user_id}", sent)
        self.note("replace", user_id, answer, lastName=sent["lastName"])
        self.expect(answer, 200, 503)

    def delete(self, user_id):
        answer = self.call("DELETE", f"/api/users/{user_id}")
        self.note("delete", user_id, answer)
        self.expect(answer, 200, 202, 503)
        if answer is None or answer.status in (200, 202):
            self.mine.remove(user_id)
        if answer is not None and answer.status in (200, 202):
            self.expect(self.call("GET", f"/api/users/{user_id}"), 404)

    def act(self):
        if len(self.mine) < 2 or (len(self.mine) < USERS_EACH and self.random.random() < 0.35):
            self.create()
            return
        act = self.random.choices([self.put_avatar, self.delete_avatar, self.replace, self.delete],
                                  [4, 1, 2, 3])[0]
        act(self.random.choice(self.mine))

    def run(self, until):
        self.client = self.users.client(timeout=self.patience)
        while not until.is_set():
            self.act()
        self.client.close()


def sweep_on_and_on(users, until):
    client = users.private_client(timeout=20)
    while not until.is_set():
        try:
            client.delete("/api/users/fallback?limit=20&timeout=1s")
        except NO_ANSWER:
            client.close()
            client = users.private_client(timeout=20)
        until.wait(0.02)
    client.close()


def run_until_killed(users, workers, moment):
    until = threading.Event()
    threads = [threading.Thread(target=worker.run, args=(until,)) for worker in workers]
    threads.append(threading.Thread(target=sweep_on_and_on, args=(users, until)))
    for thread in threads:
        thread.start()
    time.sleep(moment)
    users.kill()
    until.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("provider", ["s3d", "local"])
def test_no_kill_loses_orphans_or_belies_anything(service, s3d, tmp_path, provider, capsys):
    chance = random.Random(SEED)
    options = {"upload_guard": "5s", "second_look": "5s", "lease": "3s", "delete_wait": "1s",
               "log_level": "warning"}
    if provider == "s3d":
        options |= {"files": s3d.url(), "environment": s3d.environment}
    users = service(start=False, **options)
    store = S3Store(s3d) if provider == "s3d" else LocalStore(users.files)
    users.start().wait_until_ready()
    body, headers = multipart({}, images.png())
    takes_forms = users.public.call("POST", "/api/users", body, headers).status != 415
    users.stop()
    workers = [Worker(users, chance.random(), takes_forms) for _ in range(WORKERS)]

    def check(number, **how):
        log = [entry for worker in workers for entry in worker.log]
        found = check_service(users.copy_of_database(tmp_path / "copy"), store, log=log, **how)
        found += [line for worker in workers for line in worker.wrong]
        assert not found, f"SEED={SEED}, after kill {number}:\n" + "\n".join(found)
        return len(log)

    begun = time.monotonic()
    for number in range(1, KILLS // 2 + 1):
        seed = chance.randrange(1 << 30)
        s3d.clear()
        s3d.fault(*(f"{rule},seed={seed}" for rule in FAULTS))
        if provider == "local":
            users.options["files_faults"] = f"{LOCAL_FAULTS},seed={seed}"
        users.start(wait=number == 1 or chance.random() < 0.9)
        run_until_killed(users, workers, chance.uniform(0.02, 0.4))
        calls = check(number)
    passed = time.monotonic() - begun
    s3d.clear()
    users.start(files_faults=None).wait_until_ready()
    users.private.post("/api/deletions/retry", {"state": "blocked"})
    users.wait_for(lambda: users.backlog() == (0, 0), 120, "everything to be finished", 0.5)
    users.stop()
    check("the last", quiescent=True)
    with capsys.disabled():
        print(f"\n{provider}: {KILLS // 2} kills in {passed:.0f} s, {calls} calls, SEED={SEED}")
