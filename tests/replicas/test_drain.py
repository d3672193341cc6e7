"""Three replicas and two jobs share a backlog, without a leader and without each other's rows."""
import concurrent.futures
import random

import pytest

from support import job, postgres

DELETIONS = 20000
SEED = random.SystemRandom().randrange(1 << 32)
FILL = """
INSERT INTO users (id, first_name, last_name, user_name, email, avatar_key, avatar_store_id,
                   created_at, updated_at)
SELECT '01900000-0000-7000-8000-' || lpad(n::text, 12, '0'), 'A', 'B', 'C', 'D',
       'avatars/01900000-0000-7000-8000-' || lpad(n::text, 12, '0'),
       (SELECT id FROM stores), 1, 1 FROM generate_series(1, {count}) AS n
"""
MARK = "UPDATE users SET avatar_should_be_deleted = true"


def leave(one, count):
    """Users whose erasure was asked for, all at once, as by hand-typed SQL."""
    postgres.psql(one.database.address, FILL.format(count=count))
    postgres.psql(one.database.address, MARK)


def number(one, query):
    return int(one.rows(f"SELECT {query}")[0][0])


def run_jobs(replicas):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(job.run, replicas))


def assert_all_is_done(one, count):
    one.wait_for(lambda: number(one, "count(*) FROM deletions") == 0, 60, "the backlog to go")
    assert number(one, "count(*) FROM users") == 0
    assert number(one, "count(*) FROM user_receipts") == count
    assert number(one, "count(DISTINCT key) FROM receipts") == count
    assert number(one, "count(*) FROM receipts") == count


@pytest.mark.parametrize("queue", ["local", "postgres"])
def test_in_the_calm_every_key_is_sent_exactly_once(replicas, s3d, agrees, queue):
    three = replicas({}, {}, {}, files=s3d.url(), environment=s3d.environment, queue=queue)
    leave(three[0], DELETIONS)
    for ended in run_jobs(three[:2]):
        assert ended.returncode == 0, ended.stderr
    assert_all_is_done(three[0], DELETIONS)
    assert s3d.status()["keysAsked"] == DELETIONS
    assert number(three[0], "max(attempts) FROM receipts") == 1
    for one in three[1:]:
        one.stop()
    agrees(three[0], s3d)


def test_under_faults_every_key_is_sent_and_the_end_is_the_same(replicas, s3d, agrees):
    """A third of the provider's answers is wrong, and a replica dies with its rows claimed."""
    count = 4000
    three = replicas({}, {}, {}, files=s3d.url(), environment=s3d.environment, queue="postgres",
                     lease="3s")
    s3d.fault(*(f"{rule},seed={SEED}" for rule in (
        "refuse,verb=BATCH,status=503,code=SlowDown,p=0.1,times=20", "unlist,p=0.1,times=400",
        "lose,verb=BATCH,p=0.1,times=20", "cut,verb=BATCH,p=0.1,times=20", "latency,ms=50")))
    leave(three[0], count)
    # Nobody is woken by hand-typed SQL; this wakes all.
    assert three[2].private.post("/api/deletions/retry", {"state": "pending"}).status == 202
    three[2].wait_for(lambda: number(three[0], "count(*) FROM receipts") > count // 10, 60)
    three[2].kill()
    run_jobs(three[:2])
    s3d.clear()
    run_jobs(three[:2])
    assert_all_is_done(three[0], count)
    assert s3d.status()["keysAsked"] >= count, f"SEED={SEED}"
    three[1].stop()
    agrees(three[0], s3d)
