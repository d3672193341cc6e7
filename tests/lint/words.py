#!/usr/bin/python3
"""
What no file of the project may say: paths of somebody's machine, notes of unfinished work,
functions of C that cannot be used safely.

    words.py [ROOT]     prints each place; exits 0 or 1

Looks at what git tracks or would add. The patterns are written so that they do not find themselves.
"""
import pathlib
import re
import subprocess
import sys

ANYWHERE = {
    "a path of one machine": re.compile(r"/(?:wor[k]|hom[e]|roo[t]|User[s])/\w|/tm[p]/(?:lea[d]|build)-"),
    "a merge conflict": re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE),
    "unfinished work": re.compile(r"\b(?:TOD[O]|FIXM[E]|XX[X]|HAC[K])\b"),
    "a key or a password": re.compile(r"AKI[A][0-9A-Z]{16}|BEGIN (?:RSA |EC )?PRIVATE KE[Y]"),
}
IN_PROGRAMS = {
    "an unbounded or unsafe function": re.compile(
        r"(?<![\w.>])(?:sprintf|vsprintf|gets|atoi|atol|atof|strtok|tmpnam|mktemp|alloca|setjmp"
        r"|longjmp|system|popen)\("),
}
NO_CODE = re.compile(r"/\*.*?\*/|\"(?:\\.|[^\"\\])*\"", re.DOTALL)


def files(root):
    names = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others",
                            "--exclude-standard"], capture_output=True, check=True).stdout
    return [pathlib.Path(root) / name.decode() for name in names.split(b"\0") if name]


def search(path, text, patterns):
    for what, pattern in patterns.items():
        for found in pattern.finditer(text):
            yield f"{path}:{text.count(chr(10), 0, found.start()) + 1}: {what}: {found.group()}"


def blank(match):
    """The same number of lines, without the words."""
    return "\n" * match.group().count("\n")


def check(path):
    # Inputs of fuzz targets are bytes, not words; so are pictures.
    if not path.is_file() or "corpus" in path.parts or path.suffix == ".png":
        return
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        yield f"{path}: is not UTF-8"
        return
    yield from search(path, text, ANYWHERE)
    if path.suffix in (".c", ".h") and "src" in path.parts:
        yield from search(path, NO_CODE.sub(blank, text), IN_PROGRAMS)
    if text and not text.endswith("\n"):
        yield f"{path}: the last line has no end"


def main(root):
    found = [line for path in files(root) for line in check(path)]
    print("\n".join(found) or "no word is out of place")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))
