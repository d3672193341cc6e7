#!/usr/bin/python3
"""
How a program was built: what the compiler and the linker do against those who would take it over.

    hardening.py PROGRAM...     prints what a program lacks; exits 0 or 1

Reads the program itself, since what counts is not what the compiler was told. Two flags leave no
trace in it: they are looked for in compile_commands.json, if the program is in a build folder.
"""
import json
import pathlib
import platform
import re
import subprocess
import sys

# Flags that cannot be seen in a program, and need no support that a compiler could lack.
UNSEEN = ("-fstack-clash-protection", "-ftrivial-auto-var-init=zero", "-D_FORTIFY_SOURCE=3")


def readelf(program, *what):
    return subprocess.run(["readelf", "--wide", *what, program], capture_output=True, text=True,
                          check=True).stdout


def disassembly(program, function):
    return subprocess.run(["objdump", f"--disassemble={function}", program], capture_output=True,
                          text=True, check=True).stdout


def flags(dynamic, tag):
    found = re.search(rf"\({tag}\)\s+(?:Flags:)?(.*)", dynamic)
    return found.group(1).split() if found else []


def layout_faults(program):
    header, segments = readelf(program, "--file-header"), readelf(program, "--program-headers")
    dynamic = readelf(program, "--dynamic")
    first, last = flags(dynamic, "FLAGS"), flags(dynamic, "FLAGS_1")
    stack = re.search(r"GNU_STACK.* (R?W?E?)\s+0x\w+\n", segments)
    if not re.search(r"Type:\s+DYN", header) or "PIE" not in last:
        yield "is not position-independent (-fPIE -pie)"
    if "GNU_RELRO" not in segments:
        yield "has no RELRO (-z relro)"
    if "BIND_NOW" not in first and "NOW" not in last:
        yield "binds its functions late (-z now)"
    if not stack or "E" in stack.group(1):
        yield "has a stack that can be executed (-z noexecstack)"
    if re.search(r"\bRWE\b", segments):
        yield "has memory that can be written and executed"
    if re.search(r"\((?:TEXTREL|RPATH|RUNPATH)\)", dynamic):
        yield "relocates its text, or looks for libraries in folders of its own"


def code_faults(program):
    symbols = readelf(program, "--dyn-syms")
    if "__stack_chk_fail" not in symbols:
        yield "has no stack protector (-fstack-protector-strong)"
    if not re.search(r"__\w+_chk@", symbols.replace("__stack_chk_fail", "")):
        yield "has no checked functions (_FORTIFY_SOURCE)"
    # The mark in the notes needs a C library that was built so; the code is what is ours.
    if platform.machine() == "x86_64" and "endbr64" not in disassembly(program, "main"):
        yield "has no protection of control flow (-fcf-protection=full)"


def flag_faults(program):
    for folder in pathlib.Path(program).resolve().parents:
        commands = folder / "compile_commands.json"
        if commands.exists():
            break
    else:
        return
    for entry in json.loads(commands.read_text(encoding="utf-8")):
        if "/src/" not in entry["file"]:
            continue
        missing = [flag for flag in UNSEEN if flag not in entry["command"].replace('"', "").split()]
        if missing:
            yield f"has {entry['file']} compiled without {' '.join(missing)}"


def faults(program):
    for find in (layout_faults, code_faults, flag_faults):
        for fault in find(program):
            yield f"{program} {fault}"


def main(programs):
    found = [fault for program in programs for fault in faults(program)]
    print("\n".join(found) or "every program is hardened")
    return 1 if found or not programs else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
