"""Free ports on 127.0.0.1, below those that the kernel hands out to clients.

Test programs run side by side, and a port that one of them chose is free for all to see until
its server listens. So every program takes ports from blocks of its own: who holds a block's
first port, bound and never listened on, holds the block.
"""
import random
import socket

LOWEST, BELOW, BLOCK = 10000, 32720, 64
chooser = random.SystemRandom()
# Sockets on the first ports of this program's blocks, until it ends.
held = []
left = []


def bound(port):
    probe = socket.socket()
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        probe.close()
        return None
    return probe


def is_free(port):
    probe = bound(port)
    if probe:
        probe.close()
    return probe is not None


def free_block():
    """The ports of one more block, each free at this moment."""
    starts = list(range(LOWEST, BELOW, BLOCK))
    chooser.shuffle(starts)
    for start in starts:
        holder = bound(start)
        if holder:
            held.append(holder)
            return [port for port in range(start + 1, start + BLOCK) if is_free(port)]
    raise AssertionError("no free ports: all blocks are held")


def free_port():
    """A port that this program did not get before, and no other program gets."""
    while True:
        while left:
            port = left.pop()
            if is_free(port):
                return port
        left.extend(free_block())
