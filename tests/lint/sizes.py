#!/usr/bin/python3
"""
Sizes and names of the C sources.

    sizes.py [ROOT]     prints what is too large or named astray; exits 0 or 1

Functions are found by their braces in the first column, which the formatter sees to.
"""
import pathlib
import re
import statistics
import sys

FUNCTION_LINES = {"src": 70, "tests": 90}
MEDIAN_LINES = 18
FILE_LINES = 700
COLUMNS = 100
PREFIXED_SHARE = 0.9

PROTOTYPE = re.compile(r"^(?:[a-z_][\w ]*[ *])([a-z]\w*)\((?!\()", re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def functions(lines):
    """Yields (line, length) of each function's body."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            yield start, number - start - 1
            start = None


def is_prefixed(name, header):
    """An exported name begins with its file's first word or a folder's name, or the singular."""
    owners = {header.stem.split("_")[0], *header.parent.parts}
    return any(name.startswith((owner, owner.removesuffix("s"))) for owner in owners)


def exports(header):
    return PROTOTYPE.findall(COMMENT.sub("", header.read_text(encoding="utf-8")))


def check_file(path, part, lengths):
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) > FILE_LINES:
        yield f"{path}: {len(lines)} lines, more than {FILE_LINES}"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            yield f"{path}:{number}: {len(line)} columns, more than {COLUMNS}"
        if "\t" in line or line != line.rstrip():
            yield f"{path}:{number}: a tab, or space at the end"
    for number, length in functions(lines):
        lengths.append(length)
        if length > FUNCTION_LINES[part]:
            yield f"{path}:{number}: a function of {length} lines, more than {FUNCTION_LINES[part]}"


def check_sizes(root):
    for part in FUNCTION_LINES:
        lengths = []
        for path in sorted((root / part).rglob("*.[ch]")):
            yield from check_file(path, part, lengths)
        if lengths and statistics.median(lengths) > MEDIAN_LINES:
            yield f"{part}: the median function has more than {MEDIAN_LINES} lines"


def check_names(root):
    astray, total = [], 0
    for header in sorted((root / "src").rglob("*.h")):
        for name in exports(header):
            total += 1
            if not is_prefixed(name, header.relative_to(root / "src")):
                astray.append(f"{header}: {name} does not say where it lives")
    if total and 1 - len(astray) / total < PREFIXED_SHARE:
        yield from astray


def main(root):
    root = pathlib.Path(root)
    found = [*check_sizes(root), *check_names(root)]
    print("\n".join(found) or "sizes and names are in bounds")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))
