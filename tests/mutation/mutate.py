#!/usr/bin/python3
"""
Do the unit tests notice when the code is wrong? Each mutant is one small change to a source of what
decides; it is compiled, linked into the unit tests of its module, and killed if one of them fails.

    mutate.py BUILD [--mutants N] [--seed N] [--summary FILE] [MODULE ...]

BUILD is a folder that meson configured and ninja built. N mutants of each module are drawn; all of
them without --mutants. Exits 0 if every module's tests kill 80 % or more. Clang's parser says where
the operators, conditions, numbers and statements are; what a mutant is, is decided here alone.
Mutants that do not compile are none. A test that runs on and on has noticed.
"""
import argparse
import collections
import concurrent.futures
import glob
import json
import os
import pathlib
import random
import resource
import shlex
import subprocess
import sys
import tempfile
import time

import clang.cindex
from clang.cindex import CursorKind, TokenKind

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "coverage"))
from coverage import MODULES, exclusions  # noqa: E402

LEAST = 80.0
CPU_S = 60
MEMORY = 4 << 30
# The tests of each module, those first that are soon through.
TESTS = {
    "engine": ["fallback tables", "fallback watch", "fallback stores", "fallback identity",
               "fallback limits", "fallback sweep", "fallback engine"],
    "audit": ["fallback audit"],
    "retry table": ["fallback tables"],
    "users": ["users user", "users adding", "users updating", "users deleting", "users uploading"],
    "schedule": ["job schedule", "job zone files", "job civil", "job next", "job zone"],
    "guard": ["http guard"],
}
SWAPS = {"<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"], "==": ["!="],
         "!=": ["=="], "&&": ["||"], "||": ["&&"], "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"],
         "%": ["*"], "|": ["&"], "&": ["|"], "<<": [">>"], ">>": ["<<"], "+=": ["-="], "-=": ["+="],
         "|=": ["&="], "&=": ["|="]}
WORDS = {"true": "false", "false": "true", "++": "--", "--": "++"}

Mutant = collections.namedtuple("Mutant", "module path line begin end text what")
Program = collections.namedtuple("Program", "name link arguments")


def of_file(cursor, path):
    return cursor.location.file and pathlib.Path(cursor.location.file.name) == path


def operator_of(cursor):
    """The operator's token of a binary expression: the first behind its left side."""
    left = next(cursor.get_children(), None)
    for token in cursor.get_tokens():
        if left and token.extent.start.offset >= left.extent.end.offset:
            return token if token.kind == TokenKind.PUNCTUATION else None
    return None


def changes_of_condition(cursor):
    """What decides between two ways, turned round."""
    children = list(cursor.get_children())
    if not children:
        return
    extent = children[0].extent
    yield extent.start.offset, extent.end.offset, lambda text: f"!({text})", "negated"


def says_something(literal, parent):
    """
    Not so of -1, for callers look at the sign, and of {0}, which stands for nothing at all.
    """
    if parent.kind == CursorKind.UNARY_OPERATOR and literal.spelling != "0":
        first = next(parent.get_tokens(), None)
        return first is not None and first.spelling != "-"
    return not (parent.kind == CursorKind.INIT_LIST_EXPR and len(list(parent.get_children())) == 1)


def changes_of(cursor, parent):
    """The changes to one expression or statement: (begin, end, text of the old text, what)."""
    extent = cursor.extent
    if cursor.kind in (CursorKind.BINARY_OPERATOR, CursorKind.COMPOUND_ASSIGNMENT_OPERATOR):
        token = operator_of(cursor)
        for other in SWAPS.get(token.spelling, []) if token else []:
            yield (token.extent.start.offset, token.extent.end.offset,
                   lambda _, other=other: other, f"{token.spelling} to {other}")
    if cursor.kind in (CursorKind.IF_STMT, CursorKind.CONDITIONAL_OPERATOR):
        yield from changes_of_condition(cursor)
    if cursor.kind == CursorKind.INTEGER_LITERAL and says_something(cursor, parent):
        yield extent.start.offset, extent.end.offset, lambda text: f"({text} + 1)", "plus one"
    if cursor.kind == CursorKind.UNARY_OPERATOR:
        for token in cursor.get_tokens():
            if token.spelling in ("++", "--"):
                yield (token.extent.start.offset, token.extent.end.offset,
                       WORDS.get, "the other way")
                break
    is_statement = parent.kind == CursorKind.COMPOUND_STMT
    if is_statement and cursor.kind in (CursorKind.CALL_EXPR, CursorKind.BINARY_OPERATOR,
                                        CursorKind.COMPOUND_ASSIGNMENT_OPERATOR,
                                        CursorKind.UNARY_OPERATOR):
        yield extent.start.offset, extent.end.offset, lambda _: "(void)0", "left out"


def mutants_below(cursor, parent, path):
    """Every change within a function; constant expressions are left to the compiler."""
    if cursor.kind == CursorKind.CASE_STMT:
        for child in list(cursor.get_children())[1:]:
            yield from mutants_below(child, cursor, path)
        return
    if of_file(cursor, path):
        yield from changes_of(cursor, parent)
    for child in cursor.get_children():
        if child.kind != CursorKind.PARM_DECL:
            yield from mutants_below(child, cursor, path)


def is_counted(line, path, left_out):
    return "assert(" not in line and (str(path.relative_to(ROOT)), line.strip()) not in left_out


def parse(path, command):
    arguments = [part for part in command if part.startswith(("-I", "-D", "-std"))]
    return clang.cindex.Index.create().parse(str(path), args=arguments)


def mutants_of(module, path, command):
    source = path.read_bytes()
    lines = source.decode().splitlines()
    left_out = {(row.path, row.text) for row in exclusions()}
    found = {}
    for function in parse(path, command).cursor.get_children():
        if function.kind != CursorKind.FUNCTION_DECL or not of_file(function, path):
            continue
        for begin, end, change, what in mutants_below(function, function, path):
            line = source.count(b"\n", 0, begin) + 1
            old = source[begin:end].decode()
            text = change(old)
            # What a macro stands for is changed where it is defined, or not at all.
            if what == "plus one" and not old[:1].isdigit():
                continue
            if old and text and is_counted(lines[line - 1], path, left_out):
                found[begin, end, text] = Mutant(module, path, line, begin, end, text,
                                                 f"{' '.join(old.split())[:40]}: {what}")
    return list(found.values())


class Build:
    """How the sources are compiled and the tests are linked."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        entries = json.loads((self.folder / "compile_commands.json").read_text())
        self.compile = {
            (self.folder / entry["file"]).resolve(): shlex.split(entry["command"])
            for entry in entries if "/src/" in str((self.folder / entry["file"]).resolve())}
        listed = json.loads(self.output("meson", "introspect", "--tests", self.folder))
        self.programs = {}
        for test in listed:
            name = os.path.relpath(test["cmd"][0], self.folder)
            if any(test["name"] in names for names in TESTS.values()):
                link = self.output("ninja", "-C", self.folder, "-t", "commands", name)
                self.programs[test["name"]] = Program(
                    test["name"], shlex.split(link.splitlines()[-1]), test["cmd"][1:])

    @staticmethod
    def output(*command):
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def run(self, command):
        return subprocess.run(command, cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False).returncode == 0

    def object_of(self, mutant, folder):
        """Compiles a mutant; False if it does not."""
        source = mutant.path.read_bytes()
        changed = folder / mutant.path.name
        changed.write_bytes(source[:mutant.begin] + mutant.text.encode() + source[mutant.end:])
        command = [part for part in self.compile[mutant.path]
                   if part not in ("-Werror", "-g", "-O2", "--coverage")]
        # Nothing tells make of it, and the source is another.
        for flag in ("-MF", "-MQ"):
            at = command.index(flag)
            del command[at:at + 2]
        command.remove("-MD")
        command[command.index("-o") + 1] = str(folder / "mutant.o")
        command[-1] = str(changed)
        return self.run([*command, "-w", "-O1"])

    def link(self, program, folder):
        """Links a test with the mutant, which goes before the library that it is taken from."""
        command = list(program.link)
        place = command.index("-o") + 1
        command[place] = str(folder / "test")
        command.insert(place + 1, str(folder / "mutant.o"))
        return self.run(command)


def passes(program, folder):
    def bounds():
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        done = subprocess.run([str(folder / "test"), *program.arguments], cwd=folder,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, preexec_fn=bounds, timeout=10 * CPU_S,
                              check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def fate(build, mutant):
    """The test that kills it, None if it survives; "" if it is no program."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        folder = pathlib.Path(name)
        if not build.object_of(mutant, folder):
            return ""
        for test in TESTS[mutant.module]:
            if not build.link(build.programs[test], folder):
                return ""
            if not passes(build.programs[test], folder):
                return test
    return None


def drawn(build, module, count, chance):
    found = [mutant for path in MODULES[module] if path.endswith(".c")
             for mutant in mutants_of(module, ROOT / path, build.compile[ROOT / path])]
    return found if not count or count >= len(found) else chance.sample(found, count)


def tests_pass(build):
    """They pass with an unchanged source, so that it is the mutant that fails them."""
    for module, names in TESTS.items():
        path = ROOT / MODULES[module][0]
        unchanged = Mutant(module, path, 1, 0, 0, "", "")
        assert fate(build, unchanged) is None, f"{names}: fail without a mutant"


def report(results, possible, seed, seconds):
    rows = ["| module | possible | tried | killed | survived | score |",
            "| --- | --- | --- | --- | --- | --- |"]
    survivors = []
    holds = True
    for module, found in results.items():
        killed = sum(test is not None for _, test in found)
        score = 100.0 * killed / len(found) if found else 0.0
        holds &= score >= LEAST
        rows.append(f"| {module} | {possible[module]} | {len(found)} | {killed} "
                    f"| {len(found) - killed} | {score:.1f} % |")
        survivors += [f"{mutant.path.relative_to(ROOT)}:{mutant.line}: {mutant.what}"
                      for mutant, test in found if test is None]
    text = "\n".join(["# Mutants", "", f"Seed {seed}, in {seconds:.0f} s, by "
                      "`./test mutation`. What a mutant is stands in "
                      "`tests/mutation/mutate.py`.", "", *rows, "", "Survivors:", "",
                      *(f"    {line}" for line in sorted(survivors)), ""])
    return text, holds


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("modules", nargs="*", default=list(MODULES))
    parser.add_argument("--mutants", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--summary", type=pathlib.Path)
    chosen = parser.parse_intermixed_args()
    clang.cindex.Config.set_library_file(glob.glob("/usr/lib/*/libclang-14.so.1")[0])
    build, chance, begun = Build(chosen.build), random.Random(chosen.seed), time.monotonic()
    tests_pass(build)
    results, possible = {}, {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for module in chosen.modules or MODULES:
            possible[module] = len(drawn(build, module, 0, chance))
            mutants = drawn(build, module, chosen.mutants, chance)
            fates = list(pool.map(lambda mutant: fate(build, mutant), mutants))
            results[module] = [(mutant, test) for mutant, test in zip(mutants, fates) if test != ""]
            print(f"{module}: {len(results[module])} tried, "
                  f"{sum(test is None for _, test in results[module])} survived", flush=True)
    text, holds = report(results, possible, chosen.seed, time.monotonic() - begun)
    print(text)
    if chosen.summary:
        chosen.summary.write_text(text, encoding="utf-8")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
