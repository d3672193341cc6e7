"""
What a workload is made of. A workload is a file in workloads/ with

    WHAT = "one line for ./bench list"
    FIGURES = (Figure(...), ...)          what is measured
    GOALS = (Goal(...), ...)              what it should come to; may be empty
    def contestants(stage): ...           a list of Contestant; called once, before the rounds

and, if it wants, `ROUNDS` (how often by default) and `def notes(stage)`: a dict of what a reader
of the results should know, such as sizes. The harness measures the contestants in turn, round
after round, so that whatever else the machine does meets them all.
"""
import dataclasses
import statistics
import typing


@dataclasses.dataclass(frozen=True)
class Figure:
    name: str
    unit: str
    best: str = "high"  # or "low": which way is better
    digits: int = 0


@dataclasses.dataclass(frozen=True)
class Contestant:
    """
    `measure(round)` starts what it needs, measures once, ends all of it, and returns the figures
    by name; it may leave some out. `ours` decides the colour in plots.
    """
    name: str
    measure: typing.Callable
    ours: bool = False


@dataclasses.dataclass(frozen=True)
class Goal:
    """
    A figure of a contestant, or its ratio to another's (`against`; to the best of several) in the
    same round. Met by at least `aim`, held by at least `floor`; at most, where low is best.
    """
    contestant: str
    figure: str
    aim: float
    floor: float = None
    against: tuple = ()
    scale: float = 1  # of the figure, before it is held against aim and floor
    unit: str = ""


def summary(values):
    """(median, least, most)"""
    return statistics.median(values), min(values), max(values)


def best_of(figure, values):
    return max(values) if figure.best == "high" else min(values)


def goal_values(goal, figure, measured):
    """The goal's value in each round that has one."""
    mine = measured.get(goal.contestant, {}).get(goal.figure, [])
    if not goal.against:
        return [value * goal.scale for value in mine if value is not None]
    found = []
    for place, value in enumerate(mine):
        others = [measured[other][goal.figure][place] for other in goal.against
                  if place < len(measured.get(other, {}).get(goal.figure, []))]
        others = [other for other in others if other]
        if value is not None and others:
            found.append(value / best_of(figure, others) * goal.scale)
    return found


def goal_verdict(goal, figure, value):
    """met, held or missed."""
    # A ratio of figures where low is best is still to be low.
    good = (lambda bound: value >= bound) if figure.best == "high" else (
        lambda bound: value <= bound)
    if good(goal.aim):
        return "met"
    if goal.floor is not None and good(goal.floor):
        return "held"
    return "missed"
