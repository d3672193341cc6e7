#!/usr/bin/python3
"""
Breaks the service, one rule at a time, and lets the simulation find it.

    mutants.py [--seeds N] [--only NAME]… [--write]

Each mutant below takes something out of the service's sources, in a copy of the tree: a list of
(file, text, what stands there instead). The simulation is built from the copy and run from seed 1
until it finds something; for what it does not simulate, an ordinary test is named, and run.
--write makes the tables in docs/simulation.md of it. Exits 1 if a mutant lives, or if its text is
no longer in the sources.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/simulation.md"
MARKS = "<!-- mutants: begin -->", "<!-- mutants: end -->"
ORDINARY_MARKS = "<!-- ordinary: begin -->", "<!-- ordinary: end -->"
RUN_SECONDS = 1200

SQL = "src/repository/sqlite/statements.c"
# Where the triggers are that hold: those of older migrations were dropped.
LEAVING = "src/repository/migrations/sqlite/0006-reasons.sql"
GOING = "src/repository/migrations/sqlite/0007-users-gone.sql"
CONFIRMS = "src/repository/sqlite/confirms.c"
CLAIMS = "src/repository/sqlite/claims.c"
USERS = "src/repository/sqlite/users.c"
ENGINE = "src/fallback/engine.c"
PAGE = "src/fallback/engine_page.c"
IDENTITY = "src/fallback/engine_identity.c"
VERDICT = "src/fallback/verdict.c"
BREAKER = "src/fallback/breaker.c"
EPOCHS = "src/fallback/identity.c"
AUDITS = "src/fallback/audit.c"
RESTORED = "src/programs/restored.c"
RUN = "src/job/run.c"
CALL = "src/job/call.c"
UPLOADING = "src/users/uploading.c"
DELETING = "src/users/deleting.c"

NO_R21_NO_CAS = (SQL, '"AND claim = 0 AND not_before - ?3 / 15 > ?2"', '"AND ?2 + ?3 > 0"')

# Else next to nothing is confirmed in another store.
NO_LOOK_AT_ADDRESSES = (PAGE, "    if (op->address_changed)\n",
                        "    if (op->address_changed && now < 0)\n")

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
     [(SQL, '"UPDATE deletions SET claim = claim + 1, leased_until',
       '"UPDATE deletions SET leased_until'),
      (SQL, '"UPDATE OR FAIL deletions SET claim = claim + 1, leased_until',
       '"UPDATE OR FAIL deletions SET leased_until'),
      (CLAIMS, "        rows->rows[i].claim++;\n", ""),
      (CLAIMS, "        claim->claimed.rows[i].claim++;\n", "        ;\n")]),
    ("attach-ignores-claims", "R1, R21",
     "an upload is attached though its guard was claimed, or near its end",
     [NO_R21_NO_CAS]),
    ("attach-keeps-guard", "R1", "an upload is attached, and its guard stays",
     [(SQL, '"DELETE FROM deletions WHERE key = ?1 AND reason = \'upload\' "\n'
            '                               "AND claim = 0 AND not_before - ?3 / 15 > ?2"',
       '"UPDATE deletions SET attempts = 0 WHERE key = ?1 AND reason = \'upload\' "\n'
       '                               "AND claim = 0 AND not_before - ?3 / 15 > ?2"'),
      (GOING, "AND NEW.avatar_key IS NOT OLD.avatar_key\n"
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
     [(CONFIRMS, "CONFIRM_DONE && deletion_is_final(item->row);", "CONFIRM_DONE;"),
      (CONFIRMS, "    if (deletion_is_final(item->row))\n", "    if (item->row)\n"),
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
     [(LEAVING, "WHEN OLD.avatar_key IS NOT NULL AND OLD.avatar_key IS NOT NEW.avatar_key\n",
       "WHEN OLD.avatar_key IS NOT NULL AND OLD.avatar_key <> OLD.avatar_key\n")]),
    ("cleared-without-row", "R10", "the trigger compares with `<>`, which is never true of null",
     [(LEAVING, "WHEN OLD.avatar_key IS NOT NULL AND OLD.avatar_key IS NOT NEW.avatar_key\n",
       "WHEN OLD.avatar_key IS NOT NULL AND OLD.avatar_key <> NEW.avatar_key\n")]),
    ("marked-without-row", "R10", "the trigger writes nothing for a user who is marked",
     [(LEAVING, "WHEN NEW.avatar_should_be_deleted = 1 AND OLD.avatar_should_be_deleted = 0\n",
       "WHEN NEW.avatar_should_be_deleted = 2 AND OLD.avatar_should_be_deleted = 0\n")]),
    ("gone-without-row", "R2", "the trigger writes nothing for a user whose row is deleted by hand",
     [(GOING, "    WHERE OLD.avatar_key IS NOT NULL\n    ON CONFLICT",
       "    WHERE OLD.avatar_key IS NOT NULL AND false\n    ON CONFLICT")]),
    ("removed-too-early", "R3", "a user is removed while a deletion of theirs is left",
     [(SQL, '"AND avatar_key IS NULL AND NOT EXISTS (SELECT 1 FROM deletions WHERE user_id = ?1)",\n'
            "    [STATEMENT_AVATAR_CLEAR]",
       '"AND avatar_key IS NULL",\n    [STATEMENT_AVATAR_CLEAR]'),
      (GOING, "    WHERE NOT EXISTS (SELECT 1 FROM deletions WHERE user_id = OLD.id)\n"
              "    ON CONFLICT (user_id)", "    WHERE true\n    ON CONFLICT (user_id)")]),
    ("marked-forgotten", "R12", "neither timer nor sweep looks for marked users without deletions",
     [(SQL, 'AND id > ?1 AND id <= ?2 AND avatar_key IS NULL "',
       'AND id > ?1 AND id < ?1 AND avatar_key IS NULL "')]),
    ("unmarked", "D1", "a mark can be taken back",
     [(GOING, "WHERE OLD.avatar_should_be_deleted = 1 AND NEW.avatar_should_be_deleted IS NOT 1;",
       "WHERE OLD.avatar_should_be_deleted = 2;")]),
    ("put-user-unmarks", "R17, D1", "an update writes the mark as it was read",
     [(SQL, '"UPDATE users SET first_name = ?2,',
       '"UPDATE users SET avatar_should_be_deleted = 0, first_name = ?2,'),
      (SQL, '"WHERE id = ?1 AND avatar_should_be_deleted = 0 AND (?9 < 0 OR version = ?9)"',
       '"WHERE id = ?1 AND (?9 < 0 OR version = ?9)"'),
      (GOING, "WHERE OLD.avatar_should_be_deleted = 1 AND NEW.avatar_should_be_deleted IS NOT 1;",
       "WHERE OLD.avatar_should_be_deleted = 2;")]),
    ("no-receipt", "D5", "a finished row leaves no receipt",
     [(CONFIRMS, "    if (query_change(connection, &receipt) < 0)\n",
       "    query_end(&receipt);\n    if (!connection)\n")]),
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
    ("nothing-reopened", "M3",
     "another store is noticed by its identity alone, and what it said stays receipted",
     [NO_LOOK_AT_ADDRESSES,
      (IDENTITY, "    engine_reopen(engine, now);\n}", "    store->reopen_since = 0;\n}")]),
    ("reopened-by-one-clock", "M3, P4", "what is reopened is found by the database's times alone",
     [NO_LOOK_AT_ADDRESSES,
      ("src/repository/repository.h",
       "return op->since < now - op->elapsed_ms ? op->since : now - op->elapsed_ms;",
       "return now ? op->since : 0;")]),
    ("not-redated", "P4", "times that a clock set back left behind stay as they are",
     [(ENGINE, "if (!engine->options.timer || engine->redating || now < engine->redated_at)",
       "if (now)")]),
    ("put-off-keeps-time", "P4", "a row that is put off keeps a hard time from before the step",
     [(SQL, "not_before = min(not_before, ?3), due_at = ?3 + ?5", "due_at = ?3 + ?5")]),
    ("walk-ends-leases", "P4, R5", "a walk that began before the step takes rows under a lease",
     [(CLAIMS, "claim->untouched_since && claim->untouched_since < now", "claim->untouched_since")]),
    ("reopened-from-nothing", "R6", "the claims of a row that is reopened begin anew",
     [(SQL, "'second', (1 << 44) + (max(id) << 24), ", "'second', 0, ")]),
    ("reopened-from-the-time", "R6, P4",
     "the claims of a row that is reopened go on from the time, which may be set back",
     [(SQL, "'second', (1 << 44) + (max(id) << 24), ", "'second', ?3, ")]),
    ("held-after-all", "M3, R5",
     "an answer is held though another store was met, and longer than its lease",
     [(PAGE, "    engine_held_drop_all(engine, store);\n", ""),
      (PAGE, "if (page->stage == PAGE_HELD && now >= page->lease_until)",
       "if (page->stage == PAGE_HELD && now < 0)")]),
    ("ahead-forgets-its-lease", "R5", "the lease of a page that was claimed ahead counts from its call",
     [(PAGE, "        else\n            page_call(engine, now, page);\n    }\n}",
       "        else {\n            page->lease_until = now + engine->options.lease_ms;\n"
       "            page_call(engine, now, page);\n        }\n    }\n}")]),
    ("together-without-receipt", "D5", "rows that are finished together leave no receipt",
     [(CONFIRMS, "    if (company_change(connection, &receipts, 8, company) < 0)\n",
       "    query_end(&receipts);\n    if (!company)\n")]),
    ("together-without-user-receipt", "C6", "users who go together leave no receipt",
     [(CONFIRMS, "    return company_change(connection, &persons, 3, company);",
       "    query_end(&persons);\n    return 0;")]),
    ("together-with-more-left", "R3", "a user goes with a row though another one of theirs is left",
     [(SQL, ' AND NOT EXISTS (SELECT 1 FROM deletions "\n'
            '        "AS other WHERE other.user_id = deletions.user_id AND other.key <> '
            'deletions.key) "', ' "')]),
    ("marked-last-skipped", "R12", "the last marked user of a slice is passed over",
     [(SQL, 'AND id > ?1 AND id <= ?2 AND avatar_key IS NULL "',
       'AND id > ?1 AND id < ?2 AND avatar_key IS NULL "')]),
    ("epoch-not-compared", "P1", "a database that is behind its store is taken for the store's own",
     [(EPOCHS, "    if (files_answer_is_ok(answer)) {\n        check->ahead",
       "    if (!answer) {\n        check->ahead"),
      (EPOCHS, 'if (answer->status != 404 || strcmp(answer->code, "NoSuchBucket") == 0)\n'
               "        return answer_refuse(check);\n    /* An older",
       "if (answer->status != 404 && !files_answer_is_ok(answer))\n"
       "        return answer_refuse(check);\n    /* An older"),
      (EPOCHS, "return strcmp(check->files.identity.nonce, check->repository.store_id) == 0;",
       "return check->files.identity.nonce != check->repository.store_id;")]),
    ("epoch-not-raised", "P1", "a backup raises no epoch, nor does a start",
     [(EPOCHS, "if (check->stage == CHECK_EPOCH_OWN && check->epochs == EPOCHS_RAISE)",
       "if (check->stage == CHECK_EPOCH_TELLING && check->epochs == EPOCHS_RAISE)")]),
    ("epoch-not-told", "P1", "an epoch is raised in the database, and the store is not told",
     [(EPOCHS, "        return epoch_tell(check, CHECK_EPOCH_TELLING, now);",
       "        return epoch_settle(check);")]),
    ("job-gives-up-early", "M2", "the job takes the first page of a sweep for all of it",
     [(RUN, "    if (!verdict->more)\n        return run_judge", "    if (verdict)\n        return run_judge")]),
    ("job-starts-over", "M2", "the job calls without the cursor that it was given",
     [(CALL, 'return *cursor ? query_append(ret_url, "cursor", cursor) : 0;',
       'return cursor ? 0 : query_append(ret_url, "cursor", cursor);')]),
    ("job-takes-503-for-done", "job", "the job takes a 503 for a sweep that is over",
     [(CALL, "    return status >= 0 && status < 600 &&\n",
       "    return status == 503 || (status >= 0 && status < 600) &&\n")]),
    ("job-does-not-wait", "job", "the job calls before the time that `Retry-After` says",
     [(RUN, "    if (pause < verdict->retry_after_ms)\n", "    if (pause < 0)\n")]),
]

# What the simulation does not have: the same, with the ordinary test that finds it.
ORDINARY = [
    ("breaker-lets-all-pass", "breaker", "deletions go out while the breaker is open",
     "tests/unit/fallback/test_fallback_engine",
     [(BREAKER, "    return breaker->state == BREAKER_CLOSED ||\n",
       "    return breaker->failures >= 0 || now ||\n")]),
    ("answer-after-all", "M3",
     "a call that was under way when another store was met is believed",
     "tests/unit/fallback/test_fallback_identity",
     [(PAGE, "        page->distrusted |= (", "        page->distrusted |= !store && (")]),
    ("ahead-after-all", "M3", "a page that was claimed ahead is kept though another store was met",
     "tests/unit/fallback/test_fallback_ahead",
     [(PAGE, "page->stage == PAGE_READY && store ==", "page->stage == PAGE_READY && !store && store ==")]),
    ("marked-cursor-stays", "R12", "the second slice of marked users begins where the first did",
     "tests/unit/fallback/test_fallback_engine",
     [(ENGINE, "        memcpy(op->cursor, op->key, sizeof op->cursor);\n", "")]),
    ("stray-not-looked-at-again", "D6", "an audit schedules a stray without a second look for pointers",
     "tests/contract/repository_audit",
     [(SQL, "?4, ?4, ?4 WHERE NOT \" POINTED_AT \" AND NOT \" SETTLED", "?4, ?4, ?4 WHERE NOT \" SETTLED")]),
    ("stray-under-guard", "D6", "an audit schedules what an upload that is under way has under guard",
     "tests/contract/repository_audit",
     [(SQL, '" ON CONFLICT (key) DO NOTHING",\n    [STATEMENT_STRAY_CORRECT]',
       '" ON CONFLICT (key) DO UPDATE SET reason = \'external\', not_before = ?4, due_at = ?4",\n'
       "    [STATEMENT_STRAY_CORRECT]")]),
    ("stray-of-any-age", "D6", "an audit takes objects for strays that are younger than two guards",
     "tests/unit/fallback/test_fallback_audit",
     [("src/fallback/audit_page.c", "made_at <= audit->place.now - audit->settings.age_ms)",
       "made_at <= audit->place.now)")]),
    ("audit-without-share", "audit", "an audit deletes however much is nobody's",
     "tests/unit/fallback/test_fallback_audit",
     [(AUDITS, "if (next->store_strays * 100 > next->share * next->store_objects) {",
       "if (next->store_strays < 0) {")]),
    ("audit-of-two", "audit", "two replicas claim one audit",
     "tests/contract/repository_audit",
     [(SQL, "AND (owner = ?1 OR leased_until <= ?2 OR leased_until > ?2 +",
       "AND (owner = ?1 OR ?2 = ?2 OR leased_until > ?2 +")]),
    ("audit-finished-by-another", "audit", "who has lost an audit goes on saving what it found",
     "tests/contract/repository_audit",
     [(SQL, '"WHERE id = ?1 AND owner = ?2 AND state = \'running\'"',
       '"WHERE id = ?1 AND ?2 = ?2 AND state = \'running\'"')]),
    ("job-calls-at-once", "job", "the job tries again without a pause",
     "tests/unit/job/test_job_run_life",
     [(RUN, "return (int64_t)random_below(random, (uint64_t)bound + 1);",
       "return 0 * (int64_t)random_below(random, (uint64_t)bound + 1);")]),
    ("restored-clears-newer", "restore", "`--restored` clears an avatar that is newer than the erased one",
     "tests/blackbox/test_restored.py",
     [(RESTORED, "(record->is_person || strcmp(read.user.avatar.key, record->key) == 0)",
       "(record->is_person || *read.user.avatar.key)"),
      (RESTORED, "    if (!record->is_person)\n", "    if (!op->id)\n")]),
    ("restored-without-mark", "restore", "a restore that was cut off is not known to the next start",
     "tests/blackbox/test_restored.py",
     [(RESTORED, "return mark_write(work, RESTORE_BEGIN, error) < 0 ||\n",
       "return !work ||\n")]),
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


def superseded(path, text):
    """A trigger of this migration that `text` belongs to, if a later one drops it."""
    content = path.read_text(encoding="utf-8")
    names = re.findall(r"CREATE TRIGGER (\w+)", content[:content.index(text)])
    later = (other for other in path.parent.glob("*.sql") if other.name > path.name)
    drops = (name for other in later
             for name in re.findall(r"DROP TRIGGER (\w+)", other.read_text(encoding="utf-8")))
    return names[-1] if names and names[-1] in drops else None


def change(folder, changes):
    """Applies a mutant; returns what undoes it."""
    before = {}
    for name, text, instead in changes:
        path = folder / name
        content = path.read_text(encoding="utf-8")
        before.setdefault(path, content)
        if content.count(text) != 1:
            raise Fault(f"{name} has {content.count(text)} times: {text}")
        if path.suffix == ".sql" and superseded(path, text):
            raise Fault(f"{name} is not where {superseded(path, text)} is any more: {text}")
        path.write_text(content.replace(text, instead), encoding="utf-8")
    return before


def build(folder, target):
    done = subprocess.run(["ninja", "-C", folder / "build", *target], capture_output=True,
                          text=True, check=False)
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
    return seed, broken


def test_run(folder, test):
    """Returns (test, the first of it that fails), or None."""
    if test.endswith(".py"):
        build(folder, ["src/programs/users-service", "src/programs/fallback-job", "tests/s3d/s3d"])
        done = subprocess.run(
            ["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "-q", "-x",
             folder / test], capture_output=True, text=True, check=False, cwd=folder,
            timeout=RUN_SECONDS, env={**os.environ, "BUILD": str(folder / "build/src/programs")})
        failed = re.findall(r"^FAILED \S+::(\w+)", done.stdout, re.MULTILINE)
    else:
        build(folder, [test])
        done = subprocess.run([folder / "build" / test], capture_output=True, text=True,
                              check=False, timeout=RUN_SECONDS)
        failed = re.findall(r"^\[  FAILED  \] ([\w ]+__\w+)", done.stderr + done.stdout,
                            re.MULTILINE)
    if done.returncode == 0:
        return None
    if not failed:
        raise Fault(f"{test} ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
    return test, failed[0]


def mutant_try(folder, changes, find):
    before = change(folder, changes)
    try:
        return find()
    finally:
        for path, content in before.items():
            path.write_text(content, encoding="utf-8")


def simulation_find(folder, seeds):
    build(folder, ["tests/simulation/simulate"])
    return simulate(folder, seeds)


def all_run(folder, seeds, only):
    """Yields (name, rule, prose, found) of each mutant, then those of ordinary tests."""
    if simulation_find(folder, 200) is not None:
        raise Fault("the unbroken tree keeps no promise")
    wanted = [mutant for mutant in MUTANTS + ORDINARY if not only or mutant[0] in only]
    for name, rule, prose, *test, changes in wanted:
        found = mutant_try(folder, changes,
                           lambda: test_run(folder, *test) if test
                           else simulation_find(folder, seeds))
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


def ordinary_table(rows):
    yield "| mutant | rule | what is taken out | program | test that fails |"
    yield "| --- | --- | --- | --- | --- |"
    for name, rule, prose, found in rows:
        test, failed = found or ("", "**lives**")
        yield f"| `{name}` | {rule} | {prose} | `{test}` | `{failed}` |"


def between(text, marks, lines):
    head, tail = text.split(marks[0])[0], text.split(marks[1])[1]
    return head + marks[0] + "\n" + "\n".join(lines) + "\n" + marks[1] + tail


def document_write(rows):
    count = len(MUTANTS)
    text = DOCUMENT.read_text(encoding="utf-8")
    text = between(text, MARKS, table(rows[:count]))
    text = between(text, ORDINARY_MARKS, ordinary_table(rows[count:]))
    DOCUMENT.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=5000)
    parser.add_argument("--only", action="append")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if arguments.write and arguments.only:
        parser.error("--write makes whole tables: leave --only out")
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = pathlib.Path(folder)
        try:
            tree_copy(tree)
            subprocess.run(["meson", "setup", "-Dwerror=false", tree / "build", tree], check=True,
                           stdout=subprocess.DEVNULL)
            rows = list(all_run(tree, arguments.seeds, arguments.only))
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
