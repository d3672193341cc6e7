"""The unit that systemd runs fallback-job with."""
import shutil
import subprocess

import pytest

from support import programs

UNIT = programs.ROOT / "packaging" / "systemd" / "fallback-job.service"

# Tenths of systemd's exposure level: 12 is 1.2.
EXPOSURE_MOST = 12


def test_exposes_little_to_the_machine():
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    done = subprocess.run(["systemd-analyze", "security", "--offline=true",
                           f"--threshold={EXPOSURE_MOST}", str(UNIT)], capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_starts_what_the_job_understands(tmp_path):
    """Every flag of the unit is one, and what the exit codes mean there is what they mean here."""
    text = UNIT.read_text()
    start = [line for line in text.splitlines() if line.startswith("ExecStart=")][0].split()
    assert start[1:3] == ["run", "--config"]
    missing = tmp_path / "jobs.ini"
    done = subprocess.run([programs.program("fallback-job"), "run", "--config", str(missing)],
                          capture_output=True, timeout=20, check=False)
    assert str(done.returncode) in text.split("RestartPreventExitStatus=")[1].splitlines()[0].split()
