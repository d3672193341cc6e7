"""
A share of all that can fail: each place that calls out, and some allocations of each flow, on each
database and provider, and of each command. `torture.py` tries all of it.
"""
import os

import pytest

import commands
import torture

SEED = int(os.environ.get("SEED", "1"))
# Of each flow, on each lane, and of each command: of our own, and of SQLite's.
ALLOCATIONS = {"allocation": 3, "allocation in SQLite": 1}


@pytest.fixture(autouse=True)
def programs():
    with torture.use_torture_programs():
        yield


def assert_kept(result):
    print(f"{result.name}: {result.met} faults met, {len(result.missed)} missed, "
          f"ended {result.ended}, SEED={SEED}")
    assert not result.found, f"SEED={SEED}\n" + "\n".join(result.found)
    assert result.met > result.cases * 3 // 4, result.missed


@pytest.mark.parametrize("provider", torture.matrix.PROVIDERS)
@pytest.mark.parametrize("database", torture.matrix.DATABASES)
def test_no_call_and_no_allocation_that_fails_breaks_the_promise(database, provider):
    assert_kept(torture.run_lane(database, provider, SEED, lambda lane: [
        *lane.call_sites(), *lane.allocation_sites(ALLOCATIONS)]))


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_a_command_whose_calls_and_allocations_fail_says_what_is_so(name):
    assert_kept(commands.run_command(name, SEED, lambda bench: bench.sites(ALLOCATIONS)))
