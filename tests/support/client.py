"""
The smallest HTTP client that tests want: one call, one answer, nothing hidden. What a service
answers is held against its document.
"""
import http.client
import json
import socket
import urllib.parse

from . import contract, disclosure

NO_ANSWER = (OSError, http.client.HTTPException)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def data(self):
        """What is in the envelope of a reply that went well."""
        envelope = self.json
        assert envelope.get("status") == "ok", envelope
        return envelope["data"]

    @property
    def text(self):
        return self.body.decode()

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class UnixConnection(http.client.HTTPConnection):
    """A connection to a unix socket, by its path."""

    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Client:
    """
    Calls one listener: a port, or the path of a unix socket. A connection is kept per client, so
    use one client per thread.
    """

    def __init__(self, port, token=None, timeout=30, host="127.0.0.1"):
        self.port, self.token, self.timeout, self.host = port, token, timeout, host
        self.connection = None

    def connect(self):
        if isinstance(self.port, int):
            return http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        return UnixConnection(self.port, self.timeout)

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def once(self, method, path, body, headers):
        if self.connection is None:
            self.connection = self.connect()
        try:
            try:
                self.connection.request(method, path, body, headers)
            except (BrokenPipeError, ConnectionResetError):
                # An answer may have come before the body was all sent.
                if not body or self.connection.sock is None:
                    raise
            answer = self.connection.getresponse()
            result = Answer(answer.status, answer.headers, answer.read())
        except BaseException:
            self.close()
            raise
        if answer.will_close:
            self.close()
        disclosure.note_reply(result.status, result.headers, result.body)
        contract.judge(self.port, method, path, headers, body, result)
        return result

    def call(self, method, path, body=None, headers=None, **query):
        """One request. `body`: bytes as they are, anything else as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        if self.token and "Authorization" not in headers:
            headers["Authorization"] = f"Bearer {self.token}"
        if query:
            path += "?" + urllib.parse.urlencode(
                {name: value for name, value in query.items() if value is not None})
        disclosure.note_request(headers, body)
        # Kept connections may have been closed by a restart: those are no news.
        fresh = self.connection is None
        try:
            return self.once(method, path, body, headers)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            if fresh or method not in ("GET", "HEAD"):
                raise
            return self.once(method, path, body, headers)

    def get(self, path, **options):
        return self.call("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.call("POST", path, body, **options)

    def put(self, path, body=None, **options):
        return self.call("PUT", path, body, **options)

    def delete(self, path, **options):
        return self.call("DELETE", path, **options)


def multipart(user, avatar, content_type="image/png", boundary="----part"):
    """Body and headers of a form with a JSON part `user` and a file part `avatar`."""
    line = b"--" + boundary.encode() + b"\r\n"
    body = (line + b'Content-Disposition: form-data; name="user"\r\n'
            b"Content-Type: application/json\r\n\r\n" + json.dumps(user).encode() + b"\r\n"
            + line + b'Content-Disposition: form-data; name="avatar"; filename="a"\r\n'
            b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + avatar + b"\r\n"
            + b"--" + boundary.encode() + b"--\r\n")
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
