#!/usr/bin/python3
"""Runs a program against Ceph's gateway, the real S3 of the tests.

    files_on_ceph.py PROGRAM [ARGUMENT ...]

The program finds its bucket in FILES_S3_URL. If that is set already, nothing is started. Without
Ceph's packages the test is skipped (77).
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
BUCKET = "contract"
CEPH = pathlib.Path(__file__).resolve().parent.parent / "support" / "ceph.py"


def ceph(*arguments):
    subprocess.run([sys.executable, str(CEPH), *map(str, arguments)], check=True)


def environment(folder):
    """What ceph.py wrote for its clients, and the address that follows from it."""
    lines = (folder / "env").read_text(encoding="ascii").splitlines()
    found = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    found["FILES_S3_URL"] = (f"s3://{BUCKET}?endpoint={found['S3_ENDPOINT']}"
                             f"&region={found['S3_REGION']}")
    return found


def main(command):
    if "FILES_S3_URL" in os.environ:
        return subprocess.run(command, check=False).returncode
    if not shutil.which("radosgw") or not shutil.which("ceph-mon"):
        print("Ceph's gateway is not installed: nothing was tested")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="files-ceph-") as name:
        folder = pathlib.Path(name)
        try:
            ceph("start", folder, "--bucket", BUCKET)
            return subprocess.run(command, env=os.environ | environment(folder),
                                  check=False).returncode
        finally:
            ceph("stop", folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
