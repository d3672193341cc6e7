#!/usr/bin/python3
"""
The layering law: who may include what. ARCHITECTURE.md says why.

    includes.py [ROOT]      prints each include of ROOT/src that breaks the law; exits 0 or 1

A row names folders or single headers of ours; a folder may always include itself. A driver has a
row of its own and is in nobody else's, so that only the programs can name it.
"""
import pathlib
import re
import sys

FILES, REPOSITORY, WAKE = "files/files.h", "repository/repository.h", "wake/wake.h"
LAW = {
    "base": (),
    "config": ("base",),
    "metrics": ("base",),
    # Put in front of drivers by the build, and included by nobody.
    "failpoints": ("base", "config/options.h"),
    "images": ("config/limits.h",),
    "sandbox": ("base",),
    "files": ("base", "metrics"),
    "files/local": ("base", "files"),
    "files/s3": ("base", "files", "metrics"),
    # Its rules are written with the durations and numbers that options have.
    "files/faulty": ("base", "files", "config/options.h"),
    "repository": ("base", "metrics"),
    "repository/sqlite": ("base", "repository"),
    "repository/postgres": ("base", "repository"),
    "fallback": ("base", FILES, REPOSITORY),
    "wake": ("base",),
    # The database's address, and how it is connected to.
    "wake/postgres": ("base", "wake", "repository/postgres/address.h"),
    "wake/rabbitmq": ("base", "wake"),
    "users": ("base", "fallback", FILES, REPOSITORY),
    "runtime": ("base", "fallback", "users", "metrics", FILES, REPOSITORY, WAKE,
                "config/limits.h"),
    "http": ("base", "config"),
    "handlers": ("base", "config", "http", "images", "metrics", "runtime", "sandbox", "users",
                 FILES, REPOSITORY),
    "job": ("base", "config", "http", "metrics/exposition.h"),
    "programs": ("base", "config", "fallback", "files", "files/local", "files/s3", "files/faulty",
                 "handlers", "http", "job", "metrics", "repository", "repository/sqlite",
                 "repository/postgres", "runtime", "sandbox", "wake", "wake/postgres",
                 "wake/rabbitmq"),
}

# In these, each folder is a driver: one that has no row is found.
WITH_DRIVERS = ("files", "repository", "wake")

# What comes from outside has a home, so that it could be exchanged there.
HOMES = {
    "curl/": ("files/s3", "http", "failpoints"),
    "expat": ("files/s3",),
    "amqp": ("wake/rabbitmq", "failpoints"),
    "libpq": ("repository/postgres", "wake/postgres", "failpoints"),
    "linux/landlock": ("sandbox",),
    "microhttpd": ("http",),
    "seccomp": ("sandbox",),
    "sqlite3": ("repository/sqlite", "failpoints"),
    "zlib": ("images",),
}

# The core does no I/O: no thread, clock, file or socket. It may include these, and ours.
CORE = ("fallback", "images", "users")
PURE = {"assert.h", "ctype.h", "inttypes.h", "limits.h", "math.h", "stdarg.h", "stdbool.h",
        "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h", "zlib.h"}
IMPURE_OURS = {"base/clock.h", "base/log.h", "base/mailbox.h"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def folder_of(path):
    """The row that a file belongs to: a driver's folder, or the first one."""
    first, *rest = path.split("/")
    return f"{first}/{rest[0]}" if first in WITH_DRIVERS and len(rest) > 1 else first


def fault_of_ours(folder, included, source):
    if not (source / included).is_file():
        return "is no file below src/"
    home = folder_of(included)
    allowed = LAW[folder]
    if home != folder and home not in allowed and included not in allowed:
        return f"is not for {folder}/"
    if folder in CORE and included in IMPURE_OURS:
        return f"does I/O, and {folder}/ is the core"
    return None


def fault_of_theirs(folder, included):
    for start, homes in HOMES.items():
        if included.startswith(start) and folder not in homes:
            return f"belongs to {' and '.join(homes)}"
    if folder in CORE and included not in PURE:
        return f"does I/O, and {folder}/ is the core"
    return None


def faults(source):
    """Yields a line for each include that breaks the law."""
    for path in sorted(source.rglob("*.[ch]")):
        name = path.relative_to(source).as_posix()
        folder = folder_of(name)
        if folder not in LAW:
            yield f"{name}: {folder}/ is not in the law (tests/lint/includes.py)"
            continue
        for ours, theirs in INCLUDE.findall(path.read_text(encoding="utf-8")):
            fault = fault_of_ours(folder, ours, source) if ours else fault_of_theirs(folder, theirs)
            if fault:
                yield f"{name}: {ours or theirs} {fault}"


def main(root):
    found = list(faults(pathlib.Path(root) / "src"))
    print("\n".join(found) or "every include keeps the law")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))
