#!/usr/bin/python3
"""Ceph's RADOS Gateway, the real S3 of the tests, in a folder and on ports of its own.

    ceph.py start DIR [--bucket NAME]    starts it and writes DIR/env, to be sourced by a shell
    ceph.py bucket DIR NAME              creates one more bucket
    ceph.py stop DIR                     ends every process that start began

One monitor, one manager, one storage daemon in memory, no authentication between them, one copy of
everything: good for tests, and for nothing else. Runs as whoever calls it and needs no systemd.
"""
import argparse
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from support.ports import free_block  # noqa: E402

TIMEOUT = 90
REGION = "us-east-1"

CONFIGURATION = """\
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{mon_v2},v1:127.0.0.1:{mon_v1}]
mon_initial_members = a
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
auth_supported = none
ms_mon_client_mode = crc
run_dir = {folder}/run
admin_socket = {folder}/run/$name.asok
log_file = {folder}/log/$name.log
pid_file =
crash_dir = {folder}/crash
debug_default = 0
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_port_min = {bind_from}
ms_bind_port_max = {bind_to}
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
mon_allow_pool_size_one = true
mon_allow_pool_delete = true
mon_warn_on_pool_no_redundancy = false
mon_max_pg_per_osd = 10000
osd_crush_chooseleaf_type = 0

[mon]
mon_data = {folder}/mon
mon_cluster_log_file = {folder}/log/cluster.log
mon_data_avail_crit = 1
mon_data_avail_warn = 1
paxos_propose_interval = 0.1

[mgr]
mgr_data = {folder}/mgr
mgr_initial_modules =
mgr_disabled_modules = {modules}

[osd]
osd_data = {folder}/osd
osd_objectstore = memstore
memstore_device_bytes = 1073741824
osd_class_load_list = *
osd_class_default_list = *
osd_scrub_during_recovery = false

[client.rgw]
rgw_data = {folder}/rgw
rgw_frontends = beast endpoint=127.0.0.1:{gateway}
rgw_dns_name = localhost
rgw_enable_usage_log = false
rgw_gc_obj_min_wait = 60
rgw_thread_pool_size = 32
rgw_dynamic_resharding = false
"""


class Failure(Exception):
    pass


class Cluster:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.end = time.monotonic() + TIMEOUT
        self.env = self.folder / "env"

    def left(self):
        left = self.end - time.monotonic()
        if left <= 0:
            raise Failure(f"Ceph was not up in {TIMEOUT} s")
        return left

    def run(self, *command):
        """One short command; its output."""
        try:
            done = subprocess.run([*map(str, command)], timeout=self.left(), text=True,
                                  stdin=subprocess.DEVNULL, capture_output=True, check=False)
        except subprocess.TimeoutExpired:
            raise Failure(f"{command[0]} {command[1]} did not end in time") from None
        if done.returncode:
            raise Failure(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr}")
        return done.stdout

    def configured(self, name, *arguments):
        return [name, "--conf", str(self.folder / "ceph.conf"), *map(str, arguments)]

    def daemon(self, name, *arguments):
        with open(self.folder / "log" / f"{name}.out", "ab") as out:
            child = subprocess.Popen(self.configured(name, *arguments, "--foreground"), stdout=out,
                                     stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)
        with open(self.folder / "pids", "a", encoding="ascii") as pids:
            pids.write(f"{child.pid} {name}\n")
        return child

    def prepare(self):
        for name in ("run", "log", "crash", "mon", "mgr", "osd", "rgw"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).mkdir(parents=True)
        ports = free_block()
        self.gateway, mon_v2, mon_v1 = ports[:3]
        modules = [path.name for path in pathlib.Path("/usr/share/ceph/mgr").glob("*")
                   if path.is_dir()]
        self.fsid = str(uuid.uuid4())
        (self.folder / "ceph.conf").write_text(CONFIGURATION.format(
            folder=self.folder, fsid=self.fsid, mon_v2=mon_v2, mon_v1=mon_v1, bind_from=ports[3],
            bind_to=ports[-1], gateway=self.gateway, modules=" ".join(modules)))
        monmap = self.folder / "monmap"
        self.run("monmaptool", "--create", "--clobber", "--fsid", self.fsid, "--addv", "a",
                 f"[v2:127.0.0.1:{mon_v2},v1:127.0.0.1:{mon_v1}]", monmap)
        self.run(*self.configured("ceph-mon", "--mkfs", "--id", "a", "--monmap", monmap))

    def wait_for_gateway(self, child):
        while True:
            self.left()
            if child.poll() is not None:
                raise Failure(f"radosgw ended with {child.returncode}")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.gateway}/", timeout=2).close()
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.05)

    def add_storage(self):
        osd = str(uuid.uuid4())
        self.run(*self.configured("ceph", "osd", "new", osd))
        self.run(*self.configured("ceph-osd", "--mkfs", "--id", 0, "--osd-uuid", osd))
        self.daemon("ceph-osd", "--id", 0)

    def add_user(self):
        """Makes the one user, and writes what a client needs to know."""
        self.access_key, self.secret = "key" + secrets.token_hex(8), secrets.token_hex(20)
        self.run(*self.configured("radosgw-admin", "--name", "client.rgw", "user", "create",
                                  "--uid", "tests", "--display-name", "tests", "--access-key",
                                  self.access_key, "--secret-key", self.secret))
        values = {"S3_ENDPOINT": f"http://127.0.0.1:{self.gateway}", "S3_REGION": REGION,
                  "AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret}
        new = self.env.with_suffix(".new")
        new.write_text("".join(f"export {name}={value}\n" for name, value in values.items()))
        new.rename(self.env)

    def start(self):
        if (self.folder / "pids").exists():
            raise Failure(f"{self.folder} holds a cluster already: stop it first")
        self.prepare()
        self.daemon("ceph-mon", "--id", "a")
        self.daemon("ceph-mgr", "--id", "x")
        self.add_storage()
        gateway = self.daemon("radosgw", "--name", "client.rgw")
        self.add_user()
        self.wait_for_gateway(gateway)

    def stop(self):
        pids = self.folder / "pids"
        if not pids.exists():
            return
        for line in reversed(pids.read_text().splitlines()):
            pid, name = line.split()
            end_process(int(pid), name)
        pids.unlink()
        self.env.unlink(missing_ok=True)

    def complaint(self):
        """The last lines of every log."""
        logs = sorted((self.folder / "log").glob("*"))
        return "\n".join(f"==> {path.name}\n" + "\n".join(
            path.read_text(errors="replace").splitlines()[-15:]) for path in logs)


def is_process(pid, name):
    """Whether `pid` is still that program: the number may be somebody else's by now."""
    try:
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
        return os.path.basename(command.decode()) == name
    except OSError:
        return False


def end_process(pid, name):
    # Nothing in memory is worth a clean end; the daemons take seconds for one.
    if is_process(pid, name):
        os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 10
    while is_process(pid, name) and time.monotonic() < end:
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:
            time.sleep(0.02)


def read_env(folder):
    lines = (pathlib.Path(folder) / "env").read_text().splitlines()
    return dict(line.removeprefix("export ").split("=", 1) for line in lines)


def create_bucket(folder, name, locks=False):
    """Makes a bucket; one whose objects can be locked keeps versions from the start."""
    import boto3
    from botocore.config import Config
    env = read_env(folder)
    boto3.client("s3", endpoint_url=env["S3_ENDPOINT"], region_name=env["S3_REGION"],
                 aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
                 aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
                 config=Config(s3={"addressing_style": "path"})).create_bucket(
                     Bucket=name, ObjectLockEnabledForBucket=locks)


def start(folder, bucket=None):
    """Starts a cluster and returns what is in its env file; nothing is left of one that failed."""
    cluster = Cluster(folder)
    try:
        cluster.start()
        if bucket:
            create_bucket(folder, bucket)
    except (Failure, OSError) as problem:
        print(f"{cluster.complaint()}\nceph: {problem}", file=sys.stderr)
        cluster.stop()
        raise
    return read_env(folder)


def stop(folder):
    Cluster(folder).stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["start", "stop", "bucket"])
    parser.add_argument("folder")
    parser.add_argument("name", nargs="?")
    parser.add_argument("--bucket")
    asked = parser.parse_args()
    try:
        if asked.what == "start":
            start(asked.folder, asked.bucket)
        elif asked.what == "stop":
            stop(asked.folder)
        elif asked.name:
            create_bucket(asked.folder, asked.name)
        else:
            parser.error("bucket needs a name")
    except Failure:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
