"""
Every reply of a service held against api/openapi.yaml, and what of it was never seen.

A listener makes itself known by its port (or any other name) with `serve`; from then on whoever
speaks to it hands each reply to `judge`. A reply that the document does not describe fails the
test that got it; as that may be in a thread whose end nobody looks at, it is also kept in
`violations`.
"""
import json
import pathlib
import re
import urllib.parse

import jsonschema
import yaml

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "api" / "openapi.yaml"
# What the HTTP library adds to every reply, whatever it is.
OF_THE_LIBRARY = {"connection", "content-length", "content-type", "date", "transfer-encoding"}
HTML = "text/html"
NOBODY = "01900000-0000-7000-8000-000000000000"


def pattern_faults(_, expression, value, __):
    """As in ECMA 262, where `$` is the end and never what stands before a last line feed."""
    if isinstance(value, str) and not re.search(re.sub(r"\$$", r"\\Z", expression), value):
        yield jsonschema.ValidationError(f"{value!r} does not match {expression}")


Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator,
                                         {"pattern": pattern_faults})


class Violation(AssertionError):
    """What was answered is not what the document says."""


def expand(node, root):
    """The document without its references: each replaced by what it points at."""
    if isinstance(node, list):
        return [expand(entry, root) for entry in node]
    if not isinstance(node, dict):
        return node
    target = node.get("$ref")
    if not isinstance(target, str):
        return {name: expand(value, root) for name, value in node.items()}
    found = root
    for part in target.removeprefix("#/").split("/"):
        found = found[part]
    return {**expand(found, root), **{name: value for name, value in node.items()
                                      if name != "$ref"}}


def pattern_of(path):
    """An expression for the targets that a path stands for."""
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))


class Operation:
    """A path and a method of one listener."""

    def __init__(self, path, method, entry, shared, servers):
        self.path, self.method, self.servers = path, method.upper(), servers
        self.responses = entry["responses"]
        self.parameters = [*shared, *entry.get("parameters", [])]
        self.body = entry.get("requestBody", {}).get("content")
        self.is_open = entry.get("security") == []

    @property
    def name(self):
        return f"{self.method} {self.path}"

    def target(self, user_id=NOBODY):
        """The path as it is asked for, of a user or of a file that is there."""
        return self.path.replace("{id}", user_id).replace("{name}", "page.js")


class Document:
    """What is documented, ready to be asked."""

    def __init__(self, path=DOCUMENT):
        self.text = yaml.safe_load(path.read_text(encoding="utf-8"))
        self.tree = expand(self.text, self.text)
        listeners = {server["url"]: server["x-listener"] for server in self.tree["servers"]}
        self.operations = []
        for path_name, item in self.tree["paths"].items():
            servers = [listeners[server["url"]]
                       for server in item.get("servers", self.tree["servers"][:1])]
            self.operations += [
                Operation(path_name, method, entry, item.get("parameters", []), servers)
                for method, entry in item.items()
                if method in ("get", "put", "post", "delete", "patch", "options", "trace")]
        self.refusals = self.tree["components"]["responses"]["Refused"]
        self.paths = {listener: {operation.path: pattern_of(operation.path)
                                 for operation in self.operations
                                 if listener in operation.servers}
                      for listener in listeners.values()}
        self.validators = {}

    def path_of(self, listener, target):
        """The documented path, concrete ones first; None if there is none at this listener."""
        path = target.split("?")[0]
        here = self.paths[listener]
        if path in here and "{" not in path:
            return path
        return next((name for name, pattern in here.items() if pattern.fullmatch(path)), None)

    def methods(self, listener, path):
        """What Allow says of a path."""
        found = {operation.method for operation in self.operations
                 if operation.path == path and listener in operation.servers}
        return found | ({"HEAD"} if "GET" in found else set())

    def find(self, listener, method, target):
        path = self.path_of(listener, target)
        wanted = "GET" if method == "HEAD" else method
        return next((operation for operation in self.operations
                     if operation.path == path and operation.method == wanted
                     and listener in operation.servers), None)

    def faults(self, schema, value):
        """What is wrong with a value, as texts."""
        validator = self.validators.get(id(schema))
        if not validator:
            validator = Validator(schema)
            self.validators[id(schema)] = validator
        return [f"{'/'.join(map(str, error.absolute_path)) or 'it'}: {error.message[:300]}"
                for error in validator.iter_errors(value)]


document = Document()
names = {}
seen = set()
violations = []


def serve(name, listener):
    """From here on, `name` (a port, an address) is the service's public or private listener."""
    names[name] = listener


def promises():
    """All that is documented and can be seen: (what, code, media type)."""
    for operation in document.operations:
        for code, response in operation.responses.items():
            if code != "default":
                for media in response.get("content") or [None]:
                    yield operation.name, int(code), media
    for code, refusal in document.refusals["x-codes"].items():
        for media in refusal["bodies"]:
            yield "any", int(code), media


def media_of(headers, body):
    given = headers.get("Content-Type")
    if given:
        return given.split(";")[0].strip().lower()
    return HTML if body.startswith(b"<html>") else None


def header_faults(described, headers):
    lower = {name.lower() for name in described}
    for name in headers.keys():
        if name.lower() not in lower | OF_THE_LIBRARY:
            yield f"the header {name} is not documented"
    for name, header in described.items():
        value = headers.get(name)
        if value is None:
            if header.get("required"):
                yield f"the header {name} is missing"
            continue
        if header["schema"].get("type") == "integer":
            value = int(value) if value.isdigit() else value
        for fault in document.faults(header["schema"], value):
            yield f"the header {name}: {fault}"


def json_faults(schema, media, body):
    lines = body.splitlines() if media == "application/x-ndjson" else [body]
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError as error:
            yield f"the body is no JSON: {error}"
            continue
        yield from document.faults(schema, value)


def content_faults(content, media, body, is_head):
    if media not in content:
        yield f"a body of {media} is not documented"
    elif not is_head and "schema" in content[media]:
        yield from json_faults(content[media]["schema"], media, body)


def documented_faults(response, headers, body, is_head):
    """Of a reply with a code of its own in the operation."""
    yield from header_faults(response.get("headers", {}), headers)
    content = response.get("content")
    if content:
        yield from content_faults(content, media_of(headers, body), body, is_head)
    elif body:
        yield "a body is not documented"


def refusal_faults(listener, path, code, headers, body, is_head):
    """Of a reply that any path and method may get."""
    refusals = document.refusals
    known = {**refusals["x-codes"], **refusals["x-codes-unseen"]}.get(str(code))
    media = media_of(headers, body)
    if not known or (media not in known["bodies"] and not is_head):
        yield f"{code} with a body of {media} is not documented"
        return
    if media == HTML or (is_head and media is None):
        return
    yield from header_faults(refusals["headers"], headers)
    yield from content_faults(refusals["content"], media, body, is_head)
    for wanted_with, name in (((405,), "Allow"), ((500, 503), "Retry-After"),
                              ((401,), "WWW-Authenticate")):
        if (code in wanted_with) != (headers.get(name) is not None):
            yield f"the header {name} is missing, or has no place in a {code}"
    if not is_head and known["status"] != json.loads(body).get("status"):
        yield f"the status of a {code} is {known['status']}"
    if code == 405:
        allowed = set(headers.get("Allow", "").split(", "))
        if allowed != document.methods(listener, path):
            yield f"Allow says {sorted(allowed)}, and so many are documented: " \
                  f"{sorted(document.methods(listener, path))}"


def value_of(parameter, text):
    schema = parameter["schema"]
    if schema.get("type") == "integer":
        return int(text) if re.fullmatch("[0-9]+", text) else text
    return text


def request_faults(operation, target, headers, body):
    """Of a request that was carried out: the document must not forbid what is done."""
    given = urllib.parse.parse_qsl(target.partition("?")[2], keep_blank_values=True)
    known = {parameter["name"]: parameter for parameter in operation.parameters
             if parameter["in"] == "query"}
    for name, text in given:
        if name in known:
            for fault in document.faults(known[name]["schema"], value_of(known[name], text)):
                yield f"the query's {name} was taken: {fault}"
        elif known:
            yield f"the query's {name} was taken and is not documented"
    schema = (operation.body or {}).get("application/json", {}).get("schema")
    media = (headers.get("Content-Type") or "application/json").split(";")[0].lower()
    if schema and media == "application/json":
        for fault in json_faults(schema, media, body or b""):
            yield f"the body was taken: {fault}"


def faults_of(listener, method, target, headers, body, answer):
    """What is wrong with `answer` (status, headers, body); notes what was seen."""
    operation = document.find(listener, method, target)
    code, is_head = answer.status, method == "HEAD"
    response = operation and operation.responses.get(str(code))
    if response:
        media = media_of(answer.headers, answer.body) if response.get("content") else None
        found = list(documented_faults(response, answer.headers, answer.body, is_head))
        # What any path may be answered is documented beside it, with the same code.
        if found and not list(refusal_faults(listener, operation.path, code, answer.headers,
                                             answer.body, is_head)):
            found, response = [], None
    if not response:
        path = document.path_of(listener, target)
        media = media_of(answer.headers, answer.body)
        found = list(refusal_faults(listener, path, code, answer.headers, answer.body, is_head))
        if code == 404 and operation:
            found.append("a 404 is not documented here")
    elif 200 <= code < 300:
        found += request_faults(operation, target, headers, body)
    if not is_head:
        seen.add((operation.name if response else "any", code, media))
    return found


def judge(name, method, target, headers, body, answer):
    """
    Holds a reply of the listener `name` against the document; does nothing if it is not known.
    `headers` and `body` are the request's; `answer` has `status`, `headers` and `body`.
    """
    listener = names.get(name)
    if not listener:
        return
    headers = {key.title(): value for key, value in (headers or {}).items()}
    found = faults_of(listener, method, target, headers, body, answer)
    if found:
        text = f"{method} {target[:200]} ({listener}): {answer.status} {answer.body[:300]!r}\n" \
               + "\n".join(found)
        violations.append(text)
        raise Violation(text)
