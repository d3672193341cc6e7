#!/usr/bin/python3
"""
Avatars for the demo: real PNG images, no two the same. As a program: one on standard output.
"""
import colorsys
import hashlib
import struct
import sys
import zlib

SIDE = 96
CELLS = 8


def chunk(kind, data):
    return (struct.pack(">I", len(data)) + kind + data
            + struct.pack(">I", zlib.crc32(kind + data)))


def avatar(name):
    """A mirrored pattern in a colour of its own, drawn from the digest of `name`."""
    digest = hashlib.sha256(name.encode()).digest()
    colour = bytes(round(255 * part) for part in colorsys.hls_to_rgb(digest[0] / 256, 0.5, 0.6))
    pale = bytes(255 - (255 - part) // 6 for part in colour)
    rows = []
    for row in range(CELLS):
        half = [colour if digest[1 + row] >> cell & 1 else pale for cell in range(CELLS // 2)]
        line = b"".join(dot * (SIDE // CELLS) for dot in half + half[::-1])
        rows += [b"\0" + line] * (SIDE // CELLS)
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
            + chunk(b"IDAT", zlib.compress(b"".join(rows))) + chunk(b"IEND", b""))


if __name__ == "__main__":
    sys.stdout.buffer.write(avatar(sys.argv[1] if len(sys.argv) > 1 else "Ada Lovelace"))
