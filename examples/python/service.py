#!/usr/bin/python3
"""
A small service that keeps the contract of the Fallback Job, with the standard library only.

It keeps notes, each with one attachment. The database is a JSON file, the file provider a folder:
enough to show what matters, which is the order of the steps.

    service.py --data DIR --files DIR --token-file FILE [--public ADDRESS:PORT] [--private ADDRESS:PORT]

    PUT    /notes/{id}     the body is the attachment
    GET    /notes/{id}
    DELETE /notes/{id}     200 when the attachment is gone, 202 while it is not
    GET    /health         private
    DELETE /fallback       private, with the bearer token: finishes what was left undone
"""
import argparse
import hmac
import json
import os
import pathlib
import re
import threading
import time
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GUARD_SECONDS = 900  # an upload is done long before its guard comes due
BODY_MAX = 5 << 20


class Database:
    """Notes, and the deletions that are not finished: keys that must be absent."""

    def __init__(self, folder):
        self.path = folder / "notes.json"
        self.lock = threading.RLock()
        self.rows = {"notes": {}, "deletions": {}}
        if self.path.exists():
            self.rows = json.loads(self.path.read_text())

    def commit(self):
        """Durable when it returns: the old file or the new one is there, never half of one."""
        aside = self.path.with_suffix(".new")
        with open(aside, "w", encoding="utf-8") as file:
            json.dump(self.rows, file)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def schedule(self, key, not_before=0):
        self.rows["deletions"][key] = {"since": time.time(), "notBefore": not_before}


class Files:
    """The file provider. Its mark tells an object that is gone from a store that is not there."""

    def __init__(self, folder):
        self.folder = folder
        (folder / ".store").touch()

    def put(self, key, data):
        with open(self.folder / key, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def get(self, key):
        return (self.folder / key).read_bytes()

    def delete(self, key):
        """Done twice is done: only a store that is not there is an error."""
        (self.folder / ".store").stat()
        (self.folder / key).unlink(missing_ok=True)


class Service:
    def __init__(self, database, files, token):
        self.database, self.files, self.token = database, files, token

    def put(self, name, data):
        """False: it took longer than its guard, so the object goes again."""
        key = uuid.uuid4().hex  # used once, ever: so a late delete never hits a newer object
        rows = self.database.rows
        with self.database.lock:
            self.database.schedule(key, time.time() + GUARD_SECONDS)
            self.database.commit()
        self.files.put(key, data)
        with self.database.lock:
            if rows["deletions"].pop(key, None) is None:
                return False
            old = rows["notes"].get(name)
            rows["notes"][name] = key
            if old:
                self.database.schedule(old)
            self.database.commit()
        if old:
            self.finish(old)
        return True

    def delete(self, name):
        """None: no such note. Else whether everything is gone."""
        with self.database.lock:
            key = self.database.rows["notes"].pop(name, None)
            if key is None:
                return None
            self.database.schedule(key)  # first of all, what must become of it is written down
            self.database.commit()
        return self.finish(key)

    def finish(self, key):
        """The only place that deletes: right away, or later for the job."""
        try:
            self.files.delete(key)
        except OSError:
            return False
        with self.database.lock:
            self.database.rows["deletions"].pop(key, None)
            self.database.commit()
        return True

    def sweep(self, limit, seconds, cursor):
        """Tries each deletion once, in the order of the keys, from the cursor on."""
        end = time.monotonic() + seconds
        now = time.time()
        with self.database.lock:
            due = sorted(key for key, row in self.database.rows["deletions"].items()
                         if key > cursor and row["notBefore"] <= now)
        deleted = failed = 0
        for key in due[:limit]:
            if time.monotonic() >= end:
                break
            if self.finish(key):
                deleted += 1
            else:
                failed += 1
            cursor = key
        more = deleted + failed < len(due)
        with self.database.lock:
            rows = self.database.rows["deletions"].values()
            left = [row["since"] for row in rows if row["notBefore"] <= now]
            scheduled = len(rows) - len(left)
        return {"attempted": deleted + failed, "deleted": deleted, "failed": failed, "blocked": 0,
                "remaining": len(left), "scheduled": scheduled, "more": more,
                "cursor": cursor if more else None,
                "oldestPendingSeconds": int(now - min(left)) if left else 0}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service = None

    def reply(self, status, body, name="ok", raw=None):
        text = raw if raw is not None else json.dumps({"status": name, **body}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if raw is None
                         else "application/octet-stream")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def refuse(self, status, name, message):
        self.close_connection = True
        self.reply(status, {"message": message}, name)

    def log_message(self, *_):
        """Addresses and headers are nobody's business."""


class Public(Handler):
    def name(self):
        found = re.fullmatch(r"/notes/([\w-]{1,64})", self.path)
        if not found:
            self.refuse(404, "NotFound", "there is nothing at this path")
        return found and found.group(1)

    def do_PUT(self):
        name, length = self.name(), int(self.headers.get("Content-Length") or 0)
        if name and length > BODY_MAX:
            self.refuse(413, "PayloadTooLarge", "5 MiB at most")
        elif name:
            if self.service.put(name, self.rfile.read(length)):
                self.reply(201, {"data": {"id": name}})
            else:
                self.refuse(503, "Unavailable", "it took too long; try again")

    def do_GET(self):
        name = self.name()
        key = name and self.service.database.rows["notes"].get(name)
        if name and not key:
            self.refuse(404, "NotFound", "no such note")
        elif key:
            self.reply(200, None, raw=self.service.files.get(key))

    def do_DELETE(self):
        name = self.name()
        gone = self.service.delete(name) if name else None
        if name and gone is None:
            self.refuse(404, "NotFound", "no such note")
        elif name:
            self.reply(200 if gone else 202,
                       {"data": {"id": name, "state": "deleted" if gone else "pending"}})


class Private(Handler):
    def do_GET(self):
        if self.path == "/health":
            self.reply(200, {"message": "I'm Alive"})
        else:
            self.refuse(404, "NotFound", "there is nothing at this path")

    def do_DELETE(self):
        path, _, query = self.path.partition("?")
        shown = self.headers.get("Authorization", "")
        if not hmac.compare_digest(shown.encode(), f"Bearer {self.service.token}".encode()):
            self.refuse(401, "Unauthorized", "a bearer token is needed")
        elif path != "/fallback":
            self.refuse(404, "NotFound", "there is nothing at this path")
        else:
            self.sweep(dict(urllib.parse.parse_qsl(query)))

    def sweep(self, query):
        limit = query.get("limit", "1000")
        seconds = re.fullmatch(r"(\d{1,3})s", query.get("timeout", "25s"))
        if not limit.isdecimal() or not 1 <= int(limit) <= 10000 or not seconds:
            self.refuse(400, "BadRequest", "limit is 1 to 10000, timeout seconds such as 25s")
            return
        self.reply(200, {"data": self.service.sweep(int(limit), int(seconds.group(1)),
                                                    query.get("cursor", ""))})


def listen(address, handler):
    host, _, port = address.rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"{host}:{server.server_address[1]}"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--data", type=pathlib.Path, required=True)
    options.add_argument("--files", type=pathlib.Path, required=True)
    options.add_argument("--token-file", type=pathlib.Path, required=True)
    options.add_argument("--public", default="127.0.0.1:8080")
    options.add_argument("--private", default="127.0.0.1:8081")
    given = options.parse_args()
    Handler.service = Service(Database(given.data), Files(given.files),
                              given.token_file.read_text().strip())
    print(f"public {listen(given.public, Public)} private {listen(given.private, Private)}",
          flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
