"""Manual pages and completion, which are made from the programs' own tables of options."""
import gzip
import os
import pty
import re
import select
import subprocess
import time

import pytest

from conftest import PACKAGES
from support import programs


def page(unpacked, name):
    return gzip.decompress((unpacked / f"usr/share/man/man8/{name}.8.gz").read_bytes()).decode()


def helps(unpacked, name):
    """What --help says of the program, and of each of its words."""
    program = unpacked / "usr/bin" / name

    def asked(*words):
        return subprocess.run([program, *words, "--help"], capture_output=True, text=True,
                              timeout=20, check=True).stdout

    whole = asked()
    words = set(re.findall(rf"{name} ((?:[a-z]+ )+)--help", whole.replace("\n", " ")))
    # The one program has a help for each word, and the other all of them in one.
    return [*re.split(r"\n(?=usage: )", whole), *(asked(*word.split()) for word in sorted(words))]


@pytest.mark.parametrize("name", PACKAGES)
def test_the_page_is_sound(unpacked, name, tmp_path):
    source = tmp_path / f"{name}.8"
    source.write_text(page(unpacked, name))
    lint = subprocess.run(["mandoc", "-Tlint", source], capture_output=True, text=True,
                          timeout=60, check=False)
    assert (lint.returncode, lint.stdout) == (0, "")
    man = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", source],
                         env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80",
                              "MANROFFSEQ": ""},
                         capture_output=True, text=True, timeout=60, check=False)
    assert (man.returncode, man.stderr) == (0, "")


@pytest.mark.parametrize("name", PACKAGES)
def test_the_page_has_all_that_the_help_has(unpacked, name, tmp_path):
    """Every option with its value, its default, its bounds and its variable; every exit code."""
    source = tmp_path / f"{name}.8"
    source.write_text(page(unpacked, name))
    shown = subprocess.run(["mandoc", "-Tutf8", "-Owidth=1000", source], capture_output=True,
                           text=True, timeout=60, check=True).stdout
    shown = " ".join(re.sub(r".\x08", "", shown).replace("‐", "-").split())
    for text in helps(unpacked, name):
        usage, rest = text.split("\n\nOptions:\n")
        for option in re.findall(r"^  (--\S+(?: \S+)?)(?:   |$)", rest, re.MULTILINE):
            assert f" {option} " in shown, option
        for value in re.findall(r"\(default: (.*)\)$", rest, re.MULTILINE):
            assert f" Default: {value}." in shown, value
        for line in re.findall(r"^      (From \S+ to \S+\.|Environment: \S+)$", rest, re.MULTILINE):
            assert line in shown, line
        for line in usage.splitlines():
            assert " ".join(line.replace("usage: ", "").split()) in shown, line
    for code in (0, 64, 69, 70, 78):
        assert re.search(rf" {code} +[a-z]", shown)


def completed(unpacked, line):
    """What bash offers at the end of a line."""
    name = line.split()[0]
    # As Readline cuts it: "=" is a word of its own.
    words = re.findall(r"=|[^\s=]+", line)
    if line.endswith(" "):
        words.append("")
    script = (f'source "{unpacked}/usr/share/bash-completion/completions/{name}"\n'
              'complete -p "$1" >/dev/null || exit 3\n'
              'COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))\n'
              f'_{name.replace("-", "_")} && printf "%s\\n" "${{COMPREPLY[@]}}"\n')
    done = subprocess.run(["bash", "--norc", "-euc", script, "bash", *words], capture_output=True,
                          text=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return sorted(filter(None, done.stdout.split("\n")))


@pytest.mark.parametrize("line, offered", [
    ("users-service --second", ["--second-look"]),
    ("users-service --tls-", ["--tls-cert", "--tls-key"]),
    ("users-service --sandbox ", ["off", "on", "required"]),
    ("users-service --sandbox r", ["required"]),
    ("users-service --sandbox=", ["off", "on", "required"]),
    ("users-service --sandbox=o", ["off", "on"]),
    ("users-service --inline ", ["off", "on"]),
    ("users-service --lease ", []),
    ("users-service f", ["files"]),
    ("users-service files c", ["copy"]),
    ("users-service rec", ["receipts"]),
    ("users-service receipts p", ["prune"]),
    ("users-service receipts verify --h", ["--head", "--help"]),
    ("users-service files copy c", []),
    ("users-service check c", []),
    ("users-service files copy --un", ["--unix-socket"]),
    ("users-service migrate --", ["--from", "--help", "--to"]),
    ("users-service check --f", ["--files", "--files-timeout"]),
    ("fallback-job --on-f", ["--on-failure"]),
    ("fallback-job run --on-failure ", ["continue", "exit"]),
    ("fallback-job s", ["status"]),
    ("fallback-job status --", ["--config", "--help", "--state"]),
    ("fallback-job next --c", ["--count"]),
    ("fallback-job check --cont", ["--contract"]),
    ("fallback-job check --on-f", ["--on-failure"]),
    ("fallback-job --once s", []),
])
def test_completion_offers(unpacked, line, offered):
    assert completed(unpacked, line) == offered


def test_completion_offers_files_where_files_are_wanted(unpacked, tmp_path):
    for name in ("token one", "token-two"):
        (tmp_path / name).write_text("")
    assert completed(unpacked, f"users-service --token-file {tmp_path}/token-t") == [
        f"{tmp_path}/token-two"]


@pytest.mark.parametrize("name", PACKAGES)
def test_completion_offers_every_option(unpacked, name):
    for text in helps(unpacked, name):
        words = re.match(rf"usage: ({name}(?: [a-z]+)*) ", text).group(1)
        options = re.findall(r"^  (--\S+)", text, re.MULTILINE)
        assert set(options) <= set(completed(unpacked, f"{words} --"))


def read_until(terminal, wanted, timeout=60):
    """What a terminal shows, until it shows this."""
    shown, end = "", time.monotonic() + timeout
    while wanted not in shown:
        assert time.monotonic() < end, f"no {wanted!r} in {shown!r}"
        if select.select([terminal], [], [], 1)[0]:
            shown += os.read(terminal, 4096).decode(errors="replace")
    return shown


def test_completion_at_a_prompt(unpacked):
    """A real bash with Readline, and the tabulator pressed."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"],
                  {"TERM": "dumb", "PS1": "ready> ", "PATH": "/usr/bin:/bin",
                   "INPUTRC": "/dev/null", "HOME": "/nonexistent"})
    try:
        read_until(terminal, "ready> ")
        os.write(terminal, f"source {unpacked}/usr/share/bash-completion/completions/users-service"
                           " && echo loa''ded\n".encode())
        read_until(terminal, "loaded")
        os.write(terminal, b"users-service --second\t")
        read_until(terminal, "users-service --second-look ")
        os.write(terminal, b"1d --sandbox=req\t")
        read_until(terminal, "--sandbox=required ")
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
