"""Turns a database's migrations into a C table of texts, with the version that they lead to.

usage: embed.py OUTPUT DATABASE FILE...

The files are named by their place, 0001 and so on: the version is their number.
"""
import pathlib
import sys

output, database, *files = sys.argv[1:]
for place, file in enumerate(sorted(files), start=1):
    if not pathlib.Path(file).name.startswith(f"{place:04}-"):
        sys.exit(f"{file} is number {place}")
name, version = f"repository_{database}_migrations", f"repository_{database}_schema_version"
lines = ["#include <stddef.h>", "", f"extern const char *const {name}[];",
         f"extern const size_t {name}_count;", f"extern const int {version};", ""]
# As numbers: C99 compilers need not take string literals over 4095 characters.
for index, file in enumerate(sorted(files)):
    numbers = ", ".join(str(byte) for byte in pathlib.Path(file).read_bytes())
    lines.append(f"static const char text_{index}[] = {{{numbers}, 0}};")
texts = ", ".join(f"text_{index}" for index in range(len(files)))
lines += ["", f"const char *const {name}[] = {{{texts}}};",
          f"const size_t {name}_count = {len(files)};", f"const int {version} = {len(files)};", ""]
pathlib.Path(output).write_text("\n".join(lines), encoding="ascii")
