"""Free ports on 127.0.0.1, below those that the kernel hands out to clients."""
import random
import socket

LOWEST, BELOW = 10000, 32768
chooser = random.SystemRandom()
# A port that was found is not in use yet: it must not be found again meanwhile.
found = set()


def free_port():
    for _ in range(1000):
        port = chooser.randrange(LOWEST, BELOW)
        if port in found:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.add(port)
        return port
    raise AssertionError("no free port found")
