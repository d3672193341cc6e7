"""
heal: the store is down while users are deleted, then comes back. How gently, and how soon do the
two agree again?

The service starts on the backlog while the store closes every connection, but for the look at
whose it is. After the outage a call takes a quarter of a second: that and the calls under way at once are
the rate that is allowed. The stand-in's counters are read ten times a second.
"""
import time

import backlog
from stage import programs
from workload import Contestant, Figure, Goal

WHAT = "an outage of the store with a backlog: requests meanwhile, and from its return to agreement"

ROUNDS = 1

FIGURES = (
    Figure("asked", "requests a second while it is down", best="low", digits=2),
    Figure("seconds", "s from its return to agreement", best="low", digits=1),
    Figure("over", "s beyond backlog ÷ allowed rate", best="low", digits=1),
    Figure("peak", "peak over mean of keys a second", best="low", digits=2),
    Figure("refused", "503 at the store after its return, or to clients", best="low"),
)

POSTGRES, SQLITE = "ours, PostgreSQL", "ours, SQLite"

GOALS = tuple(goal for name in (POSTGRES, SQLITE) for goal in (
    Goal(name, "asked", 1, 1), Goal(name, "over", 2, 2), Goal(name, "peak", 1.5, 1.5),
    Goal(name, "refused", 0, 0)))

# 4 pages of 250 keys are under way at a time, each for so long: 4,000 keys a second.
LATENCY_MS, PAGES, KEYS = 250, 4, 250
ALLOWED = PAGES * KEYS * 1000 / LATENCY_MS
WINDOW = 1.0  # seconds that a peak is taken over


class Heal:
    def __init__(self, stage, made, bucket, outage):
        self.stage, self.made, self.bucket, self.outage = stage, made, bucket, outage

    def __call__(self, turn):
        address = self.made.copy()
        service = self.stage.service(database=address, files=self.made.files,
                                     environment=self.bucket.environment, pages=PAGES,
                                     page_keys=KEYS)
        try:
            self.bucket.clear()
            self.bucket.fault("off,verb=BATCH", "off,verb=DELETE")
            # It may never be ready: it begins with deletes, which fail. What it asks the store for at
            # a start is over soon after its epoch, which it reads back.
            service.start().wait_until_alive()
            programs.wait_for(self.made.has_epoch, what="the epoch of the start")
            time.sleep(2)
            return self.measure(service, address)
        finally:
            service.end()
            self.bucket.clear()
            self.made.drop(address)

    def requests(self):
        return sum(self.bucket.status()["requests"].values())

    def measure(self, service, address):
        self.bucket.fault("off")
        # What was under way when it went down, and the failures that open the breaker.
        time.sleep(3)
        before = self.requests()
        time.sleep(self.outage)
        during = self.requests() - before
        left = self.left(address)
        asked = self.bucket.status()["keysAsked"]
        refused = self.refused(service)
        self.bucket.clear()
        self.bucket.fault(f"latency,ms={LATENCY_MS}")
        returned = time.monotonic()
        samples = self.watch(address, asked, left)
        seconds = time.monotonic() - returned
        return {"asked": during / self.outage, "seconds": seconds,
                "over": seconds - left / ALLOWED, "peak": peak_over_mean(samples),
                "refused": self.refused(service) - refused}

    def refused(self, service):
        """Answers of 503 by the store; whenever the breaker opens, clients are answered so, too."""
        return (self.bucket.status()["refused"]
                + service.metric("users_service_breaker_opened_total"))

    def left(self, address):
        return self.made.rows - self.made.finished(address)

    def watch(self, address, asked, left):
        """(time, keys asked for) ten times a second, until nothing is left."""
        samples = []
        end = time.monotonic() + 600
        while time.monotonic() < end:
            samples.append((time.monotonic(), self.bucket.status()["keysAsked"] - asked))
            if samples[-1][1] >= left and self.made.is_done(address):
                return samples
            time.sleep(0.1)
        raise RuntimeError("the backlog did not drain")


def peak_over_mean(samples):
    """Keys in the busiest second over the mean of those between the first key and the last."""
    moving = [sample for place, sample in enumerate(samples)
              if sample[1] > 0 and (place == 0 or sample[1] != samples[place - 1][1])]
    if len(moving) < 2 or moving[-1][0] - moving[0][0] < WINDOW:
        return 1.0
    first, last = moving[0], moving[-1]
    mean = (last[1] - first[1]) / (last[0] - first[0])
    peak = 0
    for place, (begun, count) in enumerate(samples):
        later = next((sample for sample in samples[place:] if sample[0] - begun >= WINDOW), None)
        if later:
            peak = max(peak, (later[1] - count) / (later[0] - begun))
    return peak / mean


def contestants(stage):
    bucket = stage.s3d(0)
    rows = stage.size(100_000, 5_000)
    outage = 600 if stage.long else stage.size(60, 4)
    return [Contestant(POSTGRES, Heal(stage, backlog.PostgresBacklog(stage, rows, bucket), bucket,
                                      outage), ours=True),
            Contestant(SQLITE, Heal(stage, backlog.SqliteBacklog(stage, rows, bucket), bucket,
                                    outage), ours=True)]


def notes(stage):
    return {"rows": stage.size(100_000, 5_000),
            "outage_s": 600 if stage.long else stage.size(60, 4),
            "allowed_keys_a_second": int(ALLOWED)}
