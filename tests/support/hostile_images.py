"""
Images that somebody should not get to see as they were sent, each made here, with what has to
become of it. Base images are drawn with Pillow; what is wrong with them is done by hand.

    hostile_images.py FOLDER    writes each as a file: seeds for the fuzz target
"""
import collections
import io
import pathlib
import struct
import sys
import zipfile
import zlib

from PIL import Image, ImageCms

SECRET = b"N 52.5163 E 13.3777"

# `outcome`: "clean", or the status that refuses it. `original`: an image that decodes to what the
# cleaned one has to decode to; the one that was sent unless told otherwise. `gone`: bytes that must
# not come out. `orientation`: what has to be left of it.
Case = collections.namedtuple("Case", "name content outcome original gone orientation")


def case(name, content, outcome="clean", original=None, gone=(SECRET,), orientation=None):
    return Case(name, content, outcome, original or content, gone, orientation)


# What is drawn.

def picture(mode="RGB", size=(12, 10), shift=0):
    image = Image.new("RGBA", size)
    image.putdata([(19 * x + shift & 255, 23 * y + 5 * shift & 255, 7 * x * y & 255,
                    255 if (x + y) % 3 else 90)
                   for y in range(size[1]) for x in range(size[0])])
    if mode == "P":
        return image.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    return image.convert(mode)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def moving(kind, mode="RGB", **options):
    first, *rest = (picture(mode, shift=40 * number) for number in range(3))
    return saved(first, kind, save_all=True, append_images=rest, duration=[70, 110, 200], loop=3,
                 **options)


def basics():
    """Name and bytes of honest images, of every kind that is taken."""
    rgb, grey = picture(), picture("L")
    yield "png", saved(rgb, "PNG")
    yield "png-rgba", saved(picture("RGBA"), "PNG")
    yield "png-palette", saved(picture("P"), "PNG", transparency=3)
    yield "png-grey", saved(grey, "PNG")
    yield "png-grey-16", saved(grey.convert("I"), "PNG")
    yield "png-bit", saved(picture("1"), "PNG")
    yield "png-moving", moving("PNG", "RGBA")
    yield "jpeg", saved(rgb, "JPEG", quality=90)
    yield "jpeg-444", saved(rgb, "JPEG", subsampling=0)
    yield "jpeg-progressive", saved(rgb, "JPEG", progressive=True)
    yield "jpeg-grey", saved(grey, "JPEG")
    yield "jpeg-cmyk", saved(rgb.convert("CMYK"), "JPEG")
    yield "jpeg-large", saved(picture(size=(200, 150)), "JPEG", optimize=True)
    yield "gif", saved(picture("P"), "GIF")
    yield "gif-transparent", saved(picture("P"), "GIF", transparency=2)
    yield "gif-moving", moving("GIF", "P")
    yield "webp-lossy", saved(rgb, "WEBP", quality=70)
    yield "webp-lossless", saved(rgb, "WEBP", lossless=True)
    yield "webp-alpha", saved(picture("RGBA"), "WEBP", quality=70)
    yield "webp-alpha-lossless", saved(picture("RGBA"), "WEBP", lossless=True)
    yield "webp-moving", moving("WEBP", "RGBA")
    yield "webp-moving-lossless", moving("WEBP", "RGBA", lossless=True)


# How each kind is taken apart and put together.

def chunk(kind, data=b"", sum_of=None):
    return (struct.pack(">I", len(data)) + kind + data
            + struct.pack(">I", zlib.crc32(kind + data) if sum_of is None else sum_of))


def png_parts(content):
    """The signature, then whole chunks."""
    parts, at = [content[:8]], 8
    while at < len(content):
        size = 12 + struct.unpack_from(">I", content, at)[0]
        parts.append(content[at:at + size])
        at += size
    return parts


def png_kind(part):
    return part[4:8]


def png_with(content, *added, before=b"IDAT"):
    parts = png_parts(content)
    at = next(number for number, part in enumerate(parts) if number and png_kind(part) == before)
    return b"".join(parts[:at] + list(added) + parts[at:])


def png_of(*chunks):
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def header(width, height, depth=8, colour=2, interlace=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def segment(marker, data):
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg_with(content, *added):
    """Segments behind the start, where cameras put theirs."""
    return content[:2] + b"".join(added) + content[2:]


def jpeg_before(content, marker, *added):
    at = content.index(b"\xff" + bytes([marker]))
    return content[:at] + b"".join(added) + content[at:]


def gif_head_size(content):
    return 13 + (3 << (content[10] & 7) + 1 if content[10] & 0x80 else 0)


def blocks(data):
    return b"".join(bytes([len(data[at:at + 255])]) + data[at:at + 255]
                    for at in range(0, len(data), 255)) + b"\0"


def gif_with(content, *added):
    at = gif_head_size(content)
    return content[:at] + b"".join(added) + content[at:]


def riff_chunk(kind, data):
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def riff(*chunks):
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_parts(content):
    parts, at = [], 12
    while at < len(content):
        size = struct.unpack_from("<I", content, at + 4)[0]
        parts.append(content[at:at + 8 + size + size % 2])
        at += 8 + size + size % 2
    return parts


def webp_head(width, height, flags):
    return riff_chunk(b"VP8X", bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little")
                      + (height - 1).to_bytes(3, "little"))


def webp_with(content, *added, flags=0, front=()):
    """The extended form of an image, with chunks before and behind its data."""
    parts = webp_parts(content)
    if parts[0][:4] == b"VP8X":
        parts[0] = parts[0][:8] + bytes([parts[0][8] | flags]) + parts[0][9:]
    else:
        parts.insert(0, webp_head(12, 10, flags))
    return riff(parts[0], *front, *parts[1:], *added)


# What is put into them.

def exif(orientation=None, big=False, thumbnail=b"", marked=False):
    """EXIF of a camera that knows where it is: a description, the place, a small image."""
    order = ">" if big else "<"
    texts, entries = b"", []
    count = (orientation is not None) + 2
    texts_at = 8 + 2 + 12 * count + 4

    def entry(tag, kind, values, number):
        return struct.pack(order + "HHI", tag, kind, values) + number

    def long(value):
        return struct.pack(order + "I", value)

    entries.append(entry(0x010E, 2, len(SECRET), long(texts_at)))
    texts += SECRET + b"\0" * (len(SECRET) % 2)
    if orientation is not None:
        entries.append(entry(0x0112, 3, 1, struct.pack(order + "HH", orientation, 0)))
    entries.append(entry(0x8825, 4, 1, long(texts_at + len(texts))))
    texts += struct.pack(order + "H", 1) + entry(0x0001, 2, 2, b"N\0\0\0") + long(0)
    second = texts_at + len(texts) if thumbnail else 0
    if thumbnail:
        data_at = texts_at + len(texts) + 2 + 24 + 4
        texts += (struct.pack(order + "H", 2) + entry(0x0201, 4, 1, long(data_at))
                  + entry(0x0202, 4, 1, long(len(thumbnail))) + long(0) + thumbnail)
    head = (b"MM\0*" if big else b"II*\0") + long(8)
    return ((b"Exif\0\0" if marked else b"") + head + struct.pack(order + "H", count)
            + b"".join(entries) + long(second) + texts)


def xmp():
    return b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + SECRET + b"</x:xmpmeta>"


def profile(name=SECRET.decode(), gamma=None):
    """sRGB, or of another curve, under a name that nobody else has to know."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    if gamma is not None:
        at = made.index(b"para")
        made[at + 12:at + 16] = struct.pack(">i", round(gamma * 65536))
    # One more tag, such as displays have with their serial number.
    count = struct.unpack_from(">I", made, 128)[0]
    data = b"text\0\0\0\0" + name.encode() + b"\0"
    table = bytearray(made[132:132 + 12 * count])
    for at in range(0, len(table), 12):
        struct.pack_into(">I", table, at + 4, struct.unpack_from(">I", table, at + 4)[0] + 12)
    body = made[132 + 12 * count:]
    body += b"\0" * (-len(body) % 4)
    table += b"mmod" + struct.pack(">II", 144 + 12 * count + len(body), len(data))
    whole = made[:128] + struct.pack(">I", count + 1) + table + body + data
    struct.pack_into(">I", whole, 0, len(whole))
    return bytes(whole)


def archive():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("META-INF/MANIFEST.MF", SECRET)
    return out.getvalue()


def payloads():
    """Name and bytes of what is hidden in images, behind or between."""
    yield "html", b"<!DOCTYPE html><html><script>alert(1)</script></html>" + SECRET
    yield "svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>" + SECRET
    yield "js", b"*/=1;alert(document.domain)/*" + SECRET
    yield "zip", archive()
    yield "pdf", b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>" + SECRET
    yield "phar", b"<?php system($_GET['c']); __HALT_COMPILER(); ?>\r\n" + SECRET
    yield "mp4", struct.pack(">I", 24) + b"ftypisom\0\0\2\0isomiso2" + b"\0\0\0\x1bmdat" + SECRET
    yield "elf", b"\x7fELF\2\1\1" + bytes(9) + SECRET
    yield "shell", b"\n#!/bin/sh\nrm -rf /\n" + SECRET
    yield "image", saved(picture(shift=99), "JPEG", comment=SECRET)


def hide_png(content, data):
    return png_with(content, chunk(b"tEXt", b"Comment\0" + data))


def hide_jpeg(content, data):
    return jpeg_with(content, segment(0xFE, data))


def hide_gif(content, data):
    return gif_with(content, b"\x21\xfe" + blocks(data))


def hide_webp(content, data):
    return webp_with(content, riff_chunk(b"EVIL", data))


HIDERS = {"png": hide_png, "jpeg": hide_jpeg, "gif": hide_gif, "webp-lossy": hide_webp}


def polyglots(base):
    for name, hide in HIDERS.items():
        for kind, data in payloads():
            yield case(f"{name}, {kind} behind it", base[name] + data, gone=(SECRET, data),
                       original=base[name])
            yield case(f"{name}, {kind} in it", hide(base[name], data), gone=(SECRET, data),
                       original=base[name])


def stored(rows):
    """Compressed by not compressing: what the pixels spell stands in the file."""
    packer = zlib.compressobj(0)
    return packer.compress(rows) + packer.flush()


def spelling(data):
    """A PNG whose pixels are these bytes."""
    data += b"\0" * (-len(data) % 3)
    return png_of(header(len(data) // 3, 1), chunk(b"IDAT", stored(b"\0" + data)), chunk(b"IEND"))


def pixels_that_spell():
    for kind, data in payloads():
        if kind in ("html", "phar", "zip", "pdf"):
            yield case(f"png, {kind} in its pixels", spelling(data), 422)
    yield case("png, zip behind its pixels' end",
               png_of(header(1, 1), chunk(b"IDAT", zlib.compress(bytes(4)) + archive()),
                      chunk(b"IEND")), 422)
    for word in (b"<ScRiPt src=x>", b"<IFRAME", b"<?PHP\n"):
        yield case(f"png, {word.decode().strip()} in its pixels", spelling(word + bytes(9)), 422)
    # As in a photograph, by chance.
    yield case("png, marks of no consequence in its pixels",
               spelling(b"PK\5\6 <scrip <?phpx %PDX- __HALT <htm"), gone=())


# Metadata, kind by kind.

def orientations(base):
    for value in range(1, 9):
        for big in (False, True):
            content = jpeg_with(base["jpeg"], segment(0xE1, b"Exif\0\0" + exif(value, big)))
            yield case(f"jpeg turned {value}, {'big' if big else 'little'}-endian", content,
                       orientation=value if value > 1 else None)
    yield case("png turned", png_with(base["png"], chunk(b"eXIf", exif(6))), orientation=6)
    yield case("png turned behind its data",
               png_with(base["png"], chunk(b"eXIf", exif(8, big=True)), before=b"IEND"),
               orientation=8)
    yield case("webp turned", webp_with(base["webp-lossy"], riff_chunk(b"EXIF", exif(3)), flags=8),
               orientation=3)
    yield case("webp turned, with the mark of JPEG",
               webp_with(base["webp-lossless"], riff_chunk(b"EXIF", exif(5, marked=True)), flags=8),
               orientation=5)
    yield case("webp that moves, turned",
               webp_with(base["webp-moving"], riff_chunk(b"EXIF", exif(6)), flags=8),
               orientation=6)
    for value in (0, 9, 65535):
        yield case(f"jpeg turned by {value}, which is no way to turn",
                   jpeg_with(base["jpeg"], segment(0xE1, b"Exif\0\0" + exif(value))))
    yield case("jpeg turned twice: the first counts",
               jpeg_with(base["jpeg"], segment(0xE1, b"Exif\0\0" + exif(6)),
                         segment(0xE1, b"Exif\0\0" + exif(3))),
               gone=(SECRET, b"\1\x12\0\3\0\0\0\1\0\3"), orientation=6)


def jpeg_metadata(base):
    jpeg, small = base["jpeg"], saved(picture(shift=9), "JPEG", comment=SECRET)
    yield case("jpeg with place and thumbnail",
               jpeg_with(jpeg, segment(0xE1, b"Exif\0\0" + exif(6, thumbnail=small))),
               orientation=6)
    yield case("jpeg with exif that points into nothing",
               jpeg_with(jpeg, segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff" + SECRET)))
    yield case("jpeg with exif of endless entries",
               jpeg_with(jpeg, segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + SECRET)))
    yield case("jpeg with exif that is cut", original=jpeg,
               content=jpeg_with(jpeg, segment(0xE1, b"Exif\0\0II*\0\x08")))
    yield case("jpeg with xmp",
               jpeg_with(jpeg, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp())))
    yield case("jpeg with iptc",
               jpeg_with(jpeg, segment(0xED, b"Photoshop 3.0\x008BIM\4\4\0\0" + SECRET)))
    yield case("jpeg with several images",
               jpeg_with(jpeg, segment(0xE2, b"MPF\0" + SECRET)) + small, original=jpeg)
    yield case("jpeg with an extended thumbnail",
               jpeg_with(jpeg, segment(0xE0, b"JFXX\0\x10" + small)))
    yield case("jpeg with a jfif thumbnail",
               jpeg[:2] + segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\3\3" + SECRET + bytes(8))
               + jpeg[20:], original=jpeg)
    for marker in (0xE3, 0xE7, 0xEB, 0xEF):
        yield case(f"jpeg with application segment {marker - 0xE0}",
                   jpeg_with(jpeg, segment(marker, SECRET)))
    yield case("jpeg with a comment between its tables",
               jpeg_before(jpeg, 0xC0, segment(0xFE, SECRET)))
    progressive = base["jpeg-progressive"]
    second = progressive.index(b"\xff\xda", progressive.index(b"\xff\xda") + 2)
    yield case("jpeg with a comment between its scans",
               progressive[:second] + segment(0xFE, SECRET) + segment(0xE1, b"Exif\0\0" + exif(6))
               + progressive[second:], original=progressive, gone=(SECRET, b"Exif"))
    yield case("jpeg with fill bytes", jpeg_before(jpeg, 0xC0, b"\xff" * 99), gone=(b"\xff" * 9,))
    # Without JFIF, this mark alone says what the numbers of the pixels are.
    for name, coding in (("jpeg-444", 0), ("jpeg-444", 1), ("jpeg-cmyk", 0), ("jpeg-cmyk", 2)):
        bare = base[name][:2] + base[name][base[name].index(b"\xff\xdb"):]
        mark = b"Adobe\0\x64\x12\x34\x56\x78" + bytes([coding])
        yield case(f"{name} of adobe's coding {coding}, with more behind it",
                   jpeg_with(bare, segment(0xEE, mark + SECRET)),
                   gone=(SECRET, b"\x12\x34\x56\x78"))


def png_metadata(base):
    png = base["png"]
    for kind, data in ((b"tEXt", b"Comment\0" + SECRET),
                       (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp()),
                       (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(SECRET)),
                       (b"tIME", b"\x07\xea\1\2\3\4\5"), (b"pHYs", b"\0\0\x0b\x12\0\0\x0b\x12\1"),
                       (b"sPLT", b"a\0\x08" + SECRET), (b"bKGD", bytes(6)), (b"prVt", SECRET)):
        yield case(f"png with {kind.decode()}", png_with(png, chunk(kind, data)),
                   gone=(SECRET, kind))
    yield case("png with text behind its data",
               png_with(png, chunk(b"tEXt", b"Comment\0" + SECRET), before=b"IEND"))
    yield case("png with a suggested palette", png_with(png, chunk(b"PLTE", SECRET + b"abcde")))
    yield case("png with gamma and chromaticities",
               png_with(png, chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"cHRM", bytes(32)),
                        chunk(b"gAMA", b"xxxx"), chunk(b"sRGB", SECRET)), gone=(b"xxxx", SECRET))
    yield case("png with frames, which does not move", original=png,
               content=png_with(png, chunk(b"fcTL", SECRET + bytes(7)), chunk(b"fdAT", SECRET)))
    yield case("png that moves, with text between its frames",
               png_with(base["png-moving"], chunk(b"tEXt", b"Comment\0" + SECRET), before=b"fdAT"))


def gif_metadata(base):
    gif, moving_gif = base["gif"], base["gif-moving"]
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    yield case("gif with xmp",
               gif_with(gif, b"\x21\xff\x0bXMP DataXMP" + xmp() + trailer))
    yield case("gif with a profile", gif_with(gif, b"\x21\xff\x0bICCRGBG1012" + blocks(SECRET)))
    yield case("gif with a text", gif_with(gif, b"\x21\x01\x0c" + bytes(12) + blocks(SECRET)))
    yield case("gif with an unknown extension", gif_with(gif, b"\x21\x77" + blocks(SECRET)))
    yield case("gif with a comment behind its image",
               gif[:-1] + b"\x21\xfe" + blocks(SECRET) + b";")
    yield case("gif that moves, with a comment after a timing",
               moving_gif.replace(b"\x21\xf9", b"\x21\xfe" + blocks(SECRET) + b"\x21\xf9"))
    yield case("gif that says twice how often",
               gif_with(moving_gif, b"\x21\xff\x0bNETSCAPE2.0\3\1\7\0" b"\0"),
               original=moving_gif.replace(b"NETSCAPE2.0\3\1\3\0", b"NETSCAPE2.0\3\1\7\0"))
    yield case("gif that hides bytes behind how often", original=gif,
               content=gif_with(gif, b"\x21\xff\x0bNETSCAPE2.0\3\1\0\0" + blocks(SECRET)))
    yield case("gif that hides bytes in how often", original=gif,
               content=gif_with(gif, b"\x21\xff\x0bNETSCAPE2.0" + blocks(b"\1\0\0" + SECRET)))


def webp_metadata(base):
    for name in ("webp-lossy", "webp-alpha", "webp-moving"):
        content = base[name]
        with_xmp = webp_with(content, riff_chunk(b"XMP ", xmp()), flags=4)
        # The head as it was would say that there is some.
        yield case(f"{name} with xmp", with_xmp, gone=(SECRET, with_xmp[12:21]))
        yield case(f"{name} with place", webp_with(content, riff_chunk(b"EXIF", exif()), flags=8))
    yield case("webp with a chunk behind a simple image",
               riff(*webp_parts(base["webp-lossless"]), riff_chunk(b"ABCD", SECRET)))
    moving_webp = base["webp-moving"]
    parts = webp_parts(moving_webp)
    for number, part in enumerate(parts):
        if part[:4] == b"ANMF":
            data = part[8:] + riff_chunk(b"EVIL", SECRET)
            parts[number] = riff_chunk(b"ANMF", data)
    yield case("webp with chunks in its frames", riff(*parts))
    yield case("webp with bits that mean nothing",
               base["webp-alpha"][:21] + b"\x77\x77\x77" + base["webp-alpha"][24:],
               gone=(b"\x77\x77\x77",))


def profiles(base):
    name = b"Some display\0\0"
    for gamma in (None, 1.0):
        made = profile(gamma=gamma)
        what = "its own colours" if gamma else "a profile"
        yield case(f"jpeg of {what}",
                   jpeg_with(base["jpeg"], segment(0xE2, b"ICC_PROFILE\0\1\1" + made)))
        yield case(f"png of {what}",
                   png_with(base["png"], chunk(b"iCCP", name + zlib.compress(made) + SECRET)),
                   gone=(SECRET, name))
        yield case(f"webp of {what}",
                   webp_with(base["webp-lossless"], flags=0x20, front=[riff_chunk(b"ICCP", made)]))


    first, second = (chunk(b"iCCP", name + zlib.compress(profile(gamma=gamma)))
                     for gamma in (1.0, None))
    yield case("png of two profiles: the first counts", png_with(base["png"], first, second),
               original=png_with(base["png"], first))


def broken_profiles(base):
    """Each is dropped, and the image stays."""
    made = profile()
    for what, data in (("of nothing", b""), ("of words", SECRET * 20), ("that is cut", made[:200]),
                       ("that is endless", b"\xff\xff\xff\xff" + made[4:]),
                       ("of a printer", made[:12] + b"prtr" + made[16:]),
                       ("of endless tags", made[:128] + b"\xff\xff\xff\xff" + made[132:]),
                       ("of an endless tag", made[:140] + b"\xff\xff\xff\xff" + made[144:]
                        .replace(b"rXYZ", b"rXYy", 1)),
                       ("without primaries", made.replace(b"rXYZ", b"rXYy")),
                       ("of a program", b"<?php echo 1; ?>" + made[16:])):
        yield case(f"jpeg with a profile {what}", original=base["jpeg"],
                   content=jpeg_with(base["jpeg"], segment(0xE2, b"ICC_PROFILE\0\1\1" + data)),
                   gone=(SECRET, b"ICC_PROFILE"))
    yield case("jpeg with a profile in two parts", original=base["jpeg"],
               content=jpeg_with(base["jpeg"], segment(0xE2, b"ICC_PROFILE\0\1\2" + made[:300]),
                                 segment(0xE2, b"ICC_PROFILE\0\2\2" + made[300:])),
               gone=(SECRET, b"ICC_PROFILE"))
    bomb = zlib.compress(bytes(9 << 20))
    yield case("png with a profile that unpacks to a bomb", original=base["png"],
               content=png_with(base["png"], chunk(b"iCCP", b"a\0\0" + bomb)), gone=(b"iCCP",))
    yield case("png with a profile that does not unpack", original=base["png"],
               content=png_with(base["png"], chunk(b"iCCP", b"a\0\0" + SECRET)),
               gone=(SECRET, b"iCCP"))


# Too large for whoever shows it.

def bombs(base):
    data = chunk(b"IDAT", zlib.compress(bytes(1 << 16)))
    for width, height in ((30000, 30000), (10001, 1), (1, 10001), (5001, 5000), (2**31 - 1, 1)):
        yield case(f"png of {width} x {height}",
                   png_of(header(width, height), data, chunk(b"IEND")), 413)
    jpeg = base["jpeg"]
    frame = jpeg.index(b"\xff\xc0") + 5
    for width, height in ((65535, 65535), (10001, 8), (8, 65500)):
        yield case(f"jpeg of {width} x {height}",
                   jpeg[:frame] + struct.pack(">HH", height, width) + jpeg[frame + 4:], 413)
    gif = base["gif"]
    yield case("gif of 65535 x 65535", gif[:6] + b"\xff\xff\xff\xff" + gif[10:], 413)
    at = gif.index(b"\x2c", gif_head_size(gif))
    yield case("gif with a frame of 65535 x 65535",
               gif[:at + 5] + b"\xff\xff\xff\xff" + gif[at + 9:], 413)
    yield case("gif with a frame far out", gif[:at + 1] + b"\xff\xff\xff\xff" + gif[at + 5:], 413)
    frame = gif[at:-1]
    yield case("gif of 1001 frames", gif[:at] + frame * 1001 + b";", 413)
    yield case("webp of 16384 x 16384", webp_with(riff(webp_head(16384, 16384, 0),
                                                       *webp_parts(base["webp-lossy"]))), 413)
    lossless = webp_parts(base["webp-lossless"])[0]
    yield case("webp of 16384 x 16384, lossless",
               riff(lossless[:9] + b"\xff\xff\xff\x0f" + lossless[13:]), 413)
    lossy = webp_parts(base["webp-lossy"])[0]
    yield case("webp of 16383 x 16383, lossy",
               riff(lossy[:14] + b"\xff\x3f\xff\x3f" + lossy[18:]), 413)
    scan = jpeg.index(b"\xff\xda")
    yield case("jpeg of 101 scans", jpeg[:scan] + jpeg[scan:-2] * 101 + jpeg[-2:], 413)
    frames = b"".join(
        chunk(b"fcTL", struct.pack(">IIIIIHHBB", 2 * number, 1, 1, 0, 0, 1, 1, 0, 0))
        + chunk(b"fdAT", struct.pack(">I", 2 * number + 1) + zlib.compress(bytes(4)))
        for number in range(1001))
    yield case("png of 1001 frames",
               png_of(header(1, 1), chunk(b"acTL", struct.pack(">II", 1001, 0)),
                      chunk(b"IDAT", zlib.compress(bytes(4))), frames, chunk(b"IEND")), 413)


# Wrong in themselves.

def damages(base):
    for name in ("png", "png-moving", "jpeg", "jpeg-progressive", "gif", "gif-moving",
                 "webp-lossy", "webp-lossless", "webp-moving"):
        content = base[name]
        yield case(f"{name}, its end missing", content[:-1], 422)
        yield case(f"{name}, half of it", content[:len(content) // 2], 422)
    yield from png_damages(base)
    yield from jpeg_damages(base)
    yield from other_damages(base)


def png_damages(base):
    png, palette, moving_png = base["png"], base["png-palette"], base["png-moving"]
    head, data, end = (png_parts(png)[at] for at in (1, 2, -1))
    for at, what in ((1, "header"), (2, "data"), (-1, "end")):
        parts = png_parts(png)
        parts[at] = parts[at][:-1] + bytes([parts[at][-1] ^ 1])
        yield case(f"png, the checksum of its {what} wrong", b"".join(parts), 422)
    yield case("png, the checksum of a text wrong",
               png_with(png, chunk(b"tEXt", b"a\0b", sum_of=1)), 422)
    yield case("png without data", png_of(head, end), 422)
    yield case("png with two headers", png_of(head, head, data, end), 422)
    yield case("png with its data first", png_of(data, head, end), 422)
    yield case("png with data in two places",
               png_of(head, data, chunk(b"tEXt", b"a\0b"), data, end), 422)
    yield case("png with an unknown critical chunk", png_with(png, chunk(b"EVIL", SECRET)), 422)
    yield case("png with more in its end", png_of(head, data, chunk(b"IEND", SECRET)), 422)
    yield case("png of no width", png_of(header(0, 1), data, end), 422)
    for depth, colour in ((3, 0), (16, 3), (4, 2), (8, 1), (8, 7), (0, 0), (1, 6)):
        yield case(f"png of depth {depth} and colour type {colour}",
                   png_of(header(1, 1, depth, colour), data, end), 422)
    yield case("png that is woven in an unknown way",
               png_of(header(1, 1, interlace=2), data, end), 422)
    parts = png_parts(palette)
    without = [part for part in parts[1:] if png_kind(part) not in (b"PLTE", b"tRNS")]
    yield case("png without its palette", png_of(*without), 422)
    yield case("png with half a palette",
               png_of(header(1, 1, 8, 3), chunk(b"PLTE", b"abcd"), data, end), 422)
    yield case("png with a palette of too many",
               png_of(header(1, 1, 1, 3), chunk(b"PLTE", bytes(9)), data, end), 422)
    yield case("png with transparency for more than it has",
               png_of(header(1, 1, 8, 3), chunk(b"PLTE", bytes(3)), chunk(b"tRNS", bytes(2)), data,
                      end), 422)
    parts = png_parts(moving_png)
    frames = [number for number, part in enumerate(parts) if png_kind(part) == b"fcTL"]
    yield case("png that says it moves and does not",
               png_with(png, chunk(b"acTL", struct.pack(">II", 3, 0))), 422)
    yield case("png with more frames than it says",
               moving_png.replace(parts[2], chunk(b"acTL", struct.pack(">II", 2, 3))), 422)
    yield case("png whose last frame is empty",
               png_of(header(1, 1), chunk(b"acTL", struct.pack(">II", 1, 0)),
                      chunk(b"IDAT", zlib.compress(bytes(4))),
                      chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 1, 1, 0, 0, 1, 1, 0, 0)), end),
               422)
    yield case("png with a frame lost", b"".join(parts[:frames[1]] + parts[frames[2]:]), 422)
    yield case("png with frames in the wrong order",
               b"".join(parts[:frames[1]] + parts[frames[2]:-1]
                        + parts[frames[1]:frames[2]] + parts[-1:]), 422)
    outside = bytearray(parts[frames[1]][8:-4])
    struct.pack_into(">I", outside, 12, 12)
    yield case("png with a frame outside",
               b"".join(parts[:frames[1]] + [chunk(b"fcTL", bytes(outside))]
                        + parts[frames[1] + 1:]), 422)


def jpeg_damages(base):
    jpeg = base["jpeg"]
    for at, byte, what in ((0xC3, None, "lossless"), (0xC9, None, "arithmetic codes"),
                           (0xC5, None, "hierarchy")):
        yield case(f"jpeg of {what}", jpeg.replace(b"\xff\xc0", bytes([0xFF, at]), 1), 422)
    frame = jpeg.index(b"\xff\xc0")
    yield case("jpeg of twelve bits", jpeg[:frame + 4] + b"\x0c" + jpeg[frame + 5:], 422)
    yield case("jpeg of no height", jpeg[:frame + 5] + b"\0\0" + jpeg[frame + 7:], 422)
    size = 2 + struct.unpack_from(">H", jpeg, frame + 2)[0]
    yield case("jpeg with two frames", jpeg_before(jpeg, 0xC0, jpeg[frame:frame + size]), 422)
    yield case("jpeg without a frame", jpeg[:frame] + jpeg[frame + size:], 422)
    yield case("jpeg with a table that has more in it",
               jpeg_before(jpeg, 0xC0, segment(0xDB, b"\0" + bytes([9] * 64) + SECRET)), 422)
    yield case("jpeg with codes that have more behind them",
               jpeg_before(jpeg, 0xDA, segment(0xC4, b"\0" + bytes(16) + SECRET)), 422)
    yield case("jpeg with an interval that has more in it",
               jpeg_before(jpeg, 0xC0, segment(0xDD, b"\0\0" + SECRET)), 422)
    yield case("jpeg with words between its segments", jpeg_before(jpeg, 0xC0, SECRET), 422)
    yield case("jpeg in a jpeg", jpeg_before(jpeg, 0xC0, jpeg), 422)
    yield case("jpeg with a restart where none belongs", jpeg_before(jpeg, 0xC0, b"\xff\xd0"), 422)
    yield case("jpeg with a segment that stands for nothing",
               jpeg_before(jpeg, 0xC0, segment(0xF3, SECRET)), 422)
    yield case("jpeg with a scan of a stranger",
               jpeg.replace(b"\xff\xda\0\x0c\3\1", b"\xff\xda\0\x0c\3\x99"), 422)
    yield case("jpeg that is a start alone", b"\xff\xd8\xff\xd9", 422)


def other_damages(base):
    gif, lossy, moving_webp = base["gif"], base["webp-lossy"], base["webp-moving"]
    at = gif.index(b"\x2c", gif_head_size(gif))
    yield case("gif without a frame", gif[:at] + b";", 422)
    yield case("gif of no width", gif[:6] + b"\0\0" + gif[8:], 422)
    yield case("gif with a frame of no width", gif[:at + 5] + b"\0\0" + gif[at + 7:], 422)
    yield case("gif with an unknown block", gif[:at] + b"\x99" + gif[at:], 422)
    yield case("gif with codes of 99 bits", gif[:at + 10] + b"\x63" + gif[at + 11:], 422)
    yield case("gif with an empty frame", gif[:at + 11] + b"\0;", 422)
    yield case("gif with a timing that hides bytes",
               gif_with(gif, b"\x21\xf9" + blocks(bytes(4) + SECRET)), 422)
    yield case("webp without an image", riff(webp_head(1, 1, 8), riff_chunk(b"EXIF", exif())), 422)
    yield case("webp of nothing", riff(), 422)
    head, alpha, data = webp_parts(base["webp-alpha"])
    yield case("webp with alpha twice", riff(head, alpha, alpha, data), 422)
    yield case("webp with alpha behind its image", riff(head, data, alpha), 422)
    yield case("webp with empty alpha", riff(head, riff_chunk(b"ALPH", b""), data), 422)
    yield case("webp of two images", webp_with(lossy, *webp_parts(lossy)), 422)
    yield case("webp of two sizes", riff(webp_head(13, 10, 0), *webp_parts(lossy)), 422)
    yield case("webp of half a key frame",
               riff(riff_chunk(b"VP8 ", webp_parts(lossy)[0][8:16])), 422)
    yield case("webp of no key frame",
               lossy[:20] + bytes([lossy[20] | 1]) + lossy[21:], 422)
    parts = webp_parts(moving_webp)
    yield case("webp that moves without saying how",
               riff(*(part for part in parts if part[:4] != b"ANIM")), 422)
    yield case("webp that moves without saying so",
               riff(webp_head(12, 10, 0x10), *parts[1:]), 422)
    yield case("webp that says it moves and does not",
               riff(*(part for part in parts if part[:4] != b"ANMF")), 422)
    number = next(number for number, part in enumerate(parts) if part[:4] == b"ANMF")
    frame = parts[number]
    yield case("webp with a frame outside",
               riff(*parts[:number], frame[:8] + b"\x40" + frame[9:], *parts[number + 1:]), 422)
    yield case("webp with an empty frame",
               riff(*parts[:number], riff_chunk(b"ANMF", frame[8:24])), 422)
    yield case("webp with a frame longer than itself",
               riff(*parts[:number], frame[:4] + b"\xf0\xff\xff\xff" + frame[8:]), 422)


def cases():
    base = dict(basics())
    for name, content in base.items():
        yield case(f"{name}, as it is", content)
    for group in (polyglots, orientations, jpeg_metadata, png_metadata, gif_metadata,
                  webp_metadata, profiles, broken_profiles, bombs, damages):
        yield from group(base)
    yield from pixels_that_spell()


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    for made in cases():
        name = "".join(letter if letter.isalnum() else "-" for letter in made.name)
        (folder / name).write_bytes(made.content)
