"""
growth: does a deletion cost more when more of them wait?

For each number of pending rows, some thousands are claimed and confirmed through the repository,
a thousand at a time on one connection, and nobody is asked to delete anything; once on the whole
backlog, once after half of it has been drained the same way. The sizes are measured in turn, so
what the machine does besides meets them all. The largest takes minutes to make and half an hour
to drain, and is measured with --long.
"""
import json
import subprocess

import backlog
from stage import BUILD
from support.postgres import psql
from workload import Contestant, Figure, Goal

WHAT = "cost of a claimed and confirmed row, by the number of rows that wait"

FIGURES = (
    Figure("claim", "µs a claimed row", best="low", digits=2),
    Figure("both", "µs a claimed and confirmed row", best="low", digits=2),
    Figure("buffers", "pages looked at in a claim, a row", best="low", digits=2),
)

KEYS = 1000
NAMES = {100_000: "10^5", 1_000_000: "10^6", 10_000_000: "10^7"}


def name_of(kind, rows, half=False):
    return f"{kind}, {NAMES.get(rows, rows)} rows" + (", half drained" if half else "")


def goals():
    found = []
    for kind in ("PostgreSQL", "SQLite"):
        base = name_of(kind, 100_000)
        for rows in (1_000_000, 10_000_000):
            for half in (False, True):
                found.append(Goal(name_of(kind, rows, half), "both", 1.2, 1.2, (base,)))
    return tuple(found)


GOALS = goals()

# What a claim looks at: the statement as the service sends it, rolled back.
CLAIM = """
BEGIN;
EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)
UPDATE deletions SET claim = claim + 1, leased_until = {now} + 60000 WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM deletions WHERE due_at <= {now} AND due_at >= {low}
    AND (state = 'pending' OR due_at <= {now}) AND not_before <= {now}
    AND (leased_until <= {now} OR leased_until > {now} + 3600000)
    ORDER BY due_at LIMIT {keys} FOR UPDATE SKIP LOCKED))
RETURNING key, EXISTS (SELECT 1 FROM users WHERE avatar_key = deletions.key
                       AND NOT avatar_should_be_deleted);
ROLLBACK;
"""


def ceiling(address, rows, pages=1):
    done = subprocess.run([BUILD / "benchmarks/ceiling", "--database", address, "--pages",
                           str(pages), "--page-keys", str(KEYS), "--most", str(rows)], check=True,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return json.loads(done.stdout)


class Backlog:
    """One database, drained a little each round; half of it before the first round of `half`."""

    def __init__(self, made, taken):
        self.made, self.taken = made, taken
        self.address = made.copy()
        self.drained = False

    def figures(self, turn):
        result = ceiling(self.address, self.taken)
        if result["rows"] != self.taken:
            raise RuntimeError(f"claimed {result['rows']} rows of {self.taken}")
        found = {"claim": result["claim_us"], "both": result["claim_us"] + result["confirm_us"]}
        if self.address.startswith("postgres"):
            found["buffers"] = buffers(self.address)
        return found

    def half(self, turn):
        if not self.drained:
            left = self.made.rows // 2 - (turn + 1) * self.taken
            ceiling(self.address, max(left, KEYS), 4)
            self.drained = True
        return self.figures(turn)


def buffers(address):
    low = psql(address, "SELECT due_at FROM deletions ORDER BY due_at LIMIT 1")
    now = psql(address, "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint")
    text = psql(address, CLAIM.format(now=now, low=low, keys=KEYS))
    plan = json.loads(text)[0]["Plan"]
    return (plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]) / KEYS


def receipts_add(made, count):
    """Receipts of deletions long past."""
    made.run_source(f"""
        INSERT INTO receipts (key, store_id, user_id, reason, kind, attempts, status,
            requested_at, finished_at)
        SELECT 'avatars/' || gen_random_uuid(), 'past', gen_random_uuid(), 'user', 'done', 1, 204,
            n, n FROM generate_series(1, {count}) AS n""")


def contestants(stage):
    bucket = stage.s3d(0)
    sizes = [100_000, 1_000_000] + ([10_000_000] if stage.long else [])
    if stage.quick:
        sizes = [5_000, 10_000]
    taken = stage.size(10_000, 1_000)
    found = []
    for kind, make in (("PostgreSQL", backlog.PostgresBacklog), ("SQLite", backlog.SqliteBacklog)):
        databases = []
        for rows in sizes:
            made = make(stage, rows, bucket)
            if kind == "PostgreSQL" and not stage.quick:
                receipts_add(made, 10_000_000 if stage.long else 1_000_000)
            databases.append((rows, Backlog(made, taken)))
        found += [Contestant(name_of(kind, rows), one.figures, ours=True)
                  for rows, one in databases]
        found += [Contestant(name_of(kind, rows, True), Backlog(one.made, taken).half, ours=True)
                  for rows, one in databases]
    return found


def notes(stage):
    return {"claimed_in_each_round": stage.size(10_000, 1_000),
            "receipts_on_PostgreSQL": 0 if stage.quick else 10_000_000 if stage.long
            else 1_000_000}
