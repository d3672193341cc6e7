"""What the Debian packages bring: units, files below /etc, what happens when they are installed."""
import configparser
import os
import re
import stat
import subprocess

import pytest

from conftest import PACKAGES
from support import programs

PACKAGING = programs.ROOT / "packaging"


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          timeout=120, check=False, **options)


@pytest.mark.parametrize("name", PACKAGES)
def test_the_unit_starts_what_is_installed(unpacked, name):
    unit = (unpacked / "lib/systemd/system" / f"{name}.service").read_text()
    assert unit == (PACKAGING / "systemd" / f"{name}.service").read_text()
    started = re.search(r"^ExecStart=/(\S+)", unit, re.MULTILINE).group(1)
    assert os.access(unpacked / started, os.X_OK)
    page, section = re.search(r"^Documentation=man:(\S+)\((\d)\)$", unit, re.MULTILINE).groups()
    assert (unpacked / f"usr/share/man/man{section}/{page}.{section}.gz").exists()
    for path in re.findall(r"^(?:EnvironmentFile=-|LoadCredential=\w+:)/(\S+)/", unit, re.MULTILINE):
        assert (unpacked / path).is_dir()


@pytest.mark.parametrize("name", PACKAGES)
def test_systemd_takes_the_unit(unpacked, name, tmp_path):
    """With the programs where they are here: it looks whether they are there."""
    unit = tmp_path / f"{name}.service"
    text = (unpacked / "lib/systemd/system" / unit.name).read_text()
    unit.write_text(text.replace("ExecStart=/", f"ExecStart={unpacked}/"))
    done = run("systemd-analyze", "verify", "--man=no", unit)
    assert [line for line in done.stderr.splitlines() if name in line] == []


def test_the_example_options_are_the_services(unpacked):
    text = (unpacked / "etc/users-service/environment").read_text()
    named = re.findall(r"^#(USERS_\w+)=", text, re.MULTILINE)
    known = run(unpacked / "usr/bin/users-service", "--help").stdout
    assert named and all(f"Environment: {name}\n" in known for name in named)
    assert re.findall(r"^[^#\n]", text, re.MULTILINE) == []


def test_the_jobs_file_works_as_it_is(unpacked, tmp_path):
    """With the paths that systemd makes replaced by some of the test's own."""
    token = tmp_path / "token"
    token.write_text("a-token-of-twenty-four-bytes\n")
    token.chmod(0o600)
    text = (unpacked / "etc/fallback-job/jobs.ini").read_text()
    own = text.replace("/run/credentials/fallback-job.service/token", str(token))
    own = own.replace("/var/lib/fallback-job", str(tmp_path))
    assert own.count(str(tmp_path)) == 2
    (tmp_path / "jobs.ini").write_text(own)
    done = run(unpacked / "usr/bin/fallback-job", "check", "--config", tmp_path / "jobs.ini")
    assert (done.returncode, done.stdout) == (0, "1 job, nothing wrong\n"), done.stderr
    jobs = configparser.ConfigParser()
    jobs.read_string(text)
    assert jobs["users"]["health"].startswith("http://127.0.0.1:8081/")


def maintain(package, root, script, *arguments):
    """Runs a maintainer script of a package on a root folder of the test's own."""
    done = run("sh", PACKAGING / "debian" / f"{package}.{script}", *arguments, env={**os.environ, "DPKG_ROOT": str(root)})
    assert done.returncode == 0, done.stderr


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    for name in PACKAGES:
        (root / "etc" / name).mkdir(parents=True)
    return root


def test_installing_makes_a_token_once(root):
    token = root / "etc/users-service/token"
    maintain("users-service", root, "postinst", "configure", "")
    made = token.read_text()
    assert re.fullmatch(r"[0-9a-f]{64}\n", made)
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    maintain("users-service", root, "postinst", "configure", "0.1.0")
    assert token.read_text() == made
    assert [path.name for path in token.parent.iterdir()] == ["token"]


def test_the_job_finds_the_token_of_the_service_beside_it(root):
    """Whichever of the two is installed first."""
    maintain("fallback-job", root, "postinst", "configure", "")
    maintain("users-service", root, "postinst", "configure", "")
    token = root / "etc/fallback-job/token"
    assert token.read_text() == (root / "etc/users-service/token").read_text()
    token.unlink()
    token.write_text("of-another-machine\n")
    maintain("fallback-job", root, "postinst", "configure", "0.1.0")
    assert token.read_text() == "of-another-machine\n"


def test_purging_takes_the_tokens_along(root):
    for name in PACKAGES:
        maintain(name, root, "postinst", "configure", "")
    for name in PACKAGES:
        maintain(name, root, "postrm", "remove")
    assert (root / "etc/fallback-job/token").exists()
    for name in PACKAGES:
        maintain(name, root, "postrm", "purge")
        assert list((root / "etc" / name).iterdir()) == []
