"""
The power is cut at any moment of what the service does, and the disk loses of what was not synced
whatever it likes (disk.py): nobody's answer is belied, nothing is lost or left behind, and the
service starts on what is there.

SEED repeats a run's decisions about its recording. LONG=1 tries every place and more losses at
each, and starts the service on all that is left.
"""
import os
import random

import pytest

from recording import LINK, MAKE_FILE, MAKE_FOLDER, RENAME
from replay import Effort, folder_in_memory, replay
from scenarios import SCENARIOS, first_start, killed, record

SEED = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 30))))
LONG = "LONG" in os.environ
EVERY = 1 << 30
EFFORT = Effort(places=EVERY, most=12, starts=EVERY) if LONG else Effort(60, 3, 4)
# With a log of four megabytes a state takes ten times as long.
HEAVY = {} if LONG else {"long_log": Effort(10, 3, 1)}


def held(recording, effort, what):
    trial = replay(recording, random.Random(SEED), effort)
    print(f"{what}: {trial.judged} states of {recording.end - recording.begin} places judged, "
          f"{trial.started} of them with a service, SEED={SEED}")
    assert not trial.found, f"SEED={SEED}\n" + "\n".join(trial.found)
    assert trial.judged and trial.started == min(effort.starts, trial.judged)


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_power_cut_loses_orphans_or_belies_anything(name):
    with folder_in_memory() as folder:
        recording = record(SCENARIOS[name], folder)
        held(recording, HEAVY.get(name, EFFORT), name)


def kills_of_first_start():
    """The entries of a first start and a first user; in short those that give something a name."""
    with folder_in_memory() as folder:
        recording = record(first_start, folder)
    names = (MAKE_FILE, MAKE_FOLDER, RENAME, LINK)
    return sorted({entry.number for entry in recording.entries[:recording.end]
                   if LONG or entry.kind in names})


def test_what_a_killed_process_had_not_synced_is_synced_by_the_next():
    effort = EFFORT if LONG else EFFORT._replace(places=0, starts=0)
    for at in kills_of_first_start():
        with folder_in_memory() as folder:
            held(record(killed, folder, at=at), effort._replace(starts=min(effort.starts, 3)),
                 f"killed behind entry {at}")
