"""RabbitMQ, the real one, in a folder and on ports of its own; stopped with its epmd."""
import grp
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess

from .ports import free_port
from .programs import wait_for

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{port}
{tls}
loopback_users.guest = true
log.console = false
log.file.level = warning
management_agent.disable_metrics_collector = true
"""
TLS = """\
listeners.ssl.1 = 127.0.0.1:{port}
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
    """A broker that is up once it was made."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.port, self.tls_port = free_port(), free_port()
        self.epmd_port, self.node_port = free_port(), free_port()
        self.certificates()
        (self.folder / "rabbitmq.conf").write_text(CONFIGURATION.format(
            port=self.port, tls=TLS.format(port=self.tls_port, folder=self.folder)))
        (self.folder / "plugins").write_text("[].\n")
        if account():
            subprocess.run(["chown", "-R", "rabbitmq:rabbitmq", self.folder], check=True)
        self.child = None
        self.start()

    def certificates(self):
        """An authority, and a certificate of it for 127.0.0.1."""
        def openssl(*arguments):
            subprocess.run(["openssl", *arguments], cwd=self.folder, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", "authority.key", "-out", "authority.pem", "-subj", "/CN=authority")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", "broker.key", "-out", "broker.csr", "-subj", "/CN=localhost")
        (self.folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        openssl("x509", "-req", "-in", "broker.csr", "-CA", "authority.pem", "-CAkey",
                "authority.key", "-CAcreateserial", "-out", "broker.pem", "-extfile", "names")

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

    def start(self):
        with open(self.folder / "output", "ab") as output:
            self.child = subprocess.Popen([SERVER], cwd=self.folder, env=self.environment(),
                                          stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                          start_new_session=True, **account())
        wait_for(self.answers, timeout=60, what="RabbitMQ to listen")

    def answers(self):
        assert self.child.poll() is None, (self.folder / "output").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def url(self, tls=False):
        if tls:
            return (f"amqps://guest:guest@localhost:{self.tls_port}"
                    f"?cacert={self.folder}/authority.pem")
        return f"amqp://guest:guest@127.0.0.1:{self.port}"

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
