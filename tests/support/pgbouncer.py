"""PgBouncer in front of a PostgreSQL server, each transaction on whatever connection is free."""
import pathlib
import signal
import socket
import subprocess

from .ports import free_port
from .postgres import account
from .programs import wait_for

PROGRAM = pathlib.Path("/usr/sbin/pgbouncer")

CONFIGURATION = """\
[databases]
* = host=127.0.0.1 port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = 10
max_client_conn = 200
server_idle_timeout = 5
logfile = {folder}/log
"""


class Pooler:
    """A pooler that is up once it was made. `folder` is the server's, which may read it."""

    def __init__(self, folder, server_port):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.port = free_port()
        (self.folder / "users").write_text('"postgres" ""\n')
        configuration = self.folder / "pgbouncer.ini"
        configuration.write_text(CONFIGURATION.format(server_port=server_port, port=self.port,
                                                      folder=self.folder))
        as_user = {}
        if account():
            uid, gid = account()
            subprocess.run(["chown", "-R", f"{uid}:{gid}", self.folder], check=True)
            as_user = {"user": uid, "group": gid, "extra_groups": []}
        self.child = subprocess.Popen([PROGRAM, "--quiet", configuration], cwd=self.folder,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL, **as_user)
        wait_for(self.answers, what="PgBouncer to listen")

    def answers(self):
        assert self.child.poll() is None, (self.folder / "log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def address(self, database="postgres"):
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def stop(self):
        # Not one of those that a shell has its background programs ignore.
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(20)
