"""The unit that systemd runs users-service with."""
import re
import shutil
import subprocess

import pytest

from support import programs

UNIT = programs.ROOT / "packaging" / "systemd" / "users-service.service"

# Tenths of systemd's exposure level: 12 is 1.2.
EXPOSURE_MOST = 12


def test_exposes_little_to_the_machine():
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(["systemd-analyze", "security", "--offline=true",
                           f"--threshold={EXPOSURE_MOST}", str(UNIT)], capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_sets_only_what_the_service_understands():
    known = subprocess.run([programs.program("users-service"), "--help"], capture_output=True,
                           text=True, timeout=20, check=True).stdout
    names = re.findall(r"^Environment=USERS_(\w+)=", UNIT.read_text(), re.MULTILINE)
    assert names
    for name in names:
        assert f"--{name.lower().replace('_', '-')} " in known


def test_starts_again_but_for_what_stays_wrong(service):
    """The codes of a wrong command line and a wrong configuration, as the service gives them."""
    ends = re.search(r"^RestartPreventExitStatus=(.*)$", UNIT.read_text(), re.MULTILINE)
    one = service(start=False)
    assert one.run("--no-such-option").returncode in map(int, ends.group(1).split())
    assert one.run(database=None).returncode in map(int, ends.group(1).split())
    assert one.run(second_look="1s").returncode in map(int, ends.group(1).split())
    assert 69 not in map(int, ends.group(1).split())


def test_leaves_the_calls_that_the_sandbox_is_entered_with():
    filters = [line for line in UNIT.read_text().splitlines()
               if line.startswith("SystemCallFilter=")]
    for call in ("seccomp", "landlock_create_ruleset", "landlock_add_rule",
                 "landlock_restrict_self"):
        assert call in filters[-1].split("=")[1].split()
