"""Receipts as an auditor meets them: the commands, and the chain judged without our program."""
import hashlib
import json
import subprocess

from . import disclosure, programs

PATIENCE = 30
NONE = "0" * 64


def run(word, *arguments, service=None):
    """users-service receipts WORD …; with a service, at its private API."""
    where = () if service is None else (
        "--private", f"http://127.0.0.1:{service.private_port}", "--token-file",
        str(service.token_file))
    done = subprocess.run([programs.program("users-service"), "receipts", word,
                           *map(str, arguments), *where], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=PATIENCE, check=False)
    disclosure.note_output(done.stdout + done.stderr)
    return done


def items(service):
    """All that the private API lists."""
    found, cursor = [], None
    while True:
        answer = service.private.get("/api/receipts", cursor=cursor)
        assert answer.status == 200, answer
        found += answer.data["items"]
        cursor = answer.data["next"]
        if cursor is None:
            return found


def wait_until_sealed(service):
    programs.wait_for(lambda: "seal" in (items(service) or [{}])[-1], PATIENCE,
                      "the receipts to be sealed")


def export(service, path):
    wait_until_sealed(service)
    done = run("export", "--to", path, service=service)
    assert done.returncode == 0, done
    return path


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def judge(text):
    """The digest of the last seal of an export whose chain is whole; docs/receipts.md."""
    records, previous = "", NONE
    lines = text.splitlines(keepends=True)
    for line in lines[1:-1]:
        if not line.startswith('{"seal"'):
            records += line
            continue
        seal = json.loads(line)
        assert (seal["content"], seal["previous"]) == (sha256(records), previous)
        assert seal["digest"] == sha256(line[:line.index(',"digest"')])
        records, previous = "", seal["digest"]
    assert json.loads(lines[-1])["digest"] == sha256("".join(lines[:-1]))
    return previous


def end_again(lines):
    """The lines of an export with an end that fits them: of a forger who read the docs."""
    end = json.loads(lines[-1])
    end["digest"] = sha256("".join(lines[:-1]))
    return [*lines[:-1], json.dumps(end, separators=(",", ":")) + "\n"]


def forge(lines, begins_anew=False):
    """The same with a new chain over whatever the records say now."""
    records, previous, made = "", NONE, [lines[0]]
    for line in lines[1:-1]:
        if line.startswith('{"seal"'):
            seal = json.loads(line)
            seal.update(content=sha256(records), previous=NONE if begins_anew else previous)
            text = json.dumps(seal, separators=(",", ":"))
            seal["digest"] = previous = sha256(text[:text.index(',"digest"')])
            line, records = json.dumps(seal, separators=(",", ":")) + "\n", ""
        else:
            records += line
        made.append(line)
    return end_again([*made, lines[-1]])
