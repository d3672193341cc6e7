"""The matrix as a page: what was killed where, how often, and what was never met."""
import collections

HEAD = """\
# The crash matrix

Written by `tests/matrix/matrix.py`, not by hand. `users-service`, built with its failpoints
(`-Dfailpoints=true`), was ended by SIGKILL each time that it passed a point in the table: before a
call that leaves the process, and after it. Then the independent checker (`tests/checker`) looked
at the database and the store as they lay there: no orphan, nothing lost, nothing in use to be
deleted, no untrue receipt, no broken word. The next flow was begun on them, and so on; every now
and then all was left alone until it was finished, and judged once more.

"""

FLOWS_PROSE = {
    "start": "the service starts on what the kill before it left",
    "create": "POST of a user with an avatar",
    "replace": "PUT of another avatar",
    "delete": "DELETE of a user with an avatar",
    "sweep": "the Fallback Job's call, with two users to finish",
    "audit": "an audit that deletes, with two objects that nobody owns",
}


def columns_of(results):
    return list(dict.fromkeys((result.database, result.provider) for result in sorted(results)))


def row(cells):
    return "| " + " | ".join(map(str, cells)) + " |\n"


def rule(count):
    return "| --- " + "| ---: " * (count - 1) + "|\n"


def summary(results, asked):
    kills = sum(sum(result.killed.values()) for result in results)
    met = len({(result.database, result.provider, *cell)
               for result in results for cell in result.killed})
    found = sum(len(result.found) for result in results)
    early = f"The run was ended early: it was to kill {asked.kills} times.\n"
    early = "" if kills >= asked.kills else early
    return (f"**{kills} kills** in {len(results)} lanes, in {met} cells of database, provider, "
            f"flow and point: **{found} faults found**.\n"
            f"`matrix.py --kills {asked.kills} --seed {asked.seed}` draws the same seeds.\n"
            f"{early}\n")


def flow_table(flow, results):
    columns = columns_of(results)
    kills = collections.Counter()
    for result in results:
        for (of_flow, point), count in result.killed.items():
            if of_flow == flow:
                kills[result.database, result.provider, point] += count
    calls = sorted({point.rsplit(".", 1)[0] for _, _, point in kills})
    text = f"## {flow}: {FLOWS_PROSE.get(flow, '')}\n\nKills before / after the call.\n\n"
    text += row(["call", *(", ".join(column) for column in columns)]) + rule(len(columns) + 1)
    for call in calls:
        cells = [tuple(kills[(*column, f"{call}.{side}")] for side in ("before", "after"))
                 for column in columns]
        text += row([f"`{call}`", *(f"{cell[0]} / {cell[1]}" if any(cell) else "–"
                                    for cell in cells)])
    return text + "\n"


def lanes_table(results):
    text = "## Seeds\n\n" + row(["database", "provider", "seed", "kills", "not met", "faults"])
    text += "| --- | --- " + "| ---: " * 4 + "|\n"
    for result in sorted(results):
        text += row([result.database, result.provider, result.seed, sum(result.killed.values()),
                     result.missed, len(result.found)])
    return text + "\nNot met: the flow took fewer passes there than when it was traced.\n\n"


def never_met(results, points):
    met = {point.rsplit(".", 1)[0] for result in results for _, point in result.killed}
    left = [point for point in points if point not in met]
    return ("## Calls that no flow met\n\nThey are made when something fails, is moved, or is "
            "configured otherwise (a queue, credentials from files), and were not killed at here:\n"
            "\n" + "".join(f"- `{point}`\n" for point in left))


def written(results, asked, flows, points):
    return (HEAD + summary(results, asked) + "".join(flow_table(flow, results) for flow in flows)
            + lanes_table(results) + never_met(results, points))
