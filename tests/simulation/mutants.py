#!/usr/bin/python3
"""
Breaks the service, one rule at a time, and lets the simulation find it.

    mutants.py [--seeds N] [--only NAME]… [--write]

Each mutant below takes something out of the service's sources, in a copy of the tree: a list of
(file, text, what stands there instead). The simulation is built from the copy and run from seed 1
until it finds something. --write makes the table docs/simulation.md of it. Exits 1 if a mutant
lives that is not expected to, or if its text is no longer in the sources.
"""
import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/simulation.md"
FIRST_MARK, LAST_MARK = "<!-- mutants: begin -->", "<!-- mutants: end -->"
RUN_SECONDS = 1200

SQL = "src/repository/sqlite/statements.c"
SCHEMA = "src/repository/migrations/sqlite/0001-first.sql"
SEALS = "src/repository/migrations/sqlite/0003-seals.sql"
CONFIRMS = "src/repository/sqlite/confirms.c"
CLAIMS = "src/repository/sqlite/claims.c"
USERS = "src/repository/sqlite/users.c"
ENGINE = "src/fallback/engine.c"
PAGE = "src/fallback/engine_page.c"
IDENTITY = "src/fallback/engine_identity.c"
VERDICT = "src/fallback/verdict.c"
BREAKER = "src/fallback/breaker.c"
UPLOADING = "src/users/uploading.c"
DELETING = "src/users/deleting.c"

NO_R21_NO_CAS = (SQL, '"AND claim = 0 AND not_before - ?3 / 15 > ?2"', '"AND ?2 + ?3 > 0"')

# name, rule, what is taken out, how
MUTANTS = [
    ("claims-before-time", "R4", "a claim takes rows before their `not_before`",
     [(SQL, '"not_before <= ?1 AND (leased_until <= ?2',
       '"(leased_until <= ?2')]),
    ("claims-under-lease", "R5", "a claim takes rows under a lease",
     [(SQL, '(leased_until <= ?2 OR', '(?2 = ?2 OR')]),
    ("calls-outlive-leases", "R5", "a call may take longer than half its lease",
     [(PAGE, ".deadline_ms = deadline < half ? deadline : half,",
       ".deadline_ms = deadline + 0 * half,")]),
    ("claim-not-raised", "R6", "a claim does not raise the token",
     [(SQL, "SET claim = claim + 1, leased_until", "SET claim = claim, leased_until")]),
    ("attach-ignores-claims", "R1, R21",
     "an upload is attached though its guard was claimed, or near its end",
     [NO_R21_NO_CAS]),
    ("attach-keeps-guard", "R1", "an upload is attached, and its guard stays",
     [(SQL, '"DELETE FROM deletions WHERE key = ?1 AND reason = \'upload\' "\n'
            '                               "AND claim = 0 AND not_before - ?3 / 15 > ?2"',
       '"UPDATE deletions SET attempts = 0 WHERE key = ?1 AND reason = \'upload\' "\n'
       '                               "AND claim = 0 AND not_before - ?3 / 15 > ?2"'),
      (SCHEMA, "           OR EXISTS (SELECT 1 FROM deletions WHERE key = NEW.avatar_key)\n"
               "           OR EXISTS (SELECT 1 FROM receipts WHERE key = NEW.avatar_key));\nEND;\n"
               "\nCREATE TRIGGER users_update_rules",
       "           OR EXISTS (SELECT 1 FROM receipts WHERE key = NEW.avatar_key));\nEND;\n"
       "\nCREATE TRIGGER users_update_rules"),
      (SCHEMA, "AND NEW.avatar_key IS NOT OLD.avatar_key\n"
               "      AND (EXISTS (SELECT 1 FROM users WHERE avatar_key = NEW.avatar_key)\n"
               "           OR EXISTS (SELECT 1 FROM deletions WHERE key = NEW.avatar_key)\n",
       "AND NEW.avatar_key IS NOT OLD.avatar_key\n"
       "      AND (EXISTS (SELECT 1 FROM users WHERE avatar_key = NEW.avatar_key)\n")]),
    ("attach-without-user", "R1", "an upload is attached without a look at its user",
     [(USERS, "    if (standing != 1) {\n        op->outcome = REPOSITORY_NOT_FOUND;\n"
              "        return standing < 0 ? -1 : 0;\n    }\n    if (*op->if_key",
       "    if (standing < 0)\n        return -1;\n    if (*op->if_key"),
      (USERS, "query_change(connection, &set) == 1 ? 0", "query_change(connection, &set) >= 0 ? 0")]),
    ("no-guard", "R1", "an upload leaves no row before its PUT",
     [(SQL, '"WHERE EXISTS (SELECT 1 FROM users WHERE id = ?1 AND avatar_should_be_deleted = 0)",\n'
            "    /* For a user",
       '"WHERE EXISTS (SELECT 1 FROM users WHERE id = ?1 AND avatar_should_be_deleted = 2)",\n'
       "    /* For a user"),
      (USERS, "    op->outcome = changed > 0 ? REPOSITORY_OK : REPOSITORY_NOT_FOUND;\n"
              "    return changed < 0 ? -1 : 0;\n}\n\nint sqlite_guard_settle",
       "    op->outcome = REPOSITORY_OK;\n"
       "    return changed < 0 ? -1 : 0;\n}\n\nint sqlite_guard_settle")]),
    ("guard-without-user", "R9", "a guard is written for users who are going, or gone",
     [(SQL, '"WHERE EXISTS (SELECT 1 FROM users WHERE id = ?1 AND avatar_should_be_deleted = 0)",\n'
            "    /* For a user",
       '"WHERE ?1 = ?1",\n    /* For a user')]),
    ("silence-settles", "S1", "a PUT without an answer is taken for one that failed",
     [(UPLOADING, "return answer->status >= 400 && answer->status < 500 && answer->status != 408;",
       "return answer->status >= 0;")]),
    ("one-look", "R15", "an upload's key is looked at once, and not a while later again",
     [(CONFIRMS, "else if (deletion_is_final(item->row))", "else if (item->row)"),
      (SQL, "WHERE key = ?1 AND (reason <> 'upload' OR look = 'second')", "WHERE key = ?1")]),
    ("put-twice", "R14", "a PUT that failed is sent again under its key",
     [(UPLOADING, "    flow->wakes = true;\n    flow->why = \"the image could not be stored now; "
                  "try again\";\n    /* Silence",
       "    if (flow->files.deadline_ms)\n        return FLOW_FILES;\n"
       "    flow->wakes = true;\n    flow->why = \"the image could not be stored now; "
       "try again\";\n    /* Silence")]),
    ("put-outlives-guard", "R20", "a PUT may end after half the guard's time",
     [(UPLOADING, "flow->files.deadline_ms = deadline < half_guard ? deadline : half_guard;",
       "flow->files.deadline_ms = deadline + 0 * half_guard;")]),
    ("replaced-without-row", "R10", "the trigger writes nothing for an avatar that is replaced",
     [(SCHEMA, "WHEN OLD.avatar_key IS NOT NULL AND OLD.avatar_key IS NOT NEW.avatar_key\n",
       "WHEN OLD.avatar_key IS NOT NULL AND OLD.avatar_key <> OLD.avatar_key\n")]),
    ("cleared-without-row", "R10", "the trigger compares with `<>`, which is never true of null",
     [(SCHEMA, "WHEN OLD.avatar_key IS NOT NULL AND OLD.avatar_key IS NOT NEW.avatar_key\n",
       "WHEN OLD.avatar_key IS NOT NULL AND OLD.avatar_key <> NEW.avatar_key\n")]),
    ("marked-without-row", "R10", "the trigger writes nothing for a user who is marked",
     [(SCHEMA, "WHEN NEW.avatar_should_be_deleted = 1 AND OLD.avatar_should_be_deleted = 0\n",
       "WHEN NEW.avatar_should_be_deleted = 2 AND OLD.avatar_should_be_deleted = 0\n")]),
    ("gone-without-row", "R2", "the trigger writes nothing for a user whose row is deleted by hand",
     [(SEALS, "    WHERE OLD.avatar_key IS NOT NULL\n    ON CONFLICT",
       "    WHERE OLD.avatar_key IS NOT NULL AND false\n    ON CONFLICT")]),
    ("removed-too-early", "R3", "a user is removed while a deletion of theirs is left",
     [(SQL, '"AND avatar_key IS NULL AND NOT EXISTS (SELECT 1 FROM deletions WHERE user_id = ?1)",\n'
            "    [STATEMENT_AVATAR_CLEAR]",
       '"AND avatar_key IS NULL",\n    [STATEMENT_AVATAR_CLEAR]'),
      (SCHEMA, "    WHERE NOT EXISTS (SELECT 1 FROM deletions WHERE user_id = OLD.id)\n"
               "    ON CONFLICT (user_id)", "    WHERE true\n    ON CONFLICT (user_id)")]),
    ("marked-forgotten", "R12", "neither timer nor sweep looks for marked users without deletions",
     [(SQL, '"DELETE FROM users WHERE avatar_should_be_deleted = 1 AND avatar_key IS NULL "',
       '"DELETE FROM users WHERE avatar_should_be_deleted = 2 AND avatar_key IS NULL "')]),
    ("unmarked", "D1", "a mark can be taken back",
     [(SCHEMA, "WHERE OLD.avatar_should_be_deleted = 1 AND NEW.avatar_should_be_deleted IS NOT 1;",
       "WHERE OLD.avatar_should_be_deleted = 2;")]),
    ("put-user-unmarks", "R17, D1", "an update writes the mark as it was read",
     [(SQL, '"UPDATE users SET first_name = ?2,',
       '"UPDATE users SET avatar_should_be_deleted = 0, first_name = ?2,'),
      (SQL, '"WHERE id = ?1 AND avatar_should_be_deleted = 0 AND (?9 < 0 OR version = ?9)"',
       '"WHERE id = ?1 AND (?9 < 0 OR version = ?9)"'),
      (SCHEMA, "WHERE OLD.avatar_should_be_deleted = 1 AND NEW.avatar_should_be_deleted IS NOT 1;",
       "WHERE OLD.avatar_should_be_deleted = 2;")]),
    ("no-receipt", "D5", "a finished row leaves no receipt",
     [(CONFIRMS, "if (receipt_insert(connection, item, &finished, now) < 0)",
       "if (!receipt_insert)")]),
    ("done-without-word", "verdict", "a key that the store's answer does not mention counts as done",
     [(VERDICT, "{FILES_CODE_UNANSWERED, VERDICT_RETRY}", "{FILES_CODE_UNANSWERED, VERDICT_DONE}")]),
    ("done-by-error", "verdict", "an error inside a 200 counts as done",
     [(VERDICT, '{"InternalError", VERDICT_RETRY}', '{"InternalError", VERDICT_DONE}')]),
    ("done-by-timeout", "verdict", "a call without an answer counts as done",
     [(VERDICT, "{FILES_CODE_TIMEOUT, VERDICT_RETRY}", "{FILES_CODE_TIMEOUT, VERDICT_DONE}")]),
    ("done-by-refusal", "verdict", "a refusal counts as done",
     [(VERDICT, '{"AccessDenied", VERDICT_BLOCKED}', '{"AccessDenied", VERDICT_DONE}')]),
    ("told-too-early", "C2", "a DELETE answers `deleted` when its patience ends",
     [(DELETING, "flow->waiter.outcome == WAITER_DONE ? FLOW_DONE : FLOW_PENDING", "FLOW_DONE")]),
    ("blocked-parked", "R13", "a probe that succeeds unblocks nothing",
     [(SQL, "\"WHERE state = 'blocked' AND store_id = ?1 AND error_class = ?2\"",
       "\"WHERE state = 'parked' AND store_id = ?1 AND error_class = ?2\"")]),
    ("breaker-stays-open", "breaker", "nothing closes a breaker again",
     [(BREAKER, "    breaker->state = BREAKER_CLOSED;\n    breaker->failures = 0;\n    return closes;",
       "    return closes && false;")]),
    ("store-never-refused", "M3", "another store is taken for ours, and nothing is reopened",
     [(IDENTITY, "    store_lost(engine, now, store);\n    store->identity = IDENTITY_REFUSED;",
       "    store->good_at = now;\n    return;\n    store->identity = IDENTITY_REFUSED;")]),
    ("nothing-reopened", "M3", "another store is noticed, and what it said stays receipted",
     [(IDENTITY, "    engine_reopen(engine, now);\n}", "    store->reopen_since = 0;\n}")]),
    ("reopened-by-one-clock", "M3, P4", "what is reopened is found by the database's times alone",
     [("src/repository/repository.h",
       "return op->since < now - op->elapsed_ms ? op->since : now - op->elapsed_ms;",
       "return now ? op->since : 0;")]),
    ("not-redated", "P4", "times that a clock set back left behind stay as they are",
     [(ENGINE, "if (!engine->options.timer || engine->redating || now < engine->redated_at)",
       "if (now)")]),
    ("put-off-keeps-time", "P4", "a row that is put off keeps a hard time from before the step",
     [(SQL, "not_before = min(not_before, ?3), due_at = ?3 + ?5", "due_at = ?3 + ?5")]),
    ("walk-ends-leases", "P4, R5", "a walk that began before the step takes rows under a lease",
     [(CLAIMS, "claim->untouched_since && claim->untouched_since < now", "claim->untouched_since")]),
]


class Fault(Exception):
    """The list and the tree do not fit each other."""


def tree_copy(folder):
    """What git tracks or would add."""
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others",
                            "--exclude-standard"], capture_output=True, check=True).stdout
    for name in names.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def change(folder, changes):
    """Applies a mutant; returns what undoes it."""
    before = {}
    for name, text, instead in changes:
        path = folder / name
        content = path.read_text(encoding="utf-8")
        before.setdefault(path, content)
        if content.count(text) != 1:
            raise Fault(f"{name} has {content.count(text)} times: {text}")
        path.write_text(content.replace(text, instead), encoding="utf-8")
    return before


def build(folder):
    done = subprocess.run(["ninja", "-C", folder / "build", "tests/simulation/simulate"],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise Fault(done.stdout[-2000:])


def simulate(folder, seeds):
    """Returns (seed, what was broken), or None."""
    try:
        done = subprocess.run([folder / "build/tests/simulation/simulate", "--seeds", str(seeds)],
                              capture_output=True, text=True, check=False, timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired:
        raise Fault(f"{seeds} seeds took longer than {RUN_SECONDS} s") from None
    line = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""
    if done.returncode == 0:
        return None
    if not line.startswith("seed "):
        raise Fault(f"ended with {done.returncode}: {done.stderr[-500:]}")
    seed, broken = line.removeprefix("seed ").split(": ", 1)
    return int(seed), broken


def mutants_run(folder, seeds, only):
    tree_copy(folder)
    subprocess.run(["meson", "setup", "-Dwerror=false", folder / "build", folder], check=True,
                   stdout=subprocess.DEVNULL)
    build(folder)
    if simulate(folder, 200) is not None:
        raise Fault("the unbroken tree keeps no promise")
    for name, rule, prose, changes in MUTANTS:
        if only and name not in only:
            continue
        before = change(folder, changes)
        try:
            build(folder)
            found = simulate(folder, seeds)
        finally:
            for path, content in before.items():
                path.write_text(content, encoding="utf-8")
        print(f"{name}: {found or 'LIVES'}", flush=True)
        yield name, rule, prose, found


def words(broken):
    """Without the names of the life in which it was found."""
    return " ".join("…" if part.count("-") >= 4 else part for part in broken.split())


def table(rows):
    yield "| mutant | rule | what is taken out | seed | what the simulation says |"
    yield "| --- | --- | --- | --- | --- |"
    for name, rule, prose, found in rows:
        seed, broken = found or ("", "**lives**")
        yield f"| `{name}` | {rule} | {prose} | {seed} | {words(broken)} |"


def document_write(rows):
    text = DOCUMENT.read_text(encoding="utf-8")
    head, tail = text.split(FIRST_MARK)[0], text.split(LAST_MARK)[1]
    DOCUMENT.write_text(head + FIRST_MARK + "\n" + "\n".join(table(rows)) + "\n" + LAST_MARK + tail,
                        encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=5000)
    parser.add_argument("--only", action="append")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        try:
            rows = list(mutants_run(pathlib.Path(folder), arguments.seeds, arguments.only))
        except Fault as fault:
            sys.exit(f"mutants: {fault}")
    if arguments.write:
        document_write(rows)
    living = [name for name, *_, found in rows if not found]
    if living:
        sys.exit(f"mutants: {len(living)} of {len(rows)} live: {', '.join(living)}")
    print(f"all {len(rows)} mutants were found")


if __name__ == "__main__":
    main()
