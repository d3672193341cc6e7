#!/usr/bin/python3
"""
The demo: users are deleted while the file storage is down, and nothing is lost or left behind.

    demo.py --build FOLDER      a build with users-service, fallback-job and s3d

Exits 0 only if everything that it says was counted and found right.
"""
import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import time

from images import avatar
from stage import Stage, Trouble

USERS = 200
CALLERS = 8
AT_ONCE_SECONDS = 0.2
PATIENCE_SECONDS = 2


class Teller:
    """What is printed, and whether all of it was right."""

    def __init__(self):
        self.colours = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self.wrong = 0

    def paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.colours else text

    def say(self, text=""):
        print(text, flush=True)

    def scene(self, title):
        self.say()
        self.say(self.paint("1", title))

    def check(self, what, found, expected):
        right = found == expected
        self.wrong += not right
        mark = self.paint("32", "ok   ") if right else self.paint("1;31", "WRONG")
        tail = "" if right else f" (expected {expected})"
        self.say(f"  {mark}  {what}: {found}{tail}")


def name_of(number):
    return f"user{number:03}"


def user_of(number):
    name = name_of(number)
    return json.dumps({"firstName": "User", "lastName": str(number), "userName": name,
                       "email": f"{name}@example.org"})


def of_all(function, items):
    with concurrent.futures.ThreadPoolExecutor(CALLERS) as callers:
        return list(callers.map(function, items))


class Story:
    def __init__(self, stage, tell):
        self.stage, self.tell = stage, tell
        self.storage, self.service = stage.storage, stage.service
        self.ids = []

    def create(self, number):
        status, answer = self.service.public.json("POST", "/api/users", user_of(number),
                                                  "application/json")
        if status != 201:
            raise Trouble(f"a user was refused: {answer}")
        user_id = answer["data"]["id"]
        status, answer = self.service.public.json("PUT", f"/api/users/{user_id}/avatar",
                                                  avatar(name_of(number)), "image/png")
        if status != 201:
            raise Trouble(f"a picture was refused: {answer}")
        return user_id

    def has_its_avatar(self, number):
        status, image = self.service.public.call("GET", f"/api/users/{self.ids[number]}/avatar")
        return status == 200 and image == avatar(name_of(number))

    def delete(self, user_id):
        begun = time.monotonic()
        status, answer = self.service.public.json("DELETE", f"/api/users/{user_id}")
        state = answer["data"]["state"] if status in (200, 202) else answer["message"]
        return status, state, time.monotonic() - begun

    def is_readable(self, user_id):
        paths = (f"/api/users/{user_id}", f"/api/users/{user_id}/avatar")
        return any(self.service.public.call("GET", path)[0] != 404 for path in paths)

    def is_erased(self, user_id):
        status, answer = self.service.public.json("GET", f"/api/deletions/{user_id}")
        return status == 200 and answer["data"]["state"] == "deleted"

    def backlog(self):
        """Every deletion that is not finished."""
        rows, cursor = [], ""
        while cursor is not None:
            _, answer = self.service.private.json("GET", f"/api/deletions?cursor={cursor}")
            rows += answer["data"]["items"]
            cursor = answer["data"]["next"]
        return rows

    def count_objects(self):
        return self.storage.count("avatars/")

    def count_listed(self):
        status, answer = self.service.public.json("GET", "/api/users")
        return len(answer["data"]["items"]) if status == 200 else None

    def people_arrive(self):
        self.tell.scene(f"1. {USERS} people sign up, each with a picture.")
        self.ids = of_all(self.create, range(USERS))
        self.tell.check("users created", len(set(self.ids)), USERS)
        self.tell.check("different pictures", len({avatar(name_of(i)) for i in range(USERS)}), USERS)
        self.tell.check("pictures in the file storage", self.count_objects(), USERS)
        self.tell.check("pictures that come back as they were sent",
                        sum(of_all(self.has_its_avatar, range(USERS))), USERS)

    def storage_fails(self):
        self.tell.scene("2. The file storage goes down. Everybody asks to be deleted.")
        self.storage.switch_off()
        answers = of_all(self.delete, self.ids)
        seconds = sorted(answer[2] for answer in answers)
        self.tell.check("requests accepted (202, pending)",
                        sum(answer[:2] == (202, "pending") for answer in answers), USERS)
        self.tell.check(f"answered within {PATIENCE_SECONDS} s, storage or not",
                        sum(one < PATIENCE_SECONDS for one in seconds), USERS)
        self.tell.check(f"answered at once (under {1000 * AT_ONCE_SECONDS:.0f} ms), all but the "
                        "first few", seconds[-1 - 2 * CALLERS] < AT_ONCE_SECONDS, True)
        self.tell.say(f"         half of them within {1000 * seconds[USERS // 2]:.0f} ms; the first "
                      "wait a second for the storage, then it is known to be down")
        self.tell.check("of them still readable", sum(of_all(self.is_readable, self.ids)), 0)
        self.tell.check("users in the list", self.count_listed(), 0)

    def nothing_is_forgotten(self):
        self.tell.scene("3. The pictures could not be deleted. That is written down, one row each.")
        rows = self.backlog()
        self.tell.check("deletions on record, none finished", len(rows), USERS)
        for row in rows[:3]:
            self.tell.say(f"         {row['key']}  {row['state']}, tried {row['attempts']} times")
        self.tell.say(f"         ... and {max(len(rows) - 3, 0)} more")

    def run_job(self):
        """It draws its progress bar by itself, where there is a terminal."""
        return self.stage.run_job(None if sys.stderr.isatty() else subprocess.DEVNULL)

    def storage_returns(self):
        self.tell.scene("4. The storage is back. Its pictures are still there; nobody owns them.")
        self.storage.switch_on()
        self.tell.check("pictures that should not exist", self.count_objects(), USERS)
        self.tell.scene("5. Cron starts the Fallback Job. It calls the service's private address.")
        self.tell.check("exit code of fallback-job", self.run_job(), 0)

    def all_agree(self):
        self.tell.scene("6. Database and storage agree again. Nobody had to repair anything.")
        self.tell.check("deletions left", len(self.backlog()), 0)
        self.tell.check("pictures left in the storage", self.count_objects(), 0)
        self.tell.check("users whose erasure is confirmed", sum(of_all(self.is_erased, self.ids)),
                        USERS)
        self.tell.check("exit code of users-service when told to stop", self.service.stop(), 0)
        self.tell.check("receipts in the database", self.service.count_receipts(), USERS)

    def play(self):
        self.people_arrive()
        self.storage_fails()
        self.nothing_is_forgotten()
        self.storage_returns()
        self.all_agree()


INTRODUCTION = """\
A service keeps users in a database and their pictures in a file storage. To delete a user means
to delete in both; when the second one fails, a picture of somebody who asked to be forgotten
stays behind. Watch what happens here instead. All of it is real: the service, the job, HTTP, S3's
protocol; only the storage is a stand-in, so that it can be switched off.
(The service would finish the work by itself, too. Its timer is off, to show the last link.)"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    build = parser.parse_args().build
    tell = Teller()
    begun = time.monotonic()
    tell.say(INTRODUCTION)
    try:
        with Stage(build) as stage:
            Story(stage, tell).play()
    except (Trouble, OSError) as trouble:
        tell.say(f"\nThe demo could not go on: {trouble}")
        return 1
    except KeyboardInterrupt:
        return 130
    tell.say()
    if tell.wrong:
        tell.say(tell.paint("1;31", f"{tell.wrong} of the counts above were wrong."))
        return 1
    tell.say(f"Every count was checked and right. {time.monotonic() - begun:.1f} seconds.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
