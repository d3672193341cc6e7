"""
Programs that run to their end, with each of their calls and allocations failing in turn, once and
from then on: each run ends by itself, with a code of its table and a reason, says nothing that is
not so, and the next run, in peace, does all that was left.
"""
import collections
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from faults import ALLOCATIONS, ROOT, Faults, cases_of, chance, passes_of

sys.path.insert(0, str(ROOT / "tests"))
from support import job, postgres, rows  # noqa: E402
from support.programs import program  # noqa: E402
from support.service import Service  # noqa: E402

PATIENCE = 60
# What programs may end with; sysexits.
CODES = (0, 64, 69, 70, 75, 78)
# What a program writes that is none of its words.
NO_WORDS = r"(?!failpoint |allocation refused |/)"

Result = collections.namedtuple("Result", "name cases met missed ended found")


class Command:
    """
    A program and what it is run on. `found` is what is wrong after a run, and `again` after one
    more, in peace.
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.faults = Faults(folder)

    def close(self):
        """Ends what was begun for it."""

    def prepare(self):
        """Makes something to do."""

    def environment(self):
        kept = {name: value for name, value in job.environment().items()
                if not name.startswith(("AWS_", "USERS_"))}
        return {**kept, **self.faults.environment}

    def run(self):
        return subprocess.run(self.arguments(), env=self.environment(), timeout=PATIENCE,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False)

    def found(self, _done):
        return []

    def again(self, _before, done):
        return [] if done.returncode == 0 else [f"in peace it ended with {done.returncode}"]


class Run(Command):
    """The Fallback Job, once, with a deletion to finish."""

    def __init__(self, folder):
        super().__init__(folder)
        self.service = Service(self.folder / "service", inline="off", timer="off").start()
        self.service.wait_until_ready()
        self.ping = f"http://127.0.0.1:{self.service.port}/api/health"
        self.state, self.body = self.folder / "state", self.folder / "body"
        self.body.write_text("{}")
        self.before, self.user = None, None

    def close(self):
        self.service.end()

    def prepare(self):
        self.user = self.service.create_with_avatar()["id"]
        assert self.service.delete(self.user).status == 202
        self.before = self.recorded()

    def arguments(self):
        url = f"http://127.0.0.1:{self.service.private_port}/api"
        return [program("fallback-job"), "run", "--once", "--health", f"{url}/health", "--fallback",
                f"{url}/users/fallback", "--token-file", str(self.service.token_file), "--state",
                str(self.state), "--body-file", str(self.body), "--ping", self.ping,
                "--alert-command", "/bin/true", "--schedule", "5 4 * * *", "--timezone",
                "Europe/Berlin", "--startup-timeout", "1s", "--health-timeout", "1s",
                "--call-timeout", "2s", "--run-timeout", "5s", "--stop-timeout", "1s",
                "--ping-timeout", "1s", "--alert-timeout", "1s"]

    def recorded(self):
        return self.state.read_text() if self.state.exists() else None

    def found(self, done):
        if done.returncode == 0 and not self.service.erased(self.user):
            yield f"it ended well, and {self.user} is not erased"
        text = self.recorded()
        if text == self.before:
            if done.returncode == 0 and "state not saved" not in done.stderr:
                yield "it ended well, and neither recorded that nor said so"
            return
        try:
            recorded = json.loads(text)["jobs"]["fallback"]["exit"]
        except (ValueError, LookupError, TypeError):
            recorded = text
        if recorded != done.returncode:
            yield f"it ended with {done.returncode}, and recorded {recorded}"

    def again(self, before, done):
        yield from super().again(before, done)
        yield from self.found(done)
        if self.recorded() == self.before or (self.folder / "state.new").exists():
            yield "in peace its record was not written"


class Next(Command):
    """The job's next runs."""

    def arguments(self):
        return [program("fallback-job"), "next", "--schedule", "5 4 * * *", "--timezone",
                "Europe/Berlin", "--from", "2026-01-01T00:00:00Z", "--count", "3"]

    def found(self, done):
        if done.returncode == 0 and done.stdout.split() != [
                f"2026-01-0{day}T04:05:00+01:00" for day in (1, 2, 3)]:
            yield f"it told: {done.stdout}"


class Check(Command):
    """A look at the options of a service, and at what they name."""

    def __init__(self, folder):
        super().__init__(folder)
        self.service = Service(self.folder / "service")

    def arguments(self):
        return [program("users-service"), *self.service.arguments(), "--check"]


class Copy(Command):
    """What users have in an old store is brought over to a new one."""

    def __init__(self, folder):
        super().__init__(folder)
        self.places = [self.folder / name for name in ("new", "old")]
        for place in self.places:
            place.mkdir()
        self.service = Service(self.folder / "service", files=f"file://{self.places[0]}").start()
        self.service.wait_until_ready()
        for _ in range(2):
            self.service.create_with_avatar()

    def close(self):
        self.service.end()

    def prepare(self):
        """The service goes to the other store."""
        new, old = self.places = self.places[::-1]
        self.service.restart(files=f"file://{new}", files_also=f"file://{old}")
        self.service.wait_until_ready()

    def arguments(self):
        return [program("users-service"), "files", "copy", "--limit", "1", "--private",
                f"http://127.0.0.1:{self.service.private_port}", "--token-file",
                str(self.service.token_file)]

    def found(self, done):
        keys = self.service.rows("SELECT avatar_key FROM users")
        left = [key for (key,) in keys if not (self.places[0] / key).exists()]
        if done.returncode == 0 and left:
            yield f"it ended well, and left {left}"

    def again(self, before, done):
        return [*super().again(before, done), *self.found(done)]


class Migrate(Command):
    """A database moves from SQLite to PostgreSQL."""

    def __init__(self, folder):
        super().__init__(folder)
        one = Service(self.folder / "service", database=f"sqlite:{self.folder / 'users.db'}",
                      inline="off", timer="off").start()
        one.wait_until_ready()
        users = [one.create_with_avatar() for _ in range(4)]
        one.delete(users[0]["id"])
        one.sweep()
        one.delete(users[1]["id"])
        one.stop()
        self.path, self.to = self.folder / "users.db", None
        self.rows = rows.contents(self.path, self.path)

    def prepare(self):
        if self.to is None or not self.is_empty():
            self.to = postgres.new_database(os.environ["REPOSITORY_ADDRESS"])

    def arguments(self):
        return [program("users-service"), "migrate", "--from", f"sqlite:{self.path}", "--to",
                self.to]

    def is_empty(self):
        return postgres.psql(self.to, "SELECT count(*) FROM pg_tables "
                                      "WHERE schemaname = 'public'") == "0"

    def is_whole(self):
        copy = self.folder / "copy.db"
        copy.unlink(missing_ok=True)
        postgres.copy_to_sqlite(self.to, copy)
        return rows.contents(copy, self.path) == self.rows

    def found(self, done):
        if rows.contents(self.path, self.path) != self.rows:
            yield "the old database has other rows"
        if self.is_empty():
            if done.returncode == 0:
                yield "it ended well, and nothing was copied"
        elif not self.is_whole():
            yield "the new database has other rows"
        elif done.returncode != 0 and "not known whether the copy was kept" not in done.stderr:
            yield "it did not end well, and all was copied"

    def again(self, before, done):
        if before.returncode == 0 or "not known whether" in before.stderr and not self.is_empty():
            if done.returncode != 78 or "is not empty" not in done.stderr:
                yield f"once more it ended with {done.returncode}: {done.stderr}"
        else:
            yield from super().again(before, done)
        if self.is_empty() or not self.is_whole():
            yield "in peace not all was copied"


COMMANDS = {"job": Run, "next": Next, "check": Check, "files copy": Copy, "migrate": Migrate}


class Bench:
    """A command and the cases that are tried on it."""

    def __init__(self, folder, name, seed):
        self.name, self.seed = name, seed
        self.command = COMMANDS[name](folder)
        self.found, self.met, self.missed = [], 0, []
        self.ended = collections.Counter()
        self.passes, self.asked = collections.Counter(), {}

    def census(self):
        """What a run in peace passes, and how often it asks for memory."""
        for what in ALLOCATIONS:
            self.command.prepare()
            self.command.faults.watch(what)
            done = self.command.run()
            assert done.returncode == 0, done
            self.asked[what] = self.command.faults.asked()
            self.command.faults.mend()
            self.passes |= passes_of(done.stderr)

    def everything(self):
        return cases_of(self.name, self.passes, self.asked)

    def sites(self, counts):
        """Each place that calls out, in a way that the seed draws, and some allocations."""
        drawn = {}
        for case in self.everything():
            drawn.setdefault(case.what, []).append(case)
        for what, cases in drawn.items():
            cases.sort(key=lambda case: chance(self.seed, case))
            yield from cases[:counts.get(what, 1)]

    def fail(self, case, fault):
        self.found.append(f"{self.name}, {case.what}, {case.number}, "
                          f"{'from then on' if case.lasts else 'once'}: {fault}")

    def harmed(self, case):
        """A run that meets the fault, or None if it has no end."""
        self.command.prepare()
        self.command.faults.harm(case)
        try:
            done = self.command.run()
        except subprocess.TimeoutExpired as error:
            self.fail(case, f"it does not end\n{error.stderr}")
            return None
        finally:
            self.command.faults.mend()
        self.ended[done.returncode] += 1
        if self.command.faults.met(case, done.stderr):
            self.met += 1
        else:
            self.missed.append(case)
        return done

    def try_case(self, case):
        before = self.harmed(case)
        if before is None:
            return
        code, words = before.returncode, before.stderr
        if code not in CODES:
            self.fail(case, f"it ended with {code}\n{words}")
        elif code and not re.search(rf"^{NO_WORDS}\S", words, re.MULTILINE):
            self.fail(case, f"it ended with {code} and no reason\n{words}")
        for fault in self.command.found(before):
            self.fail(case, f"{fault}\n{words}")
        done = self.command.run()
        for fault in self.command.again(before, done):
            self.fail(case, f"{fault}\n{words}\nand then\n{done.stderr}")

    def run(self, cases, at_most=10):
        """Tries the cases; ends early when so much was found."""
        for case in cases:
            if len(self.found) >= at_most:
                break
            self.try_case(case)


def run_command(name, seed, choose):
    """A command with its cases; `choose` takes them from its bench."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(
            prefix="torture-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
        bench = Bench(folder, name, seed)
        stack.callback(bench.command.close)
        bench.census()
        cases = list(choose(bench))
        bench.run(cases)
        return Result(name, len(cases), bench.met, bench.missed, dict(bench.ended), bench.found)
