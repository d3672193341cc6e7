"""fallback-job next, and the help: what needs no server."""
import re
import subprocess

import pytest

from support import job as job_program
from support import programs


@pytest.fixture
def environment():
    return job_program.environment()


def next_runs(environment, *flags, **changes):
    return subprocess.run([programs.program("fallback-job"), "next", *flags], capture_output=True,
                          text=True, timeout=20, check=False, env={**environment, **changes})


def test_next_prints_instants_and_nothing_else(environment):
    done = next_runs(environment, "--schedule", "30 2 * * *", "--timezone", "Europe/Berlin",
                     "--from", "2026-03-28T12:00:00Z", "--count", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ("2026-03-29T03:00:00+02:00\n2026-03-30T02:30:00+02:00\n"
                           "2026-03-31T02:30:00+02:00\n")
    done = next_runs(environment, "--schedule", "*/5 * * * *", "--from", "2026-01-01T00:00:00Z")
    assert done.stdout == "2026-01-01T00:05:00Z\n"


def test_next_is_moved_by_nothing_around_it(environment):
    flags = ["--schedule", "CRON_TZ=Asia/Tokyo 0 9 * * *", "--timezone", "Europe/Berlin", "--from",
             "2026-01-01T00:00:00+05:00"]
    outputs = {next_runs(environment, *flags, TZ=zone, LC_ALL=locale).stdout
               for zone in ("UTC", "America/New_York", ":/etc/passwd", "")
               for locale in ("C", "de_DE.UTF-8")}
    assert outputs == {"2026-01-01T09:00:00+09:00\n"}


def test_next_without_from_is_later_than_now(environment):
    done = next_runs(environment, "--schedule", "@every 10s")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n", done.stdout)


@pytest.mark.parametrize("flags, words", [
    (["--schedule", "5-1 * * * *"], ["column 3", "minute"]),
    (["--schedule", "* * * * mon-xyz"], ["column 13", "day of week"]),
    (["--schedule", "0 0 31 2 *"], ["never"]),
    (["--schedule", "@daily", "--timezone", "Mars/Base"], ["Mars/Base"]),
    (["--schedule", "@daily", "--from", "yesterday"], ["--from"]),
    (["--schedule", "@daily", "--count", "0"], ["--count"]),
    (["--schedule", "@daily", "--from", "9999-12-31T12:00:00Z"], ["10000"]),
    ([], ["--schedule"])])
def test_next_refuses_with_the_reason(environment, flags, words):
    done = next_runs(environment, *flags)
    assert done.returncode == 64 and done.stdout == ""
    for word in words:
        assert word in done.stderr


def test_help_names_every_option_and_exit_code(environment):
    done = subprocess.run([programs.program("fallback-job"), "--help"], capture_output=True,
                          text=True, env=environment, timeout=20, check=True)
    for word in ["--health", "--fallback", "--schedule", "--timezone", "--token-file", "--once",
                 "--startup-timeout", "--max-age", "--fail-on-blocked", "--from", "--count",
                 "FALLBACK_JOB_TOKEN_FILE", "64", "69", "70", "75", "78"]:
        assert word in done.stdout
