"""
Real images in the four types, each different from every other, made without a library. They hold
nothing that is cleaned away, so that they come back as they were sent.
"""
import os
import struct
import zlib


def png(width=8, height=8, noise=None):
    """An RGB image of random dots; about 3 * width * height bytes."""
    rows = b"".join(b"\0" + (noise or os.urandom)(3 * width) for _ in range(height))

    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data
                + struct.pack(">I", zlib.crc32(kind + data)))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
            + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def jpeg(width=16, height=16):
    """A baseline image of one grey, told apart by its quantisation table."""

    def segment(marker, data):
        return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data

    def huffman(kind):
        # One code of one bit, for symbol 0: "no difference", and "end of block".
        return segment(0xC4, bytes([kind, 1] + [0] * 15 + [0]))

    blocks = -(-width // 8) * -(-height // 8)
    bits = "00" * blocks
    bits += "1" * (-len(bits) % 8)
    scan = bytes(int(bits[at:at + 8], 2) for at in range(0, len(bits), 8))
    return (b"\xff\xd8" + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
            + segment(0xDB, b"\0" + bytes(1 + part % 255 for part in os.urandom(64)))
            + segment(0xC0, struct.pack(">BHHBBBB", 8, height, width, 1, 1, 0x11, 0))
            + huffman(0x00) + huffman(0x10)
            + segment(0xDA, b"\1\1\0\0\x3f\0") + scan.replace(b"\xff", b"\xff\0") + b"\xff\xd9")


def gif():
    """One dot, told apart by its colours."""
    return (b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + os.urandom(6)
            + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0" + b"\x3b")


def webp(width=4, height=4):
    """A lossless image of one random colour: five codes of one symbol each say it all."""
    bits = []

    def put(value, count):
        bits.extend(value >> at & 1 for at in range(count))

    put(width - 1, 14)
    put(height - 1, 14)
    put(0, 1 + 3)  # no alpha; version
    put(0, 1 + 1 + 1)  # no transform, no colour cache, one set of codes
    for value in (*os.urandom(3), 255, 0):  # green, red, blue, alpha, distance
        put(1, 1)  # simple code
        put(0, 1)  # of one symbol
        put(1, 1)  # written in eight bits
        put(value, 8)
    bits += [0] * (-len(bits) % 8)
    data = b"\x2f" + bytes(sum(bit << at for at, bit in enumerate(bits[start:start + 8]))
                           for start in range(0, len(bits), 8))
    chunk = b"VP8L" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


MAKERS = {"image/png": png, "image/jpeg": jpeg, "image/gif": gif, "image/webp": webp}
