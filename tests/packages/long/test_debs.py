"""The two Debian packages as they are built: sound, alike each time, and with programs that work."""
import gzip
import os
import re
import subprocess
import sys

from conftest import PACKAGES, debs_build
from support import images, job, programs

sys.path.insert(0, str(programs.ROOT / "tests" / "lint"))
import hardening  # noqa: E402

CHANGELOG = programs.ROOT / "packaging" / "debian" / "changelog"


def run(*command, **options):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          timeout=120, check=False, **options)


def test_there_are_two(debs):
    names = sorted(deb.name.split("_")[0] for deb in debs.glob("*.deb"))
    assert names == sorted(PACKAGES)


def test_lintian_has_nothing_to_say(debs):
    done = run("lintian", "--fail-on", "error,warning,info,pedantic", "--display-info",
               "--pedantic", "--allow-root", *debs.glob("*.changes"))
    assert (done.returncode, done.stdout) == (0, "")


def test_the_version_is_that_of_the_programs(unpacked):
    version = re.match(r"fallback-job \(([\d.]+)\)", CHANGELOG.read_text()).group(1)
    for name in PACKAGES:
        assert run(unpacked / "usr/bin" / name, "--version").stdout == f"{name} {version}\n"


def test_the_programs_are_hardened(unpacked):
    """One protection is looked for by the name of a function, and these have none any more."""
    for name in PACKAGES:
        found = list(hardening.faults(str(unpacked / "usr/bin" / name)))
        assert [fault for fault in found if "-fcf-protection" not in fault] == []


def test_the_programs_work(unpacked, service):
    """A user with an avatar, erased by the job of the other package."""
    one = service(inline="off", timer="off")
    user = one.create_with_avatar(images.png())
    assert one.avatar(user["id"]).status == 200
    assert one.delete(user["id"]).status == 202
    done = job.run(one)
    assert done.returncode == 0, done.stderr
    assert one.receipt(user["id"]).data["state"] == "deleted"


def test_the_pages_have_the_day_of_the_package(unpacked):
    changed = re.search(r"^ -- .*>  (.*)$", CHANGELOG.read_text(), re.MULTILINE).group(1)
    day = run("date", "--utc", "--date", changed, "+%Y-%m-%d").stdout.strip()
    for name in PACKAGES:
        page = gzip.decompress((unpacked / f"usr/share/man/man8/{name}.8.gz").read_bytes())
        title = name.upper().replace("-", "\\-")
        assert page.decode().startswith(f".TH {title} 8 {day} ")


def test_built_again_they_are_the_same(debs, tmp_path):
    """In another place, on another side of the earth, by a compiler that remembers nothing."""
    again = debs_build(tmp_path / "quite" / "another" / "place",
                       {**os.environ, "CCACHE_DISABLE": "1", "TZ": "Asia/Tokyo", "LANG": "C",
                        "HOME": "/nonexistent"})
    for deb in debs.glob("*.deb"):
        assert (again / deb.name).read_bytes() == deb.read_bytes(), deb.name
