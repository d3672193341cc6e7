"""A stop loses no answer: what was under way is finished, and its reply is sent to the end."""
import http.client
import signal
import socket

from support import images


def test_a_slow_reader_gets_all_of_an_image(service):
    users = service(avatar_max="32MiB", stop_timeout="60s")
    image = images.png(1700, 1700)
    ada = users.create(avatar=image)["id"]
    with socket.socket() as reader:
        # What is not read soon waits in the service: it is far more than the kernel keeps.
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        reader.settimeout(60)
        reader.connect(("127.0.0.1", users.port))
        reader.sendall(f"GET /api/users/{ada}/avatar HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        reply = http.client.HTTPResponse(reader)
        reply.begin()
        users.process.child.send_signal(signal.SIGTERM)
        users.wait_for(lambda: '"stopping"' in users.log(), what="it to begin to stop")
        assert reply.read() == image
    users.stop()


def test_an_upload_that_ends_after_the_stop_is_refused(service):
    users = service(avatar_max="32MiB", stop_timeout="60s")
    image = images.png(1700, 1700)
    ada = users.create(avatar=image)["id"]
    small = images.png()
    with socket.socket() as reader, socket.create_connection(("127.0.0.1", users.port)) as late:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        reader.settimeout(60)
        reader.connect(("127.0.0.1", users.port))
        late.settimeout(60)
        late.sendall(f"PUT /api/users/{ada}/avatar HTTP/1.1\r\nHost: x\r\n"
                     f"Content-Length: {len(small)}\r\n\r\n".encode() + small[:-1])
        # Its answer, which is not read yet, holds the stop up.
        reader.sendall(f"GET /api/users/{ada}/avatar HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        held = http.client.HTTPResponse(reader)
        held.begin()
        users.process.child.send_signal(signal.SIGTERM)
        users.wait_for(lambda: '"stopping"' in users.log(), what="it to begin to stop")
        late.sendall(small[-1:])
        reply = http.client.HTTPResponse(late)
        reply.begin()
        assert reply.status == 503 and b"stopping" in reply.read()
        assert held.read() == image
    users.stop()
