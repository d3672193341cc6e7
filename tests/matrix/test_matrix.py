"""
A kill at every failpoint in turn, on each database and provider: whatever moment the process dies
at, its database and its store agree. KILLS sets how often (320), SEED repeats a run.
"""
import os
import random

import pytest

import matrix

KILLS = int(os.environ.get("KILLS", "320"))
SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 30))))


@pytest.mark.parametrize("provider", matrix.PROVIDERS)
@pytest.mark.parametrize("database", matrix.DATABASES)
def test_no_kill_at_any_failpoint_loses_orphans_or_belies_anything(database, provider):
    result = matrix.run_lane(database, provider, SEED, KILLS // 4)
    kills = sum(result.killed.values())
    print(f"{database}, {provider}: {kills} kills at {len(result.killed)} points, SEED={SEED}")
    assert not result.found, f"SEED={SEED}\n" + "\n".join(result.found)
    assert kills == KILLS // 4
