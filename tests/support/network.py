"""
Machines that can be cut apart: a network of the test's own, where nothing listens for others.

    with network.build() as net:
        service, database = net.node("service"), net.node("database")
        net.reach(service, database, 5432)   # the host and port that service is to connect to
        net.cut(service, database)           # from now on they hear nothing of each other
        net.mend()

As root, each node is a network namespace, and what is cut vanishes without a word, as on a broken
cable: no refusal, no reset. Elsewhere each pair talks through a relay on 127.0.0.1, which then
hands nothing over. `kind` says which of the two it is.
"""
import contextlib
import ctypes
import os
import socket
import subprocess
import threading

from . import ports

CLONE_NEWNET = 0x40000000
PIECE = 65536


class Namespace:
    """A network namespace that is there for as long as its holder runs: no longer than this."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "--", "cat"], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            self.holder.stdin.write(b"there\n")
            self.holder.stdin.flush()
            there = self.holder.stdout.readline()
        except OSError:
            there = b""
        if not there:
            self.close()
            raise OSError("the system makes no network namespaces here")
        self.path = f"/proc/{self.holder.pid}/ns/net"
        self.ip("link", "set", "dev", "lo", "up")

    def run(self, *command):
        subprocess.run(["nsenter", f"--net={self.path}", "--", *command], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def ip(self, *arguments):
        self.run("ip", *map(str, arguments))

    def close(self):
        with contextlib.suppress(OSError):
            self.holder.stdin.close()
        self.holder.wait(10)
        self.holder.stdout.close()


def enter(path):
    with open(path, "rb") as namespace:
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "cannot enter the network namespace")


class Node:
    """A machine: where its servers listen."""

    def __init__(self, host, namespace=None):
        self.host, self.namespace = host, namespace

    @contextlib.contextmanager
    def inside(self):
        """Takes this thread there, and the programs and threads that it starts meanwhile."""
        if not self.namespace:
            yield
            return
        with open(f"/proc/self/task/{threading.get_native_id()}/ns/net", "rb") as before:
            enter(self.namespace.path)
            try:
                yield
            finally:
                enter(f"/proc/self/fd/{before.fileno()}")


# Where a program runs that nobody put elsewhere.
HERE = Node("127.0.0.1")


class Namespaces:
    """Nodes around a router, which drops what is cut. The test itself is a node, never cut off."""
    kind = "network namespaces"

    def __init__(self):
        self.router, self.nodes, self.rules = Namespace(), [], []
        try:
            self.router.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
            self.own = self.node("test")
        except BaseException:
            self.close()
            raise

    def node(self, name):
        number = len(self.nodes) + 1
        host, gateway, link = f"10.77.{number}.2", f"10.77.{number}.1", f"to-{name}"
        node = Node(host, Namespace())
        self.nodes.append(node)
        self.router.ip("link", "add", "name", link, "type", "veth", "peer", "name", "wire",
                       "netns", node.namespace.holder.pid)
        self.router.ip("addr", "add", f"{gateway}/24", "dev", link)
        self.router.ip("link", "set", "dev", link, "up")
        node.namespace.ip("addr", "add", f"{host}/24", "dev", "wire")
        node.namespace.ip("link", "set", "dev", "wire", "up")
        node.namespace.ip("route", "add", "default", "via", gateway)
        return node

    def reach(self, _, server, port):
        return server.host, port

    def drop(self, sender, receiver):
        rule = ("from", sender.host, "to", receiver.host, "blackhole")
        self.router.ip("rule", "add", *rule)
        self.rules.append(rule)

    def cut(self, one, other):
        self.drop(one, other)
        self.drop(other, one)

    def silence(self, client, server):
        """What the client says still arrives; the answers do not."""
        self.drop(server, client)

    def mend(self):
        while self.rules:
            self.router.ip("rule", "del", *self.rules.pop())

    @contextlib.contextmanager
    def inside(self):
        with self.own.inside():
            yield self
        ports.forget()

    def close(self):
        for node in self.nodes:
            node.namespace.close()
        self.router.close()


class Relay:
    """Hands over what one node says to a port of another, and what that answers, while it may."""

    def __init__(self, host, port):
        self.target = host, port
        self.asks, self.answers = threading.Event(), threading.Event()
        self.mend()
        self.listener = socket.create_server(("127.0.0.1", ports.free_port()), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.begin(self.accept)

    @staticmethod
    def begin(what, *arguments):
        threading.Thread(target=what, args=arguments, daemon=True).start()

    def mend(self):
        self.asks.set()
        self.answers.set()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.begin(self.join, client)

    def join(self, client):
        """Nobody is at the other end of a cut line, not even to refuse."""
        self.asks.wait()
        try:
            server = socket.create_connection(self.target, timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        self.begin(self.carry, client, server, self.asks)
        self.carry(server, client, self.answers)

    @staticmethod
    def carry(source, target, may):
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE):
                may.wait()
                target.sendall(piece)
        for side in (source, target):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.mend()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Relays:
    """Nodes on one machine, each pair with relays of its own between them."""
    kind = "relays on the loopback device"

    def __init__(self):
        self.relays = {}

    def node(self, _):
        return Node(HERE.host)

    def reach(self, client, server, port):
        line = client, server, port
        if line not in self.relays:
            self.relays[line] = Relay(server.host, port)
        return "127.0.0.1", self.relays[line].port

    def between(self, client, server):
        return [relay for (one, other, _), relay in self.relays.items()
                if (one, other) == (client, server)]

    def cut(self, one, other):
        for relay in self.between(one, other) + self.between(other, one):
            relay.asks.clear()
            relay.answers.clear()

    def silence(self, client, server):
        """What the client says still arrives; the answers do not."""
        for relay in self.between(client, server):
            relay.answers.clear()

    def mend(self):
        for relay in self.relays.values():
            relay.mend()

    @contextlib.contextmanager
    def inside(self):
        yield self

    def close(self):
        for relay in self.relays.values():
            relay.close()


def make():
    if os.environ.get("NETWORK") == "relays":
        return Relays()
    try:
        return Namespaces()
    except (OSError, subprocess.CalledProcessError):
        return Relays()


@contextlib.contextmanager
def build():
    """NETWORK=relays asks for the second kind where the first could be had."""
    made = make()
    try:
        with made.inside() as net:
            yield net
    finally:
        made.close()
