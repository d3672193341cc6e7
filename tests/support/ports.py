"""Free ports on 127.0.0.1, below those that the kernel hands out to clients."""
import random
import socket

LOWEST, BELOW = 10000, 32768
chooser = random.SystemRandom()


def free_port():
    for _ in range(1000):
        port = chooser.randrange(LOWEST, BELOW)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("no free port found")
