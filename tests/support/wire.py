"""HTTP as bytes on a socket: what a client library would never send, and all that comes back."""
import socket


class Reply:
    def __init__(self, status, headers, body, head):
        self.status, self.headers, self.body, self.head = status, headers, body, head


class Transcript:
    """
    What a server answered: the replies, one after another as their lengths say, the bytes that
    are no reply, and whether the server closed the connection.
    """

    def __init__(self, raw, closed):
        self.raw, self.closed = raw, closed
        self.replies, self.rest = split_replies(raw)

    @property
    def statuses(self):
        return [reply.status for reply in self.replies]

    @property
    def said_twice(self):
        """
        libmicrohttpd 0.9 sends the head of some refusals of its own a second time, where the body
        belongs. Whoever minds the lengths sees one reply, and bytes that are none behind it.
        """
        if len(self.replies) != 1:
            return False
        (reply,) = self.replies
        return reply.body.startswith(reply.head) and self.raw.startswith(reply.head * 2)

    def __repr__(self):
        told = ", ".join(str(status) for status in self.statuses) or "nothing"
        return f"<{told}; {'closed' if self.closed else 'open'}; {self.raw[:300]!r}>"


def read_head(raw):
    """A reply's head as (status, headers, bytes of the head); None if `raw` begins with none."""
    head, end, _ = raw.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    words = first.split(b" ", 2)
    if not end or not words[0].startswith(b"HTTP/1.") or len(words) < 2 or not words[1].isdigit():
        return None
    headers = {}
    for line in lines:
        name, _, value = line.partition(b":")
        headers[name.decode("latin-1").lower()] = value.strip().decode("latin-1")
    return int(words[1]), headers, head + end


def read_chunks(raw):
    """A chunked body as (body, what follows); None if it is cut short."""
    body = b""
    while True:
        size, end, raw = raw.partition(b"\r\n")
        if not end:
            return None
        length = int(size, 16)
        body, raw = body + raw[:length], raw[length + 2:]
        if length == 0:
            return body, raw


def read_reply(raw, to_head=False):
    """The first reply in `raw` and what follows it; (None, raw) if no whole one is there."""
    found = read_head(raw)
    if not found:
        return None, raw
    status, headers, head = found
    rest = raw[len(head):]
    if to_head or status < 200 or status in (204, 304):
        return Reply(status, headers, b"", head), rest
    if headers.get("transfer-encoding") == "chunked":
        chunks = read_chunks(rest)
        return (Reply(status, headers, chunks[0], head), chunks[1]) if chunks else (None, raw)
    length = int(headers.get("content-length", len(rest)))
    if len(rest) < length:
        return None, raw
    return Reply(status, headers, rest[:length], head), rest[length:]


def split_replies(raw):
    """Every final reply in `raw`, and the bytes behind the last one."""
    replies = []
    while raw:
        reply, raw = read_reply(raw)
        if reply is None:
            break
        if reply.status >= 200:
            replies.append(reply)
    return replies, raw


class Wire:
    """One connection to 127.0.0.1."""

    def __init__(self, port, timeout=20, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))
        self.received = b""
        self.closed = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """Sends what the server still takes: it may have refused and closed in between."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def receive(self):
        """What has come next; False when nothing will come any more."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.received += data
        self.closed = not data
        return not self.closed

    def read_to_end(self):
        """Everything until the server closes; what is then not closed was not in time."""
        return self.read_replies(None)

    def read_replies(self, count):
        """Until so many replies are there, the server closes, or it says nothing in time."""
        try:
            while count is None or len(split_replies(self.received)[0]) < count:
                if not self.receive():
                    break
        except TimeoutError:
            pass
        return Transcript(self.received, self.closed)

    def read_what_is_there(self):
        """Everything that has arrived by now, without waiting."""
        self.socket.setblocking(False)
        try:
            while not self.closed and self.receive():
                pass
        except BlockingIOError:
            pass
        return Transcript(self.received, self.closed)


def request(method, target, body=None, host="localhost", **headers):
    """A request as it should be."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


def exchange(port, data, timeout=20):
    """Sends bytes and reads until the server closes."""
    with Wire(port, timeout) as wire:
        wire.send(data)
        return wire.read_to_end()
