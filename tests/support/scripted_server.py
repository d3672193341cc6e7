"""
An HTTP server that answers from a script, well or badly, and notes what it was asked.

    server.on("GET", "/health", Reply(503), Reply(200))
    server.on("DELETE", "/fallback", Reply(200, {"status": "ok"}))

The answers of a route are given one after another; the last one stays.
"""
import json
import select
import socket
import threading
import time


class Request:
    def __init__(self, head):
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = first.split(" ")
        self.path, _, self.query = self.target.partition("?")
        self.headers = {name.strip().lower(): value.strip()
                        for name, _, value in (line.partition(":") for line in lines if line)}
        self.body = b""
        self.at = time.monotonic()


class Reply:
    """A whole answer; `body` may be bytes, text, or anything that becomes JSON."""

    def __init__(self, status=200, body=b"", headers=None, delay=0):
        if isinstance(body, str):
            body = body.encode()
        self.headers = dict(headers or {})
        if not isinstance(body, bytes):
            self.headers.setdefault("Content-Type", "application/json")
            body = json.dumps(body).encode()
        self.status, self.body, self.delay = status, body, delay

    def head(self, length):
        lines = [f"HTTP/1.1 {self.status} Scripted", f"Content-Length: {length}",
                 *(f"{name}: {value}" for name, value in self.headers.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n"

    def give(self, connection, server):
        server.pause(self.delay)
        length = len(self.body) if self.status != 204 else 0
        connection.sendall(self.head(length) + self.body)


class Cut(Reply):
    """Promises more than it sends."""

    def give(self, connection, server):
        connection.sendall(self.head(len(self.body) + 100) + self.body)


class Lines(Reply):
    """NDJSON in chunks, one line each, with a gap between them; `whole=False` never ends it."""

    def __init__(self, *lines, gap=0, whole=True):
        super().__init__()
        self.lines, self.gap, self.whole = lines, gap, whole

    def give(self, connection, server):
        connection.sendall(b"HTTP/1.1 200 Scripted\r\nContent-Type: application/x-ndjson\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n")
        for line in self.lines:
            text = line if isinstance(line, bytes) else json.dumps(line).encode()
            connection.sendall(b"%x\r\n%s\n\r\n" % (len(text) + 1, text))
            server.pause(self.gap)
        if self.whole:
            connection.sendall(b"0\r\n\r\n")


class Endless:
    """A body, or with `head` a header, that never ends."""

    def __init__(self, head=False, kind="text/plain"):
        self.head, self.kind = head, kind

    def give(self, connection, server):
        connection.sendall(b"HTTP/1.1 200 Scripted\r\nContent-Type: %s\r\n" % self.kind.encode())
        if not self.head:
            connection.sendall(b"\r\n")
        filler = b"X-Filler: " + b"x" * 4000 + b"\r\n" if self.head else b"x" * 65536
        while not server.closing.is_set():
            connection.sendall(filler)


class Raw:
    """These bytes and no more."""

    def __init__(self, data=b""):
        self.data = data

    def give(self, connection, server):
        connection.sendall(self.data)


class Hang:
    """Takes the request and says nothing until the client leaves."""

    def give(self, connection, server):
        while not server.closing.is_set():
            readable, _, _ = select.select([connection], [], [], 0.05)
            if readable and not connection.recv(4096):
                server.left.set()
                return


class ScriptedServer:
    """On a port of 127.0.0.1, with `tls` over TLS, or on the unix socket `path`."""

    def __init__(self, port=0, tls=None, path=None):
        self.routes = {}
        self.requests = []
        self.closing = threading.Event()
        self.left = threading.Event()
        self.lock = threading.Lock()
        self.tls = tls
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(path))
            self.listener.listen()
        else:
            self.listener = socket.create_server(("127.0.0.1", port))
        self.port = 80 if path else self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def url(self, path):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}{path}"

    def on(self, method, path, *replies):
        with self.lock:
            self.routes[method, path] = list(replies)
        return self

    def asked(self, method):
        """The requests with this method, in their order."""
        with self.lock:
            return [request for request in self.requests if request.method == method]

    def pause(self, seconds):
        self.closing.wait(seconds)

    def wait_asked(self, method, count=1, timeout=10):
        end = time.monotonic() + timeout
        while len(self.asked(method)) < count:
            assert time.monotonic() < end, f"no {count} {method} in {timeout} s"
            time.sleep(0.01)

    def accept(self):
        while not self.closing.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection:
                self.answer(connection)
        except OSError:
            pass  # the client left, which some scripts are about

    def answer(self, connection):
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        request = Request(head)
        while len(body) < int(request.headers.get("content-length", 0)):
            body += connection.recv(65536) or b"\0"
        request.body = body
        with self.lock:
            self.requests.append(request)
            replies = self.routes.get((request.method, request.path), [Reply(404)])
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
        reply.give(connection, self)

    def close(self):
        self.closing.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)
