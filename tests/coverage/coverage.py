#!/usr/bin/python3
"""
How much of what decides its unit tests reach: every line, and 95 % of the branches of each module.

    coverage.py --programs BUILD    the tests' programs, for ninja
    coverage.py --tests BUILD       the tests' names, for meson
    coverage.py BUILD               the table; exits 0, or 1 with what is missing

BUILD was configured with -Db_coverage=true, and its unit tests have run. Only unit tests count:
what a run of the programs would reach by chance is reached by nobody the next time. Branches of
assertions are left out, for what they deny cannot be brought about; whatever else is left out
stands in the file `exclusions`, with its reason.
"""
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXCLUSIONS = pathlib.Path(__file__).with_name("exclusions")
LEAST = (100.0, 95.0)  # of a module's lines, and of its branches

# A module, what is in it, and whose unit tests are counted.
MODULES = {
    "engine": ["src/fallback/breaker.c", "src/fallback/engine.c", "src/fallback/engine_identity.c",
               "src/fallback/engine_page.c", "src/fallback/engine_route.c",
               "src/fallback/engine_state.h", "src/fallback/engine_sweep.c",
               "src/fallback/engine_watch.c", "src/fallback/identity.c", "src/fallback/pace.c",
               "src/fallback/page.c", "src/fallback/sweep.c", "src/fallback/waiters.c"],
    "audit": ["src/fallback/audit.c", "src/fallback/audit_page.c"],
    "retry table": ["src/fallback/verdict.c", "src/fallback/backoff.c"],
    "users": ["src/users/adding.c", "src/users/deleting.c", "src/users/flow.c",
              "src/users/updating.c", "src/users/uploading.c", "src/users/user.c"],
    "schedule": ["src/job/civil.c", "src/job/next.c", "src/job/schedule.c", "src/job/zone.c",
                 "src/job/zone_rule.c"],
    "guard": ["src/http/guard.c", "src/http/guard_self_test.c"],
}
TESTS = re.compile(r"^(fallback .*|users.*|job (civil|next|schedule|zone|zone files)"
                   r"|http guard)$")

Exclusion = collections.namedtuple("Exclusion", "kind path text reason")


def tests_of(build):
    listed = json.loads(subprocess.run(["meson", "introspect", "--tests", build], check=True,
                                       capture_output=True, text=True).stdout)
    return [test for test in listed if TESTS.match(test["name"])]


def programs_of(build):
    programs = {os.path.relpath(test["cmd"][0], build) for test in tests_of(build)}
    return sorted(programs)


def exclusions():
    rows = []
    for line in EXCLUSIONS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            kind, path, rest = line.split(None, 2)
            text, reason = rest.rsplit("  - ", 1)
            rows.append(Exclusion(kind, path, text.strip(), reason.strip()))
    return rows


def measure(build):
    """What gcov counted: lines and branches by file."""
    folders = sorted({str(pathlib.Path(build) / pathlib.Path(path).parent)
                      for paths in MODULES.values() for path in paths})
    done = subprocess.run(["gcovr", "--json", "--root", ROOT, *folders], check=True,
                          capture_output=True, text=True, cwd=ROOT)
    return {found["file"]: found["lines"] for found in json.loads(done.stdout)["files"]}


class Module:
    """Counts of a module, and what is missing from it."""

    def __init__(self):
        self.lines = self.reached = self.branches = self.taken = 0
        self.missing = []

    def add(self, path, source, line, excluded):
        number = line["line_number"]
        text = source[number - 1].strip()
        if Exclusion("line", path, text, "") in excluded and not line["count"]:
            excluded[Exclusion("line", path, text, "")] += 1
            return
        self.lines += 1
        self.reached += line["count"] > 0
        if not line["count"]:
            self.missing.append(f"{path}:{number}: never reached: {text}")
        if re.search(r"\bassert\(", text):
            return
        taken = [branch["count"] > 0 for branch in line["branches"]]
        if Exclusion("branch", path, text, "") in excluded and not all(taken):
            excluded[Exclusion("branch", path, text, "")] += 1
            return
        self.branches += len(taken)
        self.taken += sum(taken)
        if not all(taken):
            self.missing.append(f"{path}:{number}: {taken.count(False)} of {len(taken)} branches "
                                f"never taken: {text}")

    def share(self):
        return 100.0 * self.taken / self.branches if self.branches else 100.0

    def holds(self, lines_least, branches_least):
        return (100.0 * self.reached >= lines_least * self.lines > 0
                and self.share() >= branches_least)


def collect(counted):
    excluded = {row._replace(reason=""): 0 for row in exclusions()}
    modules = {}
    for name, paths in MODULES.items():
        modules[name] = Module()
        for path in paths:
            source = (ROOT / path).read_text(encoding="utf-8").splitlines()
            for line in counted.get(path, []):
                if not line.get("gcovr/noncode"):
                    modules[name].add(path, source, line, excluded)
    return modules, [row for row, used in excluded.items() if not used]


def main(build):
    counted = measure(build)
    modules, stale = collect(counted)
    unseen = [path for paths in MODULES.values() for path in paths if path not in counted]
    listed = {path for paths in MODULES.values() for path in paths}
    unlisted = [str(path.relative_to(ROOT)) for folder in ("src/fallback", "src/users")
                for path in sorted((ROOT / folder).glob("*.c"))
                if str(path.relative_to(ROOT)) not in listed]
    print(f"{'module':12} {'lines':>11} {'branches':>11}")
    for name, module in modules.items():
        print(f"{name:12} {module.reached:5}/{module.lines:<5} {module.taken:5}/{module.branches:<5}"
              f" {module.share():5.1f} %")
        for line in module.missing:
            print(f"    {line}")
    for path in unseen:
        print(f"{path}: no test was built with it")
    for path in unlisted:
        print(f"{path}: in no module of {pathlib.Path(__file__).name}")
    for row in stale:
        print(f"{EXCLUSIONS.name}: reached, or gone: {row.kind} {row.path} {row.text}")
    return not (unseen or unlisted or stale) and all(
        module.holds(*LEAST) for module in modules.values())


if __name__ == "__main__":
    if sys.argv[1] == "--programs":
        print("\n".join(programs_of(sys.argv[2])))
    elif sys.argv[1] == "--tests":
        print("\n".join(test["name"] for test in tests_of(sys.argv[2])))
    else:
        sys.exit(0 if main(sys.argv[1]) else 1)
