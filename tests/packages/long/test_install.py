"""docs/install.md, its packages: installed, changed, upgraded and removed as it says."""
import re
import shutil

import pytest
from machines import *  # noqa: F401,F403
from machines import (BACKING_UP, DOCUMENT, INSTALLING, LEAVING, LOOKING, NEW_TOKEN, TAKING_OVER,
                      token_of)
from roots import run

from support import programs

BOTH = ("users-service", "fallback-job")
# What systemd's own judge may say at most, of 100: 20 and more is what needs a look.
EXPOSURE = 15


def test_the_packages_are_built_on_a_system_with_nothing(built):
    assert sorted(path.name.split("_")[0] for path in built.glob("*.deb")) == sorted(BOTH)


def test_both_are_at_work_as_soon_as_they_are_installed(machine):
    said = machine.run(INSTALLING.rstrip() + " 2>&1")
    assert "Could not" not in said and "ailed" not in said
    machine.comes_up(*BOTH)
    assert machine.run(LOOKING).startswith("active\nactive\n")
    assert machine.run("systemctl show --property NRestarts " + " ".join(BOTH)).split() == \
        ["NRestarts=0"] * 2
    assert machine.run("systemctl is-enabled " + " ".join(BOTH)).split() == ["enabled"] * 2


def test_what_a_service_is_kept_from_is_kept(installed):
    for name in BOTH:
        installed.run(f"systemd-analyze security --threshold={EXPOSURE} {name}")
        process = installed.run(f"systemctl show --property MainPID --value {name}").strip()
        status = installed.run(f"cat /proc/{process}/status")
        assert re.search(r"^Uid:\s+6\d{4}\s", status, re.MULTILINE), status
        assert re.search(r"^CapEff:\s+0{16}$", status, re.MULTILINE), status
        assert "NoNewPrivs:\t1\n" in status and "Seccomp:\t2\n" in status
        installed.run(f"! nsenter --target {process} --mount touch /usr/of-nobody")


def test_one_that_is_killed_is_started_again(installed):
    before = installed.run("systemctl show --property MainPID --value users-service")
    installed.run("systemctl kill --signal KILL users-service")
    programs.wait_for(lambda: before != installed.run(
        "systemctl show --property MainPID --value users-service"), timeout=60, every=0.2,
        what="another process")
    installed.comes_up("users-service")


def change(machine, path, text):
    (machine.folder / path).write_text(text)


def test_the_job_finishes_what_the_service_left(installed):
    """By its schedule, once the service is told to leave it all."""
    change(installed, "etc/users-service/environment", "USERS_INLINE=off\nUSERS_TIMER=off\n")
    jobs = (installed.folder / "etc/fallback-job/jobs.ini").read_text()
    change(installed, "etc/fallback-job/jobs.ini", jobs.replace("0-59/5 * * * *", "* * * * * *"))
    installed.run(TAKING_OVER)
    installed.comes_up(*BOTH)
    user = installed.service.user_with_avatar()
    assert installed.service.erase(user) == 202
    programs.wait_for(lambda: installed.service.is_erased(user), timeout=60, what="the job")
    assert installed.service.get(f"/api/users/{user}").status == 404


def test_another_token(installed):
    before = token_of(installed)
    assert installed.service.status(before) == 200
    installed.run(NEW_TOKEN)
    installed.comes_up(*BOTH)
    after = token_of(installed)
    assert (installed.service.status(before), installed.service.status(after)) == (401, 200)
    assert "active\nactive\n" in installed.run(LOOKING)


def test_a_service_that_speaks_with_others(installed):
    """What the document shows for `systemctl edit`, and the file that it names."""
    text = (programs.ROOT / DOCUMENT).read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```ini\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    installed.run("mkdir -p /etc/systemd/system/users-service.service.d")
    change(installed, "etc/systemd/system/users-service.service.d/override.conf", shown)
    change(installed, "etc/users-service/aws", "[default]\n")
    installed.run("systemctl daemon-reload\n" + TAKING_OVER)
    installed.comes_up(*BOTH)
    assert "10.0.0.0/8" in installed.run("systemctl show --property IPAddressAllow users-service")
    installed.run("cmp /etc/users-service/aws /run/credentials/users-service.service/aws")


def test_the_job_by_itself(machine):
    """On the other of two machines: it does nothing before it is given a token."""
    machine.run(INSTALLING.replace("./debs/users-service_*.deb ", ""))
    assert not machine.is_active("fallback-job")
    assert machine.run("systemctl --failed --quiet") == ""
    token = machine.folder / "etc/fallback-job/token"
    assert token.is_symlink() and not token.exists()
    token.unlink()
    token.write_text("a-token-of-twenty-four-bytes\n")
    token.chmod(0o600)
    machine.run("systemctl restart --no-block fallback-job")
    programs.wait_for(lambda: "127.0.0.1 port 8081" in machine.run(
        "journalctl --no-pager --unit fallback-job"), timeout=60, every=0.5, what="a call")


def newer(built, folder):
    """The same packages with a higher version."""
    folder.mkdir()
    for deb in built.glob("*.deb"):
        run("dpkg-deb", "--raw-extract", deb, folder / "raw")
        control = folder / "raw/DEBIAN/control"
        control.write_text(re.sub(r"^Version: (.*)$", r"Version: \1+1", control.read_text(),
                                  flags=re.MULTILINE))
        run("dpkg-deb", "--build", "--root-owner-group", folder / "raw", folder / deb.name)
        shutil.rmtree(folder / "raw")


@pytest.mark.parametrize("version", ["the same", "a newer"])
def test_one_version_over_another(installed, built, version, tmp_path):
    user, token = installed.service.user_with_avatar(), token_of(installed)
    change(installed, "etc/users-service/environment", "USERS_LOG_LEVEL=debug\n")
    installed.run(BACKING_UP)
    installed.run("[[ -s /srv/tree/backup.db ]]")
    if version == "a newer":
        newer(built, tmp_path / "newer")
        run("rm", "-r", installed.folder / "srv/tree/debs")
        run("cp", "-r", tmp_path / "newer", installed.folder / "srv/tree/debs")
        installed.run(INSTALLING)
        assert "+1" in installed.run("dpkg-query --show users-service")
    else:
        installed.run(INSTALLING.replace("install --yes", "install --reinstall --yes"))
    installed.comes_up(*BOTH)
    assert token_of(installed) == token
    assert (installed.folder / "etc/users-service/environment").read_text() == \
        "USERS_LOG_LEVEL=debug\n"
    assert installed.service.has_avatar(user)
    assert "active\nactive\n" in installed.run(LOOKING)


def test_nobodys_data_goes_with_the_packages(installed):
    user, token = installed.service.user_with_avatar(), token_of(installed)
    data = installed.folder / "var/lib/private/users-service"
    remove, purge = LEAVING.splitlines()

    installed.run(remove)
    assert not installed.service.is_ready()
    assert token_of(installed) == token and (data / "users.db").exists()
    installed.run(INSTALLING)
    installed.comes_up(*BOTH)
    assert installed.service.has_avatar(user)

    installed.run(purge)
    assert not any((installed.folder / "etc" / name).exists() for name in BOTH)
    assert (data / "users.db").exists()
    installed.run(INSTALLING)
    installed.comes_up(*BOTH)
    assert token_of(installed) != token and installed.service.has_avatar(user)

    installed.run(LEAVING)
    assert installed.run("dpkg-query --list '*-service' 'fallback-*' 2>&1 | grep -c ^ii || true") == "0\n"
