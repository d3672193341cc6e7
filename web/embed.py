"""Turns the files of the status page into C: the table of src/handlers/page_files.h.

usage: embed.py OUTPUT NAME=FILE...
"""
import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
         ".txt": "text/plain; charset=utf-8"}

output, *pairs = sys.argv[1:]
lines = ['#include "handlers/page_files.h"', ""]
rows = []
for index, pair in enumerate(sorted(pairs)):
    name, path = pair.split("=", 1)
    content = pathlib.Path(path).read_bytes()
    # As numbers: C99 compilers need not take string literals over 4095 characters.
    numbers = ",".join(str(byte) for byte in content)
    lines.append(f"static const unsigned char bytes_{index}[] = {{{numbers}}};")
    digest = hashlib.sha256(content).hexdigest()[:32]
    kind = TYPES[pathlib.Path(name).suffix]
    rows.append(f'    {{"{name}", "{kind}", "\\"{digest}\\"", bytes_{index}, sizeof bytes_{index}}},')
lines += ["", "const struct page_file page_files[] = {", *rows, "};",
          f"const size_t page_file_count = {len(rows)};", ""]
pathlib.Path(output).write_text("\n".join(lines), encoding="ascii")
