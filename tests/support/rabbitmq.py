"""RabbitMQ, the real one, in a folder and on ports of its own; stopped with its epmd."""
import grp
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess

from .certificates import make_authority, make_certificate
from .network import HERE
from .ports import free_port
from .programs import wait_for

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
CONFIGURATION = """\
listeners.tcp.1 = {host}:{port}
{tls}
loopback_users.guest = {only_here}
log.console = false
log.file.level = warning
management_agent.disable_metrics_collector = true
"""
TLS = """\
listeners.ssl.1 = {host}:{port}
ssl_options.cacertfile = {folder}/authority.pem
ssl_options.certfile = {folder}/broker.pem
ssl_options.keyfile = {folder}/broker.key
ssl_options.verify = verify_none
"""


def is_installed():
    return pathlib.Path(SERVER).exists()


def account():
    if os.geteuid() != 0:
        return {}
    return {"user": pwd.getpwnam("rabbitmq").pw_uid, "group": grp.getgrnam("rabbitmq").gr_gid,
            "extra_groups": []}


class Broker:
    """A broker that is up once it was made; on this machine or on a node of a test's network."""

    def __init__(self, folder, node=HERE, wait=True):
        self.folder = pathlib.Path(folder)
        self.node, self.host = node, node.host
        self.folder.mkdir()
        self.port, self.tls_port = free_port(), free_port()
        self.epmd_port, self.node_port = free_port(), free_port()
        make_authority(self.folder)
        make_certificate(self.folder, "broker")
        (self.folder / "rabbitmq.conf").write_text(CONFIGURATION.format(
            host=self.host, port=self.port, only_here=str(node is HERE).lower(),
            tls=TLS.format(host=self.host, port=self.tls_port, folder=self.folder)))
        (self.folder / "plugins").write_text("[].\n")
        if account():
            subprocess.run(["chown", "-R", "rabbitmq:rabbitmq", self.folder], check=True)
        self.child = None
        self.start(wait)

    def environment(self):
        return {**os.environ, "HOME": str(self.folder), "RABBITMQ_NODENAME": f"t{self.port}@localhost",
                "RABBITMQ_MNESIA_BASE": f"{self.folder}/mnesia",
                "RABBITMQ_LOG_BASE": f"{self.folder}/log",
                "RABBITMQ_CONFIG_FILE": f"{self.folder}/rabbitmq.conf",
                "RABBITMQ_ENABLED_PLUGINS_FILE": f"{self.folder}/plugins",
                "RABBITMQ_DIST_PORT": str(self.node_port), "ERL_EPMD_PORT": str(self.epmd_port),
                "ERL_EPMD_ADDRESS": "127.0.0.1",
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none -kernel inet_dist_use_interface "
                                                       "{127,0,0,1}"}

    def start(self, wait=True):
        with open(self.folder / "output", "ab") as output, self.node.inside():
            self.child = subprocess.Popen([SERVER], cwd=self.folder, env=self.environment(),
                                          stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                          start_new_session=True, **account())
        if wait:
            self.wait_until_up()

    def wait_until_up(self):
        wait_for(self.answers, timeout=60, what="RabbitMQ to listen")

    def answers(self):
        assert self.child.poll() is None, (self.folder / "output").read_text()
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0

    def url(self, tls=False, at=None):
        """Of its own address, or of one that leads to it: (host, port)."""
        host, port = at or (self.host, self.port)
        if tls:
            return (f"amqps://guest:guest@localhost:{self.tls_port}"
                    f"?cacert={self.folder}/authority.pem")
        return f"amqp://guest:guest@{host}:{port}"

    def signal(self, which):
        os.killpg(self.child.pid, which)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.child.wait(20)

    def remove(self):
        if self.child.poll() is None:
            self.signal(signal.SIGCONT)
            self.kill()
        subprocess.run(["epmd", "-port", str(self.epmd_port), "-kill"], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder, ignore_errors=True)
