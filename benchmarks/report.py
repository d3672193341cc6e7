"""
./bench report: writes what was measured into docs/performance.md, between the marks

    <!-- NAME begins -->
    <!-- NAME ends -->

and the plots beside it. What is around the marks is written by people.
"""
import json
import pathlib
import re
import shutil

import main
from screen import figure_rows, goal_rows

ROOT = pathlib.Path(__file__).resolve().parents[1]
REPORT = ROOT / "docs/performance.md"
IMAGES = ROOT / "docs/images"


def table(rows):
    head, *rest = rows
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    return lines + ["| " + " | ".join(row) + " |" for row in rest]


def words_of(result):
    machine = result["machine"]
    said = (f"{result['when']} UTC, commit {result['commit']}, {machine['cores']} cores of "
            f"{machine['processor']}, {result['rounds']} rounds")
    return said + (", quick sizes: worth nothing" if result["quick"] else "") + "."


def notes_of(result):
    notes = result.get("notes", {})
    return [", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in notes.items()) + "."
            ] if notes else []


def section(name, result):
    module = main.load(name)
    measured = main.without_gaps(result["measured"])
    figures = {figure.name: figure for figure in module.FIGURES}
    ours = [one for one in result["ours"] if measured.get(one)]
    lines = [words_of(result), *notes_of(result), ""]
    goals = goal_rows(module.GOALS, figures, measured)
    if len(goals) > 1:
        lines += [*table(goals), ""]
    for figure in module.FIGURES:
        rows = figure_rows(figure, measured, ours[0] if ours else None)
        if len(rows) > 1:
            lines += [*table(rows), ""]
    if result["failures"]:
        lines += ["What failed: " + "; ".join(line.splitlines()[0]
                                              for line in result["failures"]) + ".", ""]
    lines += [f"![{name}](images/performance-{name}.svg)"]
    return "\n".join(lines)


def write(results):
    text = REPORT.read_text()
    for name in main.workload_names():
        path = results / f"{name}.json"
        mark = re.compile(rf"(<!-- {name} begins -->\n).*?(<!-- {name} ends -->)", re.DOTALL)
        if not path.exists() or not mark.search(text):
            print(f"{name}: not written; " + ("no results" if not path.exists() else "no marks"))
            continue
        written = section(name, json.loads(path.read_text()))
        text = mark.sub(lambda found: found.group(1) + written + "\n" + found.group(2), text)
        if path.with_suffix(".svg").exists():
            IMAGES.mkdir(exist_ok=True)
            shutil.copy(path.with_suffix(".svg"), IMAGES / f"performance-{name}.svg")
        print(f"{name}: written")
    REPORT.write_text(text)
    return 0
