"""Stands between a program and a server, passes everything on, and notes the heads of requests."""
import re
import socket
import threading


class Tap:
    """Connect to `port` instead of the server's."""

    def __init__(self, server_port):
        self.server_port = server_port
        self.heads = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.server_port))
            except OSError:
                client.close()
                continue
            for ends in ((client, server, self.heads), (server, client, None)):
                threading.Thread(target=self.pump, args=ends, daemon=True).start()

    @staticmethod
    def pump(source, sink, heads):
        try:
            while data := source.recv(65536):
                # A request's head comes whole, before its body.
                if heads is not None and re.match(rb"[A-Z]+ /\S* HTTP/1.1\r\n", data):
                    heads.append(data.partition(b"\r\n\r\n")[0].decode("latin-1"))
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def headers(self, method, name):
        """The values of a header in the requests with this method; None where it is not."""
        found = []
        for head in list(self.heads):
            if head.startswith(method + " "):
                value = re.search(rf"^{name}: (.*)$", head, re.MULTILINE | re.IGNORECASE)
                found.append(value.group(1).strip() if value else None)
        return found

    def close(self):
        self.listener.close()
