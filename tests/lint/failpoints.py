#!/usr/bin/python3
"""
Failpoints: none is missing, and none is where it does not belong.

    failpoints.py BUILD [ROOT]            of a build without them: prints each call of a driver that
                                          leaves the process and has no failpoint, each failpoint
                                          that nobody calls, and each source that names them
    failpoints.py --absent PROGRAM…       prints each program that has a trace of them

A driver is what its compiled objects ask the system and its library for, whatever the sources look
like; each such symbol is a macro of src/failpoints/calls_*.h, or one of those below.
"""
import functools
import json
import pathlib
import re
import subprocess
import sys

# Each driver's archive and the header that it gets; what else calls out counts as one.
DRIVERS = {
    "src/files/libfiles_local": "files",
    "src/files/libfiles_s3": "curl",
    "src/http/libhttp_client": "curl",
    "src/job/libjob": "job",
    "src/repository/librepository_sqlite": "sqlite",
    "src/repository/librepository_postgres": "postgres",
    "src/wake/libwake_postgres": "postgres",
    "src/wake/libwake_rabbitmq": "rabbitmq",
}

# What leaves nothing outside the process as it was not: memory and text, threads, time, digests,
# descriptors of the process's own, and what a library only looks up in its own memory.
HARMLESS = re.compile("|".join((
    r"__\w+", r"_exit", r"_GLOBAL_OFFSET_TABLE_", r"mem\w+", r"str\w+", r"v?snprintf", r"qsort",
    r"[cm]alloc", r"reallocarray", r"free", r"explicit_bzero", r"getenv", r"gmtime_r", r"timegm",
    r"pthread_\w+", r"usleep", r"EVP_\w+", r"HMAC", r"XML_\w+", r"json_\w+", r"dirname",
    r"eventfd\w*", r"poll", r"fcntl", r"ferror", r"setvbuf", r"environ", r"fprintf", r"fputc",
    r"geteuid", r"ioctl", r"sig(?:addset|emptyset|nal|procmask)",
    r"posix_spawn(?:_file_actions|attr)_\w+",
    r"curl_easy_(?:escape|getinfo|header|init|reset|setopt|strerror)", r"curl_free", r"curl_url\w*",
    r"curl_global_cleanup", r"curl_multi_(?:init|setopt|wakeup)", r"curl_slist_\w+",
    r"sqlite3_(?:bind|column)_\w+", r"sqlite3_(?:changes|config|errcode|errmsg|errstr)",
    r"sqlite3_(?:extended_errcode|get_autocommit|system_errno|wal_hook)",
    r"PQ(?:clear|cmd\w+|connectionNeedsPassword|conninfo\w*|enterPipelineMode|errorMessage)",
    r"PQ(?:exitPipelineMode|freemem|get(?:isnull|value)|isBusy|notifies|ntuples|result\w+)",
    r"PQ(?:setErrorVerbosity|setNoticeReceiver|setnonblocking|socket|status)",
    r"amqp_(?:cstring_bytes|empty_\w+|error_string2|get_sockfd|maybe_release_buffers)",
    r"amqp_(?:new_connection|parse_url|set_\w+|ssl_socket_new|ssl_socket_set_verify_\w+)",
    r"amqp_tcp_socket_new")))

MACRO = re.compile(r"^#define (\w+)\(", re.MULTILINE)


@functools.lru_cache(maxsize=None)
def symbols(paths, kind):
    """What objects define (T, D, …) or ask for (U); a call for large files is the call."""
    done = subprocess.run(["nm", "--format=posix", *map(str, paths)], capture_output=True,
                          text=True, check=True)
    found = set()
    for line in done.stdout.splitlines():
        parts = line.split()
        if len(parts) > 1 and (parts[1] == "U") == (kind == "U"):
            found.add(re.sub(r"64(_v2)?$", "", parts[0]) if kind == "U" else parts[0])
    return found


def objects_of(build, archive):
    objects = sorted((build / f"{archive}.a.p").glob("*.o"))
    assert objects, f"{archive} has no objects in {build}"
    return tuple(objects)


def drivers_faults(build, root):
    own = symbols(tuple(build.glob("src/**/*.o")), "defined")
    for header in sorted(set(DRIVERS.values())):
        macros = set(MACRO.findall((root / f"src/failpoints/calls_{header}.h").read_text()))
        called = set()
        for archive, wanted in DRIVERS.items():
            if wanted != header:
                continue
            asked = symbols(objects_of(build, archive), "U") - own
            called |= asked
            for name in sorted(asked - macros):
                if not HARMLESS.fullmatch(name):
                    yield f"{archive}: {name} is called without a failpoint (calls_{header}.h)"
        for name in sorted(macros - called):
            yield f"calls_{header}.h: nobody calls {name}"


def all_drivers_faults(root):
    """A driver that has no row above is found by its folder."""
    known = {pathlib.Path(archive).parent.name + "/" + archive.rpartition("_")[2]
             for archive in DRIVERS}
    for parent in ("files", "repository", "wake"):
        for folder in sorted((root / "src" / parent).iterdir()):
            name = f"{parent}/{folder.name}"
            # Faults on purpose call another driver; migrations are text.
            if folder.is_dir() and name not in known | {"files/faulty", "repository/migrations"}:
                yield f"src/{name} has no failpoints (tests/lint/failpoints.py)"


def sources_faults(build, root):
    for path in sorted((root / "src").rglob("*.[ch]")):
        if path.parent.name != "failpoints" and re.search("failpoint", path.read_text(), re.I):
            yield f"{path}: names failpoints, which are in no source outside their folder"
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if "-include failpoints/calls_" in entry["command"]:
            yield f"{entry['file']} is compiled with failpoints"


def traces(program):
    """What a program has of failpoints: symbols and text."""
    if b"failpoint" in pathlib.Path(program).read_bytes().lower():
        yield f"{program} has a trace of failpoints"


def main(arguments):
    if arguments[0] == "--absent":
        found = [fault for program in arguments[1:] for fault in traces(program)]
    else:
        build, root = pathlib.Path(arguments[0]), pathlib.Path(arguments[1:] and arguments[1] or ".")
        found = [*drivers_faults(build, root), *all_drivers_faults(root),
                 *sources_faults(build, root)]
    print("\n".join(found) or "failpoints are where they belong")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
