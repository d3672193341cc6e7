"""
api/openapi.yaml is the contract: the program has no other routes, its examples are real, and what
it describes is what the whole suite has seen. That no reply is other than it says is looked at
wherever a test gets one (support/contract.py).
"""
import concurrent.futures
import http.client
import re
import signal
import socket
import subprocess

import jsonschema
import pytest

from support import contract, images, programs
from support.client import Answer, Client
from support.contract import document
from support.service import person

NOBODY = contract.NOBODY
OPERATIONS = document.operations
LISTENERS = [(operation, listener) for operation in OPERATIONS for listener in operation.servers]


def names(pairs):
    return [f"{operation.name} ({listener})" for operation, listener in pairs]


def target(operation):
    return operation.target()


def client(users, listener):
    return users.public if listener == "public" else users.private


# The document and the program.

def used_components(node):
    """The references in a part of the document, as they are written."""
    if isinstance(node, list):
        return {found for entry in node for found in used_components(entry)}
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own | {found for entry in node.values() for found in used_components(entry)}
    return set()


def test_the_document_is_sound():
    parts = document.text["components"]
    there = {f"#/components/{kind}/{name}" for kind in parts if kind != "securitySchemes"
             for name in parts[kind]}
    assert used_components(document.text) == there
    schemes = set(parts["securitySchemes"])
    tags = {tag["name"] for tag in document.tree["tags"]}
    for item in document.tree["paths"].values():
        for entry in (entry for entry in item.values() if isinstance(entry, dict)):
            assert entry["summary"] and set(entry["tags"]) <= tags
            assert {name for way in entry.get("security", []) for name in way} <= schemes
    for schema in document.tree["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    ids = [entry["operationId"] for item in document.tree["paths"].values()
           for method, entry in item.items() if isinstance(entry, dict)]
    assert len(ids) == len(set(ids)) == len(OPERATIONS)
    for operation in OPERATIONS:
        assert operation.responses["default"] == document.refusals
        asked = {parameter["name"] for parameter in operation.parameters
                 if parameter["in"] == "path"}
        assert asked == set(re.findall(r"{(\w+)}", operation.path))


def test_the_program_has_the_routes_that_are_documented_and_no_others():
    said = subprocess.run([programs.program("routes")], capture_output=True, text=True, check=True)
    documented = {f"{listener} {operation.method} {operation.path} "
                  f"{'open' if operation.is_open else 'closed'} "
                  f"{'body' if operation.body else '-'}" for operation, listener in LISTENERS}
    assert set(said.stdout.splitlines()) == documented


def test_every_path_answers_another_method_with_those_that_are_documented(service):
    """What Allow says is compared wherever a 405 is seen."""
    users = service()
    for operation, listener in LISTENERS:
        assert client(users, listener).call("PATCH", operation.target()).status == 405


def test_head_says_what_get_says_without_the_body(service):
    users = service()
    users.wait_until_ready()
    ada = users.create_with_avatar()["id"]
    asked = 0
    for operation, listener in LISTENERS:
        if operation.method != "GET":
            continue
        for user_id in (ada, NOBODY):
            path = operation.target(user_id)
            get, head = (client(users, listener).call(method, path) for method in ("GET", "HEAD"))
            kept = [{name: value for name, value in answer.headers.items()
                     if name not in ("Date", "Content-Length")} for answer in (get, head)]
            assert (get.status, kept[0]) == (head.status, kept[1])
            assert head.body == b""
            # Numbers may have changed in between.
            if path.startswith("/api/users"):
                assert int(head.headers["Content-Length"]) == len(get.body)
            asked += 1
    assert asked >= 2 * 8


# Who is let in.

def test_nothing_but_what_is_documented_as_open_is_open(service, tmp_path):
    token_file = tmp_path / "public-token"
    token_file.write_text("a-token-of-the-public-api")
    token_file.chmod(0o600)
    users = service(api_token_file=token_file)
    for number, (operation, listener) in enumerate(LISTENERS, 1):
        port = users.port if listener == "public" else users.private_port
        stranger = Client(port)
        # An address that fails often is answered late: each of them is another one.
        stranger.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20,
                                                         source_address=(f"127.0.1.{number}", 0))
        answer = stranger.call(operation.method, target(operation))
        assert (answer.status == 401) != operation.is_open, answer
    assert Client(users.private_port).get("/nowhere").status == 401


# What no body may be.

JSON_BODIES = [(operation, listener) for operation, listener in LISTENERS
               if "application/json" in (operation.body or {})]
LEVELS = 32

NO_JSON = {
    "empty": b"", "blank": b" \n", "cut": b'{"a":', "words": b"words", "a list": b"[]",
    "a text": b'"a"', "trailing": b'{"a":1} x', "two": b"{}{}", "single quotes": b"{'a':1}",
    "a comment": b'{"a":1/**/}', "a trailing comma": b'{"a":1,}', "NaN": b'{"a":NaN}',
    "a byte order mark": b"\xef\xbb\xbf{}", "UTF-16": '{"a":1}'.encode("utf-16"),
    "not UTF-8": b'{"a":"\xff"}', "overlong": b'{"a":"\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "beyond Unicode": b'{"a":"\xf4\x90\x80\x80"}', "cut UTF-8": b'{"a":"\xe2\x82"}',
    "a raw line feed": b'{"a":"\n"}', "a NUL": b'{"a":"\\u0000"}',
    "a NUL in a key": b'{"\\u0000":1}',
    "a lone high surrogate": b'{"a":"\\ud83e"}', "a lone low surrogate": b'{"a":"\\udd8a"}',
    "two high surrogates": b'{"a":"\\ud83e\\ud83e"}', "half an escape": b'{"a":"\\u12"}',
    "a key twice": b'{"a":1,"a":1}', "a key twice, escaped": b'{"a":1,"\\u0061":1}',
    "a key twice, deep": b'{"b":[{"a":1,"a":1}]}',
    "beyond 64 bits": b'{"a":9223372036854775808}',
    "beneath 64 bits": b'{"a":-9223372036854775809}',
    "beyond a double": b'{"a":1e400}', "a leading zero": b'{"a":01}', "a plus": b'{"a":+1}',
    "one level too deep": b'{"a":' * LEVELS + b"[]" + b"}" * LEVELS,
    "bottomless": b"[" * 60000,
}


@pytest.mark.parametrize("operation, listener", JSON_BODIES, ids=names(JSON_BODIES))
def test_a_body_that_is_no_json_object_is_400(service, operation, listener):
    caller = client(service(), listener)
    for what, body in NO_JSON.items():
        answer = caller.call(operation.method, target(operation), body,
                             {"Content-Type": "application/json"})
        assert answer.status == 400, (what, answer)


@pytest.mark.parametrize("operation, listener", JSON_BODIES, ids=names(JSON_BODIES))
def test_a_body_at_the_bounds_is_read_and_one_beyond_is_not(service, operation, listener):
    caller = client(service(), listener)

    def status(body, content_type="application/json; charset=utf-8"):
        return caller.call(operation.method, target(operation), body,
                           {"Content-Type": content_type}).status

    deepest = b'{"a":' * (LEVELS - 1) + b"[]" + b"}" * (LEVELS - 1)
    largest = b'{"a":9223372036854775807,"b":-9223372036854775808}'.ljust(65536)
    assert (status(deepest), status(largest)) == (422, 422)
    assert status(largest + b" ") == 413
    assert status(b"{}", "text/plain") == status(b"{}", "application/jsonx") == 415


VALUES = {
    "Name": ["A", "  Ada", "Zoë 🦊", "李", "🦊" * 100, "\u00a0a", "", " ", "   ", "x" * 101,
             "🦊" * 101, "a\nb", "a\tb", "a\x7f", "a\x85b", "\x9f", 7, None, ["A"], {"a": "A"},
             True],
    "Email": ["a@b.c", "ada+l@mail.example.org", "zoë@bücher.example", "o'hara/x=y@example.org",
              "x" * 64 + "@example.org", "a@" + "x" * 63 + ".org", "a@1.2",
              "a@" + "x" * 63 + "." + "x" * 63 + "." + "x" * 63 + "." + "x" * 60, "", "ada", "@x.y",
              "ada@", "ada@example", ".a@x.y", "a.@x.y", "a..b@x.y", "a@.x.y", "a@x..y", "a@x.y.",
              "a@b@x.y", "a b@x.y", "a@x y.z", "a@x_y.z", "a@-x.y", "a@x-.y", "a@x.y\n", "<a@x.y>",
              '"a"@x.y', "a@[192.0.2.1]", "a,b@x.y", "x" * 65 + "@example.org",
              "a@" + "x" * 64 + ".org", "a\x85@x.y",
              "a@" + "x" * 63 + "." + "x" * 63 + "." + "x" * 63 + "." + "x" * 61, 7, None],
    "Country": ["PT", "AX", "ZW", None, "", "P", "pt", "PRT", "P1", "P ", "PT\n", 620],
    "BirthDate": ["1990-12-31", "2000-02-29", "0001-01-01", "1990-12-31T00:00:00Z",
                  "1990-12-31t00:00:00.000z", "1990-12-31T00:00:00-00:00", None, "", "1990-1-1",
                  "1990/12/31", "1990-12-31T00:00:01Z", "1990-12-31T00:00:00+01:00",
                  "1990-12-31T00:00:00", "1990-12-31 00:00:00Z", "90-12-31", "yesterday",
                  "1990-12-31\n", 19901231],
}
FIELDS = [("firstName", "Name"), ("lastName", "Name"), ("userName", "Name"), ("email", "Email"),
          ("countryId", "Country"), ("birthDate", "BirthDate")]


@pytest.mark.parametrize("field, kind", FIELDS)
def test_a_field_is_taken_exactly_if_the_document_says_so(service, field, kind):
    users = service()
    schema = document.tree["components"]["schemas"]["NewUser"]
    taken = 0
    for value in VALUES[kind]:
        body = person(**{field: value})
        answer = users.public.post("/api/users", body)
        assert answer.status == (422 if document.faults(schema, body) else 201), (value, answer)
        if answer.status == 422:
            assert [entry["field"] for entry in answer.json["fields"]] == [field]
        else:
            assert answer.data[field] == value
            taken += 1
    assert 0 < taken < len(VALUES[kind])


@pytest.mark.parametrize("field, value", [
    ("countryId", "XX"), ("countryId", "UK"), ("countryId", "SU"), ("birthDate", "2001-02-29"),
    ("birthDate", "1900-02-29"), ("birthDate", "1990-04-31"), ("birthDate", "1990-13-01"),
    ("birthDate", "1990-00-01"), ("birthDate", "1990-01-00")])
def test_what_no_expression_can_tell_is_refused_too(service, field, value):
    answer = service().public.post("/api/users", person(**{field: value}))
    assert answer.status == 422
    assert [entry["field"] for entry in answer.json["fields"]] == [field]


@pytest.mark.parametrize("name, body, fields", [
    ("POST /api/users", {}, ["firstName", "lastName", "userName", "email"]),
    ("POST /api/users", {"firstName": 1, "lastName": "", "userName": None, "email": "x",
                         "countryId": "UK", "birthDate": "today", "nickname": "A", "": 0},
     ["firstName", "lastName", "userName", "email", "countryId", "birthDate", "nickname", ""]),
    ("PUT /api/users/{id}", {"email": 7, "Id": 1}, ["firstName", "lastName", "userName", "email",
                                                    "Id"]),
    ("POST /api/deletions", {}, ["key"]),
    ("POST /api/deletions", {"key": "../x", "state": "pending", "b": 1}, ["key", "state", "b"]),
    ("POST /api/deletions/retry", {}, ["key"]),
    ("POST /api/deletions/retry", {"key": "a", "state": "blocked"}, ["key"]),
    ("POST /api/deletions/retry", {"key": "", "state": "done", "errorClass": 7, "b": 1},
     ["key", "state", "errorClass", "b", "key"]),
])
def test_all_that_is_wrong_in_a_body_is_told_at_once(service, name, body, fields):
    (operation,) = (entry for entry in OPERATIONS if entry.name == name)
    schema = operation.body["application/json"]["schema"]
    assert document.faults(schema, body)
    answer = client(service(), operation.servers[0]).call(operation.method, target(operation), body)
    assert answer.status == 422
    assert [entry["field"] for entry in answer.json["fields"]] == fields


# What any request may be answered.

def test_while_it_stops_everything_is_answered_503(service, s3d):
    users = service(files=s3d.url(), environment=s3d.environment, stop_timeout="30s")
    users.wait_until_ready()
    ada = users.create()["id"]
    s3d.fault("hang,verb=PUT")
    # One connection each, opened before it stops accepting, and closed with the answer.
    clients = [users.client() if listener == "public" else users.private_client()
               for _, listener in LISTENERS]
    elsewhere = users.client()
    assert {one.get("/api/health").status for one in [*clients, elsewhere]} == {200}
    with concurrent.futures.ThreadPoolExecutor() as others:
        uploading = others.submit(users.put_avatar, ada, images.png(), users.client())
        s3d.wait_for(lambda: s3d.status()["hanging"] == 1, what="the upload to be under way")
        users.process.child.send_signal(signal.SIGTERM)
        users.wait_for(lambda: users.public.get("/api/health").status == 503, what="it to stop")
        for (operation, _), one in zip(LISTENERS, clients):
            answer = one.call(operation.method, target(operation))
            assert answer.status == 503 and answer.headers["Retry-After"], answer
        assert elsewhere.get("/nowhere").status == 503
        # What was under way is still answered, as the store lets it end.
        s3d.clear()
        assert uploading.result().status in (201, 503)
    users.stop()


@pytest.mark.parametrize("request_, code, library", [
    (b"GET /api/health HTTP/1.1\r\n\r\n", 400, False),
    (b"GET /api/health\r\n\r\n", 400, True),
    (b"GET /api/users HTTP/1.1\r\nHost: x\r\nIdempotency-Key: a\r\nidempotency-key: a\r\n\r\n",
     400, False),
    (b"GET /api/users HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\nRange: bytes=1-2\r\n\r\n",
     400, False),
    (b"GET /api/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\nAuthorization: b\r\n\r\n",
     400, False),
    (b"GET /api/users HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"a\"\r\nIf-None-Match: \"b\"\r\n"
     b"Accept: a/b\r\nAccept: c/d\r\nX: y\r\nX: y\r\n\r\n", 200, False),
    (b"PUT /api/users/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     411, False),
    (b"DELETE /api/users/x HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n", 413, False),
    (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, False),
    (b"GET /" + b"x" * 40000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, True),
    (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 64 + b"\r\n", 431, False),
    (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40000 + b"\r\n\r\n", 431, True),
    (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 501, False),
    (b"POST /api/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501, False),
    (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505, True),
], ids=lambda value: value[:12].decode() if isinstance(value, bytes) else str(value))
def test_what_comes_before_the_routes_is_answered_as_documented(service, request_, code, library):
    users = service()
    with socket.create_connection(("127.0.0.1", users.port), timeout=20) as connection:
        connection.sendall(request_)
        reply = http.client.HTTPResponse(connection)
        reply.begin()
        answer = Answer(reply.status, reply.headers, reply.read())
    method, path = request_.split(b" ")[:2]
    contract.judge(users.port, method.decode(), path.decode().strip(), {}, None, answer)
    assert answer.status == code
    assert answer.body.startswith(b"<html>") == library


# The examples.

VOLATILE = [(re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "ID"),
            (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z"), "TIME")]


# What the kernel and the build decide: only that it is there is compared.
OF_THE_MACHINE = {"sandbox"}


def lasting(value):
    """A body without what differs from one service, moment and machine to the next."""
    if isinstance(value, dict):
        return {name: sorted(entry) if name in OF_THE_MACHINE else lasting(entry)
                for name, entry in value.items()}
    if isinstance(value, list):
        return [lasting(entry) for entry in value]
    if isinstance(value, str):
        for pattern, word in VOLATILE:
            value = pattern.sub(word, value)
    return value


def examples_of(content):
    return [media["example"] for media in content.values() if "example" in media] + [
        example["value"] for media in content.values()
        for example in media.get("examples", {}).values()]


class Story:
    """Sends the document's examples, and holds each answer against that of the document."""

    def __init__(self, users):
        self.users, self.told, self.id = users, [], NOBODY

    def tell(self, name, code, **options):
        (operation,) = (entry for entry in OPERATIONS if entry.name == name)
        if options.pop("sends", False):
            (options["body"],) = examples_of(operation.body)
            self.told.append(options["body"])
        for place in ("query", "header"):
            given = {parameter["name"]: parameter["example"] for parameter in operation.parameters
                     if parameter["in"] == place and "example" in parameter}
            if place == "query":
                options.update(given)
            elif given:
                options["headers"] = {**given, **options.get("headers", {})}
            self.told += given.values()
        answer = client(self.users, operation.servers[0]).call(
            operation.method, operation.target(self.id), **options)
        assert answer.status == code, answer
        matching = [example for example in examples_of(operation.responses[str(code)]["content"])
                    if lasting(example) == lasting(answer.json)]
        assert matching, (name, code, answer.json)
        self.told += matching
        return answer


def all_examples():
    """Each example in the document, wherever it is used."""
    for operation in OPERATIONS:
        yield from (parameter["example"] for parameter in operation.parameters
                    if "example" in parameter and parameter["in"] != "path")
        yield from examples_of(operation.body or {})
        for response in operation.responses.values():
            yield from examples_of(response.get("content", {}))


def test_every_example_is_sent_or_answered(service):
    users = service(inline="off", timer="off")
    users.wait_until_ready()
    story = Story(users)
    story.tell("GET /api/health", 200)
    story.tell("GET /api/ready", 200)
    story.tell("GET /api/status", 200)
    story.tell("GET /api/users/{id}", 404)
    story.id = story.tell("POST /api/users", 201, sends=True).data["id"]
    story.tell("GET /api/users", 200)
    story.tell("PUT /api/users/{id}/avatar", 201, body=images.png(1, 1, noise=bytes))
    story.tell("GET /api/users/{id}", 200)
    story.tell("PUT /api/users/{id}/avatar", 415, body=b"<svg/>")
    made = story.id
    story.tell("POST /api/users", 422, headers={"Idempotency-Key": "another"},
               body={"lastName": "Lovelace", "userName": "ada", "email": "ada", "nickname": "A"})
    assert users.delete(made).status == 202
    story.tell("DELETE /api/users/fallback", 200)
    story.tell("GET /api/deletions/{id}", 200)
    story.tell("DELETE /api/users/{id}", 200)
    story.tell("POST /api/users", 404, sends=True)
    story.id = users.create(firstName="Ada", lastName="Lovelace")["id"]
    story.tell("PUT /api/users/{id}", 200, sends=True)
    story.tell("PUT /api/users/{id}", 412, sends=True, headers={"If-Match": '"0"'})
    story.tell("DELETE /api/users/{id}/avatar", 200)
    story.tell("POST /api/deletions/retry", 202, sends=True)
    story.tell("POST /api/deletions", 202, sends=True)
    story.tell("GET /api/deletions", 200)
    users.private.token = None
    story.tell("GET /api/status", 401)
    untold = [example for example in all_examples() if example not in story.told]
    assert not untold


# The last word.

@pytest.mark.last
def test_no_reply_of_any_test_was_other_than_documented():
    assert not contract.violations


@pytest.mark.last
@pytest.mark.complete
def test_every_reply_that_is_documented_was_seen():
    unseen = sorted(set(map(str, contract.promises())) - set(map(str, contract.seen)))
    assert not unseen, "\n".join(unseen)
