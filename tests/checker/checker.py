#!/usr/bin/python3
"""
The independent checker: does a service's database agree with its files?

    checker.py --database COPY --files file:///DIR [--quiescent] [--log FILE]
    checker.py --database COPY --files s3://BUCKET/PREFIX?endpoint=… [--quiescent] [--log FILE]

It shares no line with the service. COPY is a copy of the SQLite database (with its -wal), made
when the service was stopped or killed. At any instant:

    an object below avatars/ is either a live user's avatar, or has a row in deletions
    a live user's avatar is there, with the bytes that were acknowledged
    nothing is to be deleted that a live user points at
    what has a receipt is gone; a key has one receipt, corrected ones aside
    a user with a receipt is gone, and nothing of theirs is left to delete
    what is unfinished has a time to be tried at, and never a time to be forgotten at

--quiescent: and everything that could be finished, is. --log: what clients were told, a JSON
object a line: {"op", "id", "status", …}, status 0 when no answer came. Exits 0, or 1 with one
line for each thing that is wrong.
"""
import argparse
import collections
import hashlib
import json
import pathlib
import re
import sqlite3
import sys
import urllib.parse

AVATARS, IDENTITY = "avatars/", ".fallback-store"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
OUR_KEY = re.compile(re.escape(AVATARS) + UUID)
DAY_MS = 86_400_000


def digest_of(key):
    return hashlib.sha256(key.encode()).hexdigest()


class LocalStore:
    """Objects in a folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def keys(self):
        return {path.relative_to(self.folder).as_posix()
                for path in (self.folder / AVATARS).rglob("*") if path.is_file()}

    def read(self, key):
        return (self.folder / key).read_bytes()

    def temporary(self):
        """Files that are not objects yet, by name: the SHA-256 of the key they are to have."""
        folder = self.folder / ".tmp"
        names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        if not names:
            return names
        # Until the store has its identity, or an epoch, that is on its way.
        own = (IDENTITY, *(f"{IDENTITY}-epoch-{number}" for number in range(1, 1000)))
        return names - {digest_of(key) for key in own if not (self.folder / key).exists()}


class S3Store:
    """Objects in a bucket below a prefix; `bucket` has a boto3 client."""

    def __init__(self, bucket, prefix=""):
        self.bucket, self.prefix = bucket, prefix + "/" if prefix else ""

    def keys(self):
        return {AVATARS + name for name in self.bucket.objects(self.prefix + AVATARS)}

    def read(self, key):
        return self.bucket.read(self.prefix + key)

    def temporary(self):
        return set()


class Database:
    """The four tables, read whole."""

    def __init__(self, path):
        self.connection = sqlite3.connect(path)
        self.connection.row_factory = sqlite3.Row
        (self.now,) = self.connection.execute(
            "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)").fetchone()
        self.users = self.table("users")
        self.deletions = {row["key"]: row for row in self.table("deletions")}
        self.receipts = self.table("receipts")
        self.user_receipts = {row["user_id"]: row for row in self.table("user_receipts")}
        self.live = {row["id"]: row for row in self.users if not row["avatar_should_be_deleted"]}
        self.marked = {row["id"]: row for row in self.users if row["avatar_should_be_deleted"]}
        self.pointers = {row["avatar_key"]: row for row in self.live.values() if row["avatar_key"]}

    def table(self, name):
        return self.connection.execute(f"SELECT * FROM {name}").fetchall()

    def close(self):
        self.connection.close()


def integrity(database):
    for (line,) in database.connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"the database is damaged: {line}"
    for table in ("deletions", "receipts", "user_receipts"):
        for key in database.connection.execute(f"PRAGMA foreign_key_list({table})"):
            yield f"{table} has a foreign key to {key['table']}: intents outlive everything"


def objects_and_owners(database, store):
    keys = store.keys()
    for key in sorted(keys - set(database.pointers) - set(database.deletions)):
        yield f"orphan: {key} is nobody's avatar and is not to be deleted"
    for key, user in database.pointers.items():
        if key not in keys:
            yield f"lost: {user['id']} points at {key}, which is not there"
            continue
        body = store.read(key)
        if hashlib.sha256(body).hexdigest() != user["avatar_sha256"]:
            yield f"{key} of {user['id']} has other bytes than the row says"
        if len(body) != user["avatar_bytes"]:
            yield f"{key} of {user['id']} is {len(body)} bytes long, not {user['avatar_bytes']}"
    for key in sorted(set(database.pointers) & set(database.deletions)):
        yield f"in use: {key} is to be deleted, but {database.pointers[key]['id']} points at it"
    guarded = {digest_of(key) for key in database.deletions}
    for name in sorted(store.temporary() - guarded):
        yield f"orphan: temporary file {name}"
    for user in database.marked.values():
        if user["avatar_key"] and user["avatar_key"] not in database.deletions:
            yield f"{user['id']} is marked, but its {user['avatar_key']} is not to be deleted"


def row_shapes(database):
    corrected = {row["key"] for row in database.receipts if row["kind"] == "corrected"}
    for user in database.users:
        given = [user[name] is not None for name in
                 ("avatar_key", "avatar_content_type", "avatar_bytes", "avatar_sha256")]
        if any(given) != all(given) or (given[0] and not user["avatar_store_id"]):
            yield f"{user['id']} has half an avatar"
        if given[0] and not OUR_KEY.fullmatch(user["avatar_key"]):
            yield f"{user['id']} points at {user['avatar_key']}, which is no key of ours"
        if user["avatar_should_be_deleted"] and not user["deletion_requested_at"]:
            yield f"{user['id']} is marked, but not since when"
    for key, row in database.deletions.items():
        if row["state"] not in ("pending", "blocked") or row["look"] not in ("first", "second"):
            yield f"{key}: state {row['state']}, look {row['look']}"
        if row["reason"] != "external" and not OUR_KEY.fullmatch(key):
            yield f"{key}: reason {row['reason']}, but no key of ours"
        if row["look"] == "second" and row["reason"] != "upload" and key not in corrected:
            yield f"{key}: a second look, but reason {row['reason']}"
        if not row["store_id"]:
            yield f"{key} is in no store"
        due = row["due_at"]
        if due is None or due > max(database.now, row["not_before"]) + DAY_MS + 60_000:
            yield f"parked: {key} will not be tried within a day of its time"
        if row["not_before"] is None or row["not_before"] > database.now + 2 * DAY_MS:
            yield f"parked: {key} must not be tried before {row['not_before']}"
        if row["claim"] < 0 or row["attempts"] < 0:
            yield f"{key}: claim {row['claim']}, attempts {row['attempts']}"


def receipts_are_true(database, keys):
    done, corrected, external = collections.Counter(), collections.Counter(), set()
    for row in database.receipts:
        (done if row["kind"] == "done" else corrected)[row["key"]] += 1
        if row["reason"] == "external":
            external.add(row["key"])
        if row["finished_at"] < row["requested_at"]:
            yield f"{row['key']} was finished before it was asked for"
    for key, count in done.items():
        standing = count - corrected[key]
        if key in external:
            continue
        if standing > 1:
            yield f"{key} has {standing} receipts"
        if standing > 0 and key in keys:
            yield f"untrue: {key} has a receipt and is there"
        if standing > 0 and key in database.deletions:
            yield f"{key} has a receipt and is still to be deleted"
        if standing > 0 and key in database.pointers:
            yield f"{key} has a receipt, and {database.pointers[key]['id']} points at it"


def users_are_gone(database):
    reopened = {row["user_id"] for row in database.receipts if row["kind"] == "corrected"}
    present = {row["id"] for row in database.users}
    left = collections.Counter(row["user_id"] for row in database.deletions.values()
                               if row["user_id"])
    for user_id, row in database.user_receipts.items():
        if user_id in present:
            yield f"{user_id} has a receipt of erasure and a row"
        if left[user_id] and user_id not in reopened:
            yield f"{user_id} has a receipt of erasure and {left[user_id]} keys to delete"
        if row["deleted_at"] < row["requested_at"]:
            yield f"{user_id} was erased before it was asked for"


def everything_is_finished(database):
    for key, row in database.deletions.items():
        if row["not_before"] <= database.now:
            yield (f"unfinished: {key} ({row['reason']}, {row['state']}, {row['attempts']} "
                   f"attempts, {row['error_class']}: {row['error']})")
        elif row["reason"] != "upload":
            yield f"{key} ({row['reason']}) waits for a time that only uploads have"
    for user_id in database.marked:
        if not any(row["user_id"] == user_id for row in database.deletions.values()):
            yield f"unfinished: {user_id} is marked and has nothing left to delete"


class Expected:
    """What a client may expect of one user, from what it was told."""

    def __init__(self):
        self.exists = {True}
        self.erased = False  # an answer said that everything is gone
        self.avatars = {None}  # digests that the avatar may have
        self.names = None  # last names that the user may have

    def learn(self, entry):
        status = entry["status"]
        sure, unknown = 200 <= status < 300, status == 0
        if not (sure or unknown):
            return
        kind = entry["op"]
        if kind == "create":
            self.avatars, self.names = {entry.get("sha256")}, {entry.get("lastName")}
        elif kind == "replace":
            self.names = {entry["lastName"]} | (self.names if unknown and self.names else set())
        elif kind in ("avatar", "avatar-delete"):
            self.avatars = {entry.get("sha256")} | (self.avatars if unknown else set())
        elif kind == "delete":
            self.exists = {False} | (self.exists if unknown else set())
            self.erased = self.erased or status == 200
        else:
            raise ValueError(f"log: unknown op {kind}")


def expectations(log):
    expected = collections.defaultdict(Expected)
    for entry in log:
        expected[entry["id"]].learn(entry)
    return expected


def answers_were_kept(database, log, quiescent):
    present = {row["id"] for row in database.users}
    pending = {row["user_id"] for row in database.deletions.values()}
    for user_id, expected in expectations(log).items():
        user = database.live.get(user_id)
        if (user is not None) not in expected.exists:
            yield (f"broken word: {user_id} was created and is not there" if user is None
                   else f"broken word: {user_id} was deleted and is still there")
        if user is not None:
            if user["avatar_sha256"] not in expected.avatars:
                yield (f"broken word: {user_id} has avatar {user['avatar_sha256']}, not one of "
                       f"{sorted(map(str, expected.avatars))}")
            if expected.names is not None and user["last_name"] not in expected.names:
                yield (f"broken word: {user_id} is called {user['last_name']}, not one of "
                       f"{sorted(map(str, expected.names))}")
        if expected.erased and (user_id in present or user_id not in database.user_receipts):
            yield f"broken word: {user_id} was answered deleted, and is not"
        if quiescent and expected.exists == {False} and user_id not in pending and (
                user_id in present or user_id not in database.user_receipts):
            yield f"unfinished: {user_id} has no receipt"


def check_service(path, store, quiescent=False, log=()):
    """Everything that is wrong, a line each. `path` is a copy of the database."""
    database = Database(path)
    try:
        found = [*integrity(database), *row_shapes(database),
                 *objects_and_owners(database, store),
                 *receipts_are_true(database, store.keys()), *users_are_gone(database),
                 *answers_were_kept(database, log, quiescent)]
        if quiescent:
            found += everything_is_finished(database)
        return found
    finally:
        database.close()


def open_store(url):
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "file":
        return LocalStore(parts.path)
    import os
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    from support.s3 import Bucket
    query = dict(urllib.parse.parse_qsl(parts.query))
    bucket = Bucket(query["endpoint"], parts.netloc, os.environ["AWS_ACCESS_KEY_ID"],
                    os.environ["AWS_SECRET_ACCESS_KEY"], query.get("region", "us-east-1"))
    return S3Store(bucket, parts.path.strip("/"))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", required=True)
    parser.add_argument("--files", required=True)
    parser.add_argument("--quiescent", action="store_true")
    parser.add_argument("--log", type=pathlib.Path)
    asked = parser.parse_args()
    log = ([json.loads(line) for line in asked.log.read_text().splitlines()] if asked.log else [])
    found = check_service(asked.database, open_store(asked.files), asked.quiescent, log)
    print("\n".join(found) if found else "the database and the files agree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
