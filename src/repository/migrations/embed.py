"""Turns SQL files into a C table of texts, in the order of their names.

usage: embed.py OUTPUT NAME FILE...
"""
import pathlib
import sys

output, name, *files = sys.argv[1:]
lines = ["#include <stddef.h>", "", f"extern const char *const {name}[];",
         f"extern const size_t {name}_count;", ""]
# As numbers: C99 compilers need not take string literals over 4095 characters.
for index, file in enumerate(sorted(files)):
    numbers = ", ".join(str(byte) for byte in pathlib.Path(file).read_bytes())
    lines.append(f"static const char text_{index}[] = {{{numbers}, 0}};")
texts = ", ".join(f"text_{index}" for index in range(len(files)))
lines += ["", f"const char *const {name}[] = {{{texts}}};",
          f"const size_t {name}_count = {len(files)};", ""]
pathlib.Path(output).write_text("\n".join(lines), encoding="ascii")
