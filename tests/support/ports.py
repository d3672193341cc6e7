"""Free ports on 127.0.0.1, below those that the kernel hands out to clients.

Test programs run side by side, and a port that one of them chose is free for all to see until
its server listens. So every program takes ports from blocks of its own: who holds a block's
first port, bound and never listened on, holds the block. A program that asks all day goes round
its own: there are not blocks enough for every port to be given once.
"""
import collections
import random
import socket

LOWEST, BELOW, BLOCK = 10000, 32720, 64
chooser = random.SystemRandom()
# Sockets on the first ports of this program's blocks, until it ends.
held = []
# Its ports that it was not given yet; and those that it was, the one of longest ago first.
fresh = []
given = collections.deque()
# So many others are given before a port is again.
ROUND = 500


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
    """A port that this program was not given lately, and no other program gets."""
    while True:
        while fresh:
            port = fresh.pop()
            if is_free(port):
                given.append(port)
                return port
        for _ in range(len(given) if len(given) >= ROUND else 0):
            given.rotate(-1)
            if is_free(given[-1]):
                return given[-1]
        fresh.extend(free_block())


def forget():
    """What was free in another network says nothing of this one."""
    fresh.clear()
    given.clear()
