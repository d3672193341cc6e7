"""
Requests as bytes, and what a server should make of them.

ACCEPT    every request in it is answered with a 2xx, in order, and nothing else is
REFUSE    at most one reply, 400 to 499, 501 or 505, then the connection closes: what follows the
          fault on the connection is never taken for a request
EITHER    accepted, or refused as above

`must` tells what RFC 9110 and 9112 demand from what they leave open, where readers differ, and
where differing readers in a row are what request smuggling lives on.
"""
import dataclasses
import json

ACCEPT, REFUSE, EITHER = "accept", "refuse", "either"

GET = b"GET /api/health HTTP/1.1\r\n"
POST = b"POST /api/users HTTP/1.1\r\n"
HOST = b"Host: localhost\r\n"
END = b"\r\n"
# Sent behind every faulty request: whoever answers it was led astray.
SMUGGLED = GET + HOST + END
USER = json.dumps({"firstName": "Ada", "lastName": "Lovelace", "userName": "ada",
                   "email": "ada@example.org"}).encode()
LENGTH = b"Content-Length: %d\r\n" % len(USER)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNK = b"%x\r\n" % len(USER) + USER + b"\r\n"
LAST_CHUNK = b"0\r\n\r\n"

ALL = []


@dataclasses.dataclass(frozen=True)
class Vector:
    group: str
    name: str
    data: bytes
    expect: str
    must: bool = False
    requests: int = 1  # how many of them are to be answered
    note: str = ""


def accept(group, name, data, requests=1, must=True, note=""):
    ALL.append(Vector(group, name, data, ACCEPT, must, requests, note))


def refuse(group, name, data, must=False, note=""):
    ALL.append(Vector(group, name, data + SMUGGLED, REFUSE, must, 0, note))


def either(group, name, data, note=""):
    ALL.append(Vector(group, name, data, EITHER, False, 1, note))


def fields(*lines):
    """A GET with these lines behind Host, each with its own end."""
    return GET + HOST + b"".join(lines) + END


def line(first, host=HOST):
    """A head with this request line."""
    return first + b"\r\n" + host + END


def hosts(*lines, version=b"1.1"):
    return b"GET /api/health HTTP/" + version + b"\r\n" + b"".join(lines) + END


def body(*lines, of=USER):
    """A POST with these lines behind Host."""
    return POST + HOST + b"".join(lines) + END + of


# Heads that are right: refusing them would be as wrong.
accept("legal", "a plain request", SMUGGLED)
accept("legal", "three requests in one piece", SMUGGLED * 3, requests=3)
accept("legal", "HTTP/1.0 with Host", hosts(HOST, version=b"1.0"))
accept("legal", "HTTP/1.0 without Host", hosts(version=b"1.0"))
either("legal", "an empty line before the request", b"\r\n" + SMUGGLED,
       note="RFC 9112, 2.2: SHOULD be ignored; ours cannot tell it from a line of junk")
accept("legal", "a query", line(b"GET /api/health?a=b&c=%64&e HTTP/1.1"))
accept("legal", "an encoded path", line(b"GET /api/%68ealth HTTP/1.1"))
accept("legal", "a target of 8,000 bytes", line(b"GET /api/health?" + b"a" * 7984 + b" HTTP/1.1"),
       must=False, note="RFC 9112, 3: RECOMMENDED")
accept("legal", "absolute form", line(b"GET http://localhost/api/health HTTP/1.1"),
       note="RFC 9112, 3.2.2")
accept("legal", "absolute form, in capitals",
       line(b"GET HTTP://LOCALHOST:80/api/health?a HTTP/1.1", b"Host: localhost:80\r\n"))
accept("legal", "Host with a port", hosts(b"Host: localhost:8080\r\n"))
accept("legal", "Host with an IPv6 address", hosts(b"Host: [::1]:8080\r\n"))
accept("legal", "Host with an empty port", hosts(b"Host: localhost:\r\n"))
accept("legal", "names in any case", hosts(b"hOsT: localhost\r\n", b"ACCEPT: */*\r\n"))
accept("legal", "an empty value", fields(b"X:\r\n"))
accept("legal", "blanks around a value", fields(b"X: \t y \t \r\n"))
accept("legal", "a tab in a value", fields(b"X: a\tb\r\n"))
accept("legal", "8-bit bytes in a value", fields(b"X: \xc3\xa9\xff\r\n"))
accept("legal", "every character of a name", fields(b"!#$%&'*+-.^_`|~09azAZ: x\r\n"))
accept("legal", "colons in a value", fields(b"X: a:b::c\r\n"))
accept("legal", "fifty headers", fields(*(b"X%d: y\r\n" % n for n in range(50))), must=False)
accept("legal", "a value of 4,000 bytes", fields(b"X: " + b"y" * 4000 + b"\r\n"), must=False)
accept("legal", "a repeated list header", fields(b"Accept: a/b\r\n", b"Accept: c/d\r\n"))
accept("legal", "an unknown Upgrade", fields(b"Connection: Upgrade\r\n", b"Upgrade: x/1\r\n"))
accept("legal", "a body, and a request behind it",
       body(b"Content-Type: application/json\r\n", LENGTH) + SMUGGLED, requests=2)
accept("legal", "a length with leading zeros",
       body(b"Content-Type: application/json\r\n", b"Content-Length: 000%d\r\n" % len(USER))
       + SMUGGLED, requests=2)
accept("legal", "a body of a GET, and a request behind it",
       fields(b"Content-Length: 5\r\n") + b"hello" + SMUGGLED, requests=2)
accept("legal", "an empty body", fields(b"Content-Length: 0\r\n") + SMUGGLED, requests=2)
accept("legal", "Expect: 100-continue",
       body(b"Content-Type: application/json\r\n", LENGTH, b"Expect: 100-continue\r\n"))
accept("legal", "nothing behind Connection: close", fields(b"Connection: close\r\n") + SMUGGLED)

# The request line.
for name, first in {
        "two blanks behind the method": b"GET  /api/health HTTP/1.1",
        "two blanks behind the target": b"GET /api/health  HTTP/1.1",
        "a blank behind the version": b"GET /api/health HTTP/1.1 ",
        "a tab for a blank": b"GET\t/api/health HTTP/1.1",
        "a tab behind the target": b"GET /api/health\tHTTP/1.1",
        "a vertical tab for a blank": b"GET\x0b/api/health HTTP/1.1",
        "a bare CR for a blank": b"GET\r/api/health HTTP/1.1"}.items():
    refuse("request line", name, line(first), note="RFC 9112, 3")
refuse("request line", "a blank before the method", line(b" GET /api/health HTTP/1.1"), must=True)
refuse("request line", "no version", line(b"GET /api/health"), must=True)
refuse("request line", "HTTP/0.9", b"GET /api/health\r\n", must=True)
refuse("request line", "HTTP/0.9, a path alone", b"/api/health\r\n", must=True)
refuse("request line", "behind a line of NULs", bytes(64) + b"\r\n" + SMUGGLED, must=True)
refuse("request line", "behind a line that begins with NUL", b"\0GET /\r\n" + SMUGGLED, must=True)
refuse("request line", "behind bare LFs", b"\n\n" + SMUGGLED)
refuse("request line", "behind a blank line", b" \r\n" + SMUGGLED)
refuse("request line", "a blank in the target", line(b"GET /api/hea lth HTTP/1.1"), must=True)
for version in (b"HTTP/2.0", b"HTTP/3.1", b"HTTP/0.9", b"HTTP/1.10", b"HTTP/1", b"HTTP/1.",
                b"HTTP/01.1", b"HTTP/1,1", b"HTTP/+1.1", b"http/1.1", b"HTTPS/1.1", b"HTTP /1.1",
                b"HTTP/1.1x", b"HTTP/1.1\x00", b"HTTP/11"):
    refuse("version", version.decode().replace("\0", "\\0"), line(b"GET /api/health " + version),
           must=True)
refuse("version", "the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", must=True)
for name, method in {"a colon": b"GE:T", "a control byte": b"GE\x01T", "a NUL": b"GE\x00T",
                     "an 8-bit byte": b"GE\xe9T", "a bracket": b"GE(T", "a quote": b'"GET"',
                     "nothing": b""}.items():
    refuse("method", name, line(method + b" /api/health HTTP/1.1"), must=True)
refuse("method", "in lower case", line(b"get /api/health HTTP/1.1"),
       note="case-sensitive: an unknown method")
refuse("method", "unknown", line(b"BREW /api/health HTTP/1.1"))

# The target.
for name, target, must in (
        ("no slash", b"api/health", True), ("a star for GET", b"*", True),
        ("a fragment", b"/api/health#x", True),
        ("a NUL", b"/api/health\0x", True), ("a control byte", b"/api/health\x01", True),
        ("DEL", b"/api/health\x7f", True), ("8-bit bytes", b"/api/health?\xc3\xa9", True),
        ("%00", b"/api/health%00", False), ("%zz", b"/api/health?%zz", True),
        ("a cut %", b"/api/health?%4", True), ("a backslash", b"/api\\health", True),
        ("a quote", b'/api/health?"', True), ("angle brackets", b"/api/health?<b>", True),
        ("braces", b"/api/health?{}", True),
        ("authority form for GET", b"localhost:80", True),
        ("absolute form without a host", b"http:///api/health", True),
        ("absolute form with a user", b"http://a@localhost/api/health", False),
        ("absolute form of another scheme", b"ftp://localhost/api/health", False),
        ("absolute form of a host that is not Host", b"http://example.org/api/health", False),
        ("absolute form of an encoded host", b"http://local%68ost/api/health", False)):
    refuse("target", name, line(b"GET " + target + b" HTTP/1.1"), must=must)
refuse("target", "authority form, CONNECT", line(b"CONNECT localhost:80 HTTP/1.1"))
either("target", "a star, OPTIONS", line(b"OPTIONS * HTTP/1.1"))
refuse("target", "of 8,300 bytes", line(b"GET /api/health?" + b"a" * 8300 + b" HTTP/1.1"))
refuse("target", "of 60,000 bytes", line(b"GET /api/health?" + b"a" * 60000 + b" HTTP/1.1"))
refuse("target", "of a megabyte", line(b"GET /api/health?" + b"a" * 1000000 + b" HTTP/1.1"))

# Host: RFC 9112, 3.2.
refuse("host", "missing", hosts(), must=True)
refuse("host", "twice, different", hosts(HOST, b"Host: example.org\r\n"), must=True)
refuse("host", "twice, the same", hosts(HOST, HOST), must=True)
refuse("host", "twice, apart", hosts(HOST, b"X: y\r\n", b"host: localhost\r\n"), must=True)
refuse("host", "twice in HTTP/1.0", hosts(HOST, b"Host: x\r\n", version=b"1.0"))
refuse("host", "empty", hosts(b"Host:\r\n"))
for name, value in {"with a blank": b"a b", "a list": b"a, b", "with a path": b"a/b",
                    "with a user": b"u@a", "a URL": b"http://a", "a port that is none": b"a:x",
                    "two ports": b"a:80:80", "an open bracket": b"[::1", "a negative port": b"a:-1",
                    "a port alone": b":80", "with a query": b"a?b", "with a fragment": b"a#b",
                    "a backslash": b"a\\b", "8-bit bytes": b"\xc3\xa9", "a quote": b'"a"'}.items():
    refuse("host", name, hosts(b"Host: " + value + b"\r\n"), must=True)

# Header lines.
refuse("header", "a blank before the colon", fields(b"X : y\r\n"), must=True, note="RFC 9112, 5.1")
refuse("header", "a tab before the colon", fields(b"X\t: y\r\n"), must=True)
refuse("header", "Host with a blank before the colon", hosts(b"Host : localhost\r\n"), must=True)
refuse("header", "no colon", fields(b"XY\r\n"), must=True)
refuse("header", "no name", fields(b": y\r\n"), must=True)
refuse("header", "a blank in the name", fields(b"X Y: z\r\n"), must=True)
for name, byte in {"a bracket": b"(", "a quote": b'"', "an at sign": b"@", "a comma": b",",
                   "an 8-bit byte": b"\xe9", "a NUL": b"\0", "a control byte": b"\1",
                   "a bare CR": b"\r", "DEL": b"\x7f"}.items():
    refuse("header", f"{name} in the name", fields(b"X" + byte + b"Y: z\r\n"), must=True)
refuse("header", "a NUL in the value", fields(b"X: a\0b\r\n"), must=True, note="RFC 9110, 5.5")
refuse("header", "a bare CR in the value", fields(b"X: a\rb\r\n"), note="RFC 9112, 2.2")
refuse("header", "a bare CR at the end of the value", fields(b"X: a\r\r\n"))
for code in (0x01, 0x08, 0x0b, 0x1b, 0x7f):
    refuse("header", f"byte {code:#04x} in the value", fields(b"X: a%cb\r\n" % code))
refuse("header", "a blank before the first line", GET + b" " + HOST + END, must=True,
       note="RFC 9112, 2.2: reject, or skip the line (and then Host is missing)")
refuse("header", "folded", fields(b"X: y\r\n z\r\n"), note="RFC 9112, 5.2: reject, or unfold")
refuse("header", "folded with a tab", fields(b"X: y\r\n\tz\r\n"))
refuse("header", "a folded empty line", fields(b"X: y\r\n \r\n"))
refuse("header", "a folded Host", hosts(b"Host:\r\n localhost\r\n"))
refuse("header", "a fold that may complete a name",
       POST + HOST + b"Content-Lengt: 3\r\n h\r\n\r\nabc",
       note="read as Content-Length: 3 by who appends the fold to the name")
refuse("header", "a fold that may complete another name",
       POST + HOST + b"Transfer-Encodin: chunked\r\n g\r\n\r\n0\r\n\r\n")
refuse("header", "65 lines of 500 bytes",
       fields(*(b"X: " + b"y" * 500 + b"\r\n" for _ in range(65))))
refuse("header", "a thousand short lines", fields(*(b"X: y\r\n" for _ in range(1000))))
refuse("header", "20,000 short lines", fields(*(b"X: y\r\n" for _ in range(20000))))
refuse("header", "a value of 60,000 bytes", fields(b"X: " + b"y" * 60000 + b"\r\n"))
refuse("header", "a name of 60,000 bytes", fields(b"X" * 60000 + b": y\r\n"))
refuse("header", "a megabyte of head",
       fields(*(b"X: " + b"y" * 1000 + b"\r\n" for _ in range(1000))))

# Line ends: RFC 9112, 2.2 lets a server take a bare LF; what stands before it may not.
refuse("line end", "a bare LF behind the request line", GET[:-2] + b"\n" + HOST + END)
refuse("line end", "a bare LF behind a header", GET + b"Host: localhost\nX: y\r\n\r\n")
refuse("line end", "a bare LF for the empty line", GET + HOST + b"\n")
refuse("line end", "bare LFs everywhere", b"GET /api/health HTTP/1.1\nHost: localhost\n\n")
refuse("line end", "CR CR LF", GET + b"Host: localhost\r\r\n\r\n")
refuse("line end", "a bare CR for an end", GET + b"Host: localhost\rX: y\r\n\r\n")

# Content-Length: RFC 9110, 8.6 and RFC 9112, 6.3.
refuse("length", "twice, different", body(LENGTH, b"Content-Length: 3\r\n"), must=True)
refuse("length", "twice, the same", body(LENGTH, LENGTH), note="reject, or take it once")
refuse("length", "a list of the same", body(b"Content-Length: 3, 3\r\n", of=b"abc"))
for name, value in {"a list": b"3, 4", "+3": b"+3", "-1": b"-1", "0x3": b"0x3", "3.0": b"3.0",
                    "1e1": b"1e1", "3 3": b"3 3", "3;": b"3;", "nothing": b"", "a word": b"abc",
                    "3 and a control byte": b"3\x0b", "a quoted number": b'"3"',
                    "a NUL behind it": b"3\0", "an 8-bit digit": b"\xb3"}.items():
    refuse("length", name, body(b"Content-Length: " + value + b"\r\n", of=b"abc"), must=True)
for power in (63, 64):
    refuse("length", f"2^{power}", body(b"Content-Length: %d\r\n" % 2 ** power, of=b"abc"),
           must=True)
refuse("length", "2^64 + 3", body(b"Content-Length: %d\r\n" % (2 ** 64 + 3), of=b"abc"),
       must=True)
refuse("length", "forty digits", body(b"Content-Length: " + b"9" * 40 + b"\r\n", of=b"abc"),
       must=True)
refuse("length", "a blank before the colon", body(b"Content-Length : 3\r\n", of=b"abc"), must=True)

# Transfer-Encoding: RFC 9112, 6.1 and 7.
either("encoding", "chunked", body(CHUNKED, of=CHUNK + LAST_CHUNK),
       note="RFC 9112, 6.3: a server may ask for a length with 411")
either("encoding", "Chunked, in another case",
       body(b"Transfer-Encoding: Chunked\r\n", of=CHUNK + LAST_CHUNK))
refuse("encoding", "with a length", body(LENGTH, CHUNKED, of=CHUNK + LAST_CHUNK),
       note="reject, or take chunks and close")
refuse("encoding", "with a length behind it",
       body(CHUNKED, b"Content-Length: 0\r\n", of=LAST_CHUNK))
refuse("encoding", "with a length that ends inside the chunks",
       body(b"Content-Length: 4\r\n", CHUNKED, of=b"5c\r\n" + SMUGGLED + LAST_CHUNK))
refuse("encoding", "with a length that reaches past the chunks",
       body(CHUNKED, b"Content-Length: 60\r\n", of=LAST_CHUNK))
refuse("encoding", "in HTTP/1.0",
       b"POST /api/users HTTP/1.0\r\n" + HOST + CHUNKED + END + LAST_CHUNK, must=True,
       note="faulty framing: close")
refuse("encoding", "twice", body(CHUNKED, CHUNKED, of=CHUNK + LAST_CHUNK), must=True)
for name, value in {"xchunked": b"xchunked", "chunkedx": b"chunkedx", "gzip": b"gzip",
                    "identity": b"identity", "chunked, chunked": b"chunked, chunked",
                    "chunked, identity": b"chunked, identity", "a quoted word": b'"chunked"',
                    "identity, chunked": b"identity, chunked", "nothing": b"",
                    "a vertical tab": b"\x0bchunked", "a NUL": b"chunked\0",
                    "a comma before it": b",chunked", "a semicolon": b"chunked;",
                    "chun ked": b"chun ked"}.items():
    refuse("encoding", name, body(b"Transfer-Encoding: " + value + b"\r\n", of=LAST_CHUNK),
           must=name not in ("identity, chunked", "a comma before it"))
refuse("encoding", "folded", body(b"Transfer-Encoding:\r\n chunked\r\n", of=LAST_CHUNK))
refuse("encoding", "a blank before the colon",
       body(b"Transfer-Encoding : chunked\r\n", of=LAST_CHUNK), must=True)
for name, chunks, must in (
        ("no number", b"x\r\n\r\n" + LAST_CHUNK, True),
        ("a negative number", b"-1\r\n\r\n" + LAST_CHUNK, True),
        ("a number with 0x", b"0x3\r\nabc\r\n" + LAST_CHUNK, True),
        ("a number with a sign", b"+3\r\nabc\r\n" + LAST_CHUNK, True),
        ("a number over 64 bits", b"10000000000000003\r\nabc\r\n" + LAST_CHUNK, True),
        ("no number at all", b"\r\nabc\r\n" + LAST_CHUNK, True),
        ("a blank before the number", b" 3\r\nabc\r\n" + LAST_CHUNK, True),
        ("data longer than it says", b"3\r\nabcd\r\n" + LAST_CHUNK, True),
        ("no CRLF behind the data", b"3\r\nabc" + LAST_CHUNK, True),
        ("a bare LF behind the number", b"3\nabc\r\n" + LAST_CHUNK, False),
        ("a bare LF behind the data", b"3\r\nabc\n" + LAST_CHUNK, False),
        ("a bare CR behind the number", b"3\rabc\r\n" + LAST_CHUNK, True),
        ("a NUL in an extension", b"3;a=\0\r\nabc\r\n" + LAST_CHUNK, True),
        ("a bare LF in an extension", b"3;a\nb\r\nabc\r\n" + LAST_CHUNK, False),
        ("a bare CR in an extension", b"3;a\rb\r\nabc\r\n" + LAST_CHUNK, True),
        ("64 KiB of extension", b"3;" + b"a" * 65536 + b"\r\nabc\r\n" + LAST_CHUNK, False),
        ("a length among the trailers", b"0\r\nContent-Length: 3\r\n\r\n", False),
        ("a malformed trailer", b"0\r\nX Y: z\r\n\r\n", True)):
    refuse("chunk", name, body(CHUNKED, of=chunks), must=must)

# The rest.
refuse("expect", "an unknown one", fields(b"Expect: a-pony\r\n"))
refuse("expect", "twice", fields(b"Expect: 100-continue\r\n", b"Expect: a-pony\r\n"))
refuse("noise", "a TLS hello",
       b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), must=True)
refuse("noise", "NULs", bytes(64) + b"\r\n\r\n", must=True)
refuse("noise", "a line of words", b"hello there\r\n\r\n", must=True)
