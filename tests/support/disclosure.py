"""
What nobody may read: every token, key and password that the tests use, and every person they make
up. Whoever starts a program or speaks to one tells it here, and so is all that was written known
in the end: logs, what a program said when it did not start, and replies.
"""
import pathlib
import re
import urllib.parse

# What is shorter is found by chance; a name also if it is of hexadecimal digits alone.
SECRET_LEAST, NAME_LEAST = 12, 6
SECRET_VARIABLES = re.compile(r"SECRET|TOKEN$|PASSWORD")
# The address that messages give as an example.
EXAMPLE = b"ada@example.org"
PERSONAL = re.compile(rb'"(firstName|lastName|userName|email)"\s*:\s*"([^"\\]*)"')
PROGRAMS = ("users-service", "fallback-job")

secrets, people, logs, outputs, refusals = set(), set(), set(), set(), set()


class Disclosure(AssertionError):
    """Something was written that nobody may read."""


def is_telling(field, value):
    if field == b"email" and (b"@" not in value or value in EXAMPLE):
        return False
    return len(value) >= NAME_LEAST and not re.fullmatch(rb"[0-9a-fA-F-]*", value)


def note_secret(value):
    value = value.encode() if isinstance(value, str) else value
    if len(value) >= SECRET_LEAST and len(set(value)) > 4:
        secrets.add(value)


def note_environment(environment):
    for name, value in environment.items():
        if SECRET_VARIABLES.search(name):
            note_secret(value)


def note_address(address):
    password = urllib.parse.urlsplit(str(address)).password
    if password:
        note_secret(urllib.parse.unquote(password))


def note_program(arguments, stderr):
    """A program in the background, and the file that it logs to."""
    if pathlib.Path(arguments[0]).name in PROGRAMS:
        logs.add(pathlib.Path(stderr))


def note_output(text):
    outputs.add(text.encode() if isinstance(text, str) else text)


def note_request(headers, body):
    scheme, _, credential = (headers or {}).get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        note_secret(credential.strip().encode())
    people.update(value for field, value in PERSONAL.findall(body or b"")
                  if is_telling(field, value))


def note_reply(status, headers, body):
    """Secrets are looked for at once, in any reply; people when all are known, in refusals."""
    head = "".join(f"{name}: {value}\n" for name, value in headers.items()).encode()
    found = [secret for secret in secrets if secret in body or secret in head]
    if found:
        raise Disclosure(f"a reply ({status}) holds {found}: {head + body[:500]!r}")
    if status >= 400:
        refusals.add(head + body)


def faults():
    """A line for each text that holds what it may not."""
    texts = [(str(path), path.read_bytes()) for path in sorted(logs) if path.exists()]
    texts += [("a program's output", text) for text in sorted(outputs)]
    for where, text in texts:
        for value in sorted(secrets | people):
            if value in text:
                yield f"{where} holds {value!r}"
    for text in sorted(refusals):
        for value in sorted(people):
            if value in text:
                yield f"a refusal holds {value!r}: {text[:500]!r}"
