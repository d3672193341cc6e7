"""The real users-service: started with options, called, stopped, killed, started again."""
import contextlib
import itertools
import os
import pathlib
import secrets
import shutil
import sqlite3
import subprocess

from . import contract, disclosure, images, postgres, programs
from .client import NO_ANSWER, Client
from .network import HERE
from .ports import free_port

ANY_NAME = itertools.count(1)

# The PostgreSQL server that services have their databases on; None: each has a SQLite file.
SERVER = None


def person(**changes):
    """A user as a client writes it, with a name nobody else has."""
    number = next(ANY_NAME)
    return {"firstName": "Ada", "lastName": f"Lovelace {number}", "userName": f"ada{number}",
            "email": f"ada{number}@example.org", "countryId": "GB", "birthDate": "1815-12-10",
            **changes}


class Service:
    """
    A service with a folder of its own. Options are given as they are named on the command line,
    with `_` for `-`; None leaves one out, True is for one that has no value. Unless told otherwise:
    a database of its own and a local folder. `on` is a PostgreSQL database that is there already.
    """

    def __init__(self, folder, environment=None, on=None, **options):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.database = on or (postgres.Database(SERVER) if SERVER else self.folder / "users.db")
        self.has_server = isinstance(self.database, postgres.Database)
        self.files = self.folder / "files"
        self.errors = self.folder / "stderr"
        self.token = secrets.token_urlsafe(24)
        self.prefix = []  # a command that runs it, such as prlimit
        self.node = HERE  # the machine that it runs on
        self.token_file = self.folder / "token"
        self.write_token_file()
        self.environment = environment or {}
        disclosure.note_secret(self.token)
        disclosure.note_environment(self.environment)
        disclosure.note_address(options.get("database", ""))
        database = self.database.address if self.has_server else f"sqlite:{self.database}"
        self.options = {"database": database, "token_file": self.token_file}
        if "files" not in options:
            self.files.mkdir(exist_ok=True)
            options["files"] = f"file://{self.files}"
        self.options.update(options)
        self.process = None

    def write_token_file(self, mode=0o600):
        self.token_file.write_text(self.token + "\n")
        self.token_file.chmod(mode)

    def arguments(self, **changes):
        merged = {**self.options, **changes}
        return [part for name, value in merged.items() if value is not None
                for part in (f"--{name.replace('_', '-')}", str(value))[:1 if value is True else 2]]

    def child_environment(self):
        kept = {name: value for name, value in os.environ.items()
                if not name.startswith(("AWS_", "USERS_"))}
        # Whoever runs the tests on a machine with a role must not lend it to them.
        return {**kept, "HOME": str(self.folder), "AWS_EC2_METADATA_DISABLED": "true",
                **self.environment}

    def run(self, *arguments, timeout=30, **changes):
        """Runs it to its end, for what does not start; exit code and output."""
        changes.setdefault("listen", f"127.0.0.1:{free_port()}")
        changes.setdefault("private_listen", f"127.0.0.1:{free_port()}")
        done = subprocess.run(
            [programs.program("users-service"), *self.arguments(**changes), *arguments],
            env=self.child_environment(), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=timeout, check=False)
        disclosure.note_output(done.stdout + done.stderr)
        return done

    def start(self, wait=True, **changes):
        """Starts on the same data; changed options stay changed."""
        self.options.update(changes)
        self.port, self.private_port = free_port(), free_port()
        contract.serve(self.port, "public")
        contract.serve(self.private_port, "private")
        with self.node.inside():
            self.process = programs.Process(
                [*self.prefix, programs.program("users-service"),
                 *self.arguments(listen=f"{self.node.host}:{self.port}",
                                 private_listen=f"{self.node.host}:{self.private_port}")],
                self.errors, self.child_environment())
        self.public, self.private = self.client(), self.private_client()
        if wait:
            self.wait_until_alive()
        return self

    def wait_until_alive(self):
        def is_alive():
            if not self.process.is_running():
                raise AssertionError(f"users-service ended with {self.process.ends()}\n"
                                     + self.process.complaint())
            try:
                return (self.public.get("/api/health").status == 200
                        and self.private.get("/api/health").status == 200)
            except NO_ANSWER:
                return False
        programs.wait_for(is_alive, what="users-service to answer")

    def wait_until_ready(self):
        programs.wait_for(lambda: self.public.get("/api/ready").status == 200,
                          what="users-service to be ready")
        return self

    def client(self, **options):
        """One more client of the public listener, for a thread of its own."""
        return Client(self.port, host=self.node.host, **options)

    def private_client(self, **options):
        return Client(self.private_port, self.token, host=self.node.host, **options)

    def close_clients(self):
        self.public.close()
        self.private.close()

    def stop(self):
        """Asks it to end; that must go well."""
        self.close_clients()
        code = self.process.stop()
        assert code == 0, f"users-service ended with {code}\n{self.process.complaint()}"

    def kill(self):
        self.close_clients()
        self.process.kill()

    def restart(self, **changes):
        self.stop()
        return self.start(**changes)

    def end(self):
        """For fixtures: ends it whatever state it is in, and looks at how it went."""
        if self.process and self.process.is_running():
            self.process.resume()
            self.stop()

    def log(self):
        return self.errors.read_text(errors="replace") if self.errors.exists() else ""

    wait_for = staticmethod(programs.wait_for)

    # What clients do.

    def create(self, avatar=None, client=None, **changes):
        """A new user, with an avatar if one is given; as it was answered."""
        client = client or self.public
        answer = client.post("/api/users", person(**changes))
        assert answer.status == 201, answer
        if avatar is None:
            return answer.data
        uploaded = self.put_avatar(answer.data["id"], avatar, client)
        assert uploaded.status == 201, uploaded
        return client.get(f"/api/users/{answer.data['id']}").data

    def create_with_avatar(self, image=None):
        return self.create(avatar=image or images.png())

    def user(self, user_id):
        return self.public.get(f"/api/users/{user_id}")

    def delete(self, user_id):
        return self.public.delete(f"/api/users/{user_id}")

    def put_avatar(self, user_id, image, client=None, **headers):
        return (client or self.public).call("PUT", f"/api/users/{user_id}/avatar", image, headers)

    def avatar(self, user_id):
        return self.public.get(f"/api/users/{user_id}/avatar")

    def receipt(self, user_id):
        return self.public.get(f"/api/deletions/{user_id}")

    def sweep(self, **query):
        """One sweep, page by page, to its end; the pages' results."""
        pages, cursor = [], None
        while True:
            answer = self.private.delete("/api/users/fallback", cursor=cursor, **query)
            assert answer.status == 200, answer
            pages.append(answer.data)
            cursor = answer.data["cursor"]
            if not answer.data["more"]:
                assert cursor is None
                return pages
            assert len(pages) < 10000, "the sweep has no end"

    def backlog(self):
        """What the service says is left: pending and blocked, and scheduled."""
        last = self.sweep(limit=1)[-1]
        return last["remaining"], last["scheduled"]

    def erased(self, user_id):
        receipt = self.receipt(user_id)
        return receipt.status == 200 and receipt.data["state"] == "deleted"

    def wait_until_erased(self, user_id, timeout=30):
        programs.wait_for(lambda: self.erased(user_id), timeout, f"{user_id} to be erased")

    def objects(self, prefix="avatars"):
        """The names of the objects in the local folder."""
        folder = self.files / prefix
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def copy_of_database(self, folder):
        """The database and its log, copied: for a service that was stopped or killed."""
        folder = pathlib.Path(folder)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if self.has_server:
            return self.database.copy(folder)
        for path in self.folder.glob(self.database.name + "*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, folder / path.name)
        return folder / self.database.name

    def rows(self, query):
        """What a shell would read, while it runs or when it is stopped."""
        if self.has_server:
            return self.database.rows(query)
        with contextlib.closing(sqlite3.connect(self.database)) as shell:
            return shell.execute(query).fetchall()
