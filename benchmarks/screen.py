"""What is drawn on the terminal: progress while it works, tables afterwards."""
import os
import shutil
import sys
import threading
import time
import unicodedata

from workload import goal_values, goal_verdict, summary


def width():
    return shutil.get_terminal_size((96, 24)).columns


class Progress:
    """
    One line that says what is under way: a bar over all measurements, the contestant and its
    seconds. Where nobody looks, a line for each measurement.
    """

    def __init__(self, out=sys.stderr):
        self.out, self.live = out, out.isatty()
        self.total = self.done = 0
        self.label, self.begun = "", time.monotonic()
        self.lock, self.ended = threading.Lock(), threading.Event()
        if self.live:
            threading.Thread(target=self.tick, daemon=True).start()

    def expect(self, count):
        with self.lock:
            self.total += count

    def tick(self):
        while not self.ended.wait(0.2):
            with self.lock:
                self.draw()

    def draw(self):
        cells = 24
        filled = round(cells * self.done / self.total) if self.total else 0
        seconds = time.monotonic() - self.begun
        line = (f"[{'#' * filled}{'.' * (cells - filled)}] {self.done}/{self.total}  "
                f"{self.label}  {seconds:.0f} s")
        self.out.write("\r" + line[:width() - 1].ljust(width() - 1))
        self.out.flush()

    def begin(self, label):
        with self.lock:
            self.label, self.begun = label, time.monotonic()
            if self.live:
                self.draw()

    def end(self, said):
        with self.lock:
            self.done += 1
            seconds = time.monotonic() - self.begun
        self.say(f"{self.label}: {said}  ({seconds:.1f} s)")

    def say(self, line):
        with self.lock:
            if self.live:
                self.out.write("\r" + " " * (width() - 1) + "\r")
            self.out.write(line + "\n")
            self.out.flush()

    def close(self):
        self.ended.set()
        if self.live:
            with self.lock:
                self.out.write("\r" + " " * (width() - 1) + "\r")
                self.out.flush()


def number(value, digits):
    return f"{value:,.{digits}f}"


def columns_of(text):
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def grid(rows, out):
    """Rows of texts, the first being the heads; numbers to the right."""
    widths = [max(columns_of(row[i]) for row in rows) for i in range(len(rows[0]))]
    for place, row in enumerate(rows):
        cells = [cell.ljust(size) if i == 0 else cell.rjust(size)
                 for i, (cell, size) in enumerate(zip(row, widths))]
        out.write("  " + "  ".join(cells).rstrip() + "\n")
        if place == 0:
            out.write("  " + "  ".join("-" * size for size in widths) + "\n")


def figure_rows(figure, measured, ratio_to=None):
    """The table of one figure: median, least, most, and each as a multiple of `ratio_to`."""
    heads = [figure.unit, "median", "min", "max"]
    base = None
    if ratio_to and measured.get(ratio_to, {}).get(figure.name):
        base = summary(measured[ratio_to][figure.name])[0]
        heads.append(f"× {ratio_to}")
    rows = [heads]
    for name, figures in measured.items():
        values = figures.get(figure.name)
        if not values:
            continue
        row = [name, *(number(value, figure.digits) for value in summary(values))]
        if base is not None:
            row.append(number(summary(values)[0] / base, 2) if base else "")
        rows.append(row)
    return rows


def goal_words(goal, figures):
    figure = figures[goal.figure]
    words = f"{goal.contestant}: {figure.unit}"
    if goal.against:
        words += " × " + ("the best of " if len(goal.against) > 1 else "")
        words += ", ".join(goal.against)
    return words


def plain(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def goal_rows(goals, figures, measured):
    rows = [["goal", "aim", "floor", "measured", "min", "max", ""]]
    for goal in goals:
        values = goal_values(goal, figures[goal.figure], measured)
        if not values:
            continue
        median, least, most = summary(values)
        rows.append([goal_words(goal, figures), plain(goal.aim),
                     "" if goal.floor is None else plain(goal.floor), plain(median),
                     plain(least), plain(most),
                     goal_verdict(goal, figures[goal.figure], median)])
    return rows


def show(name, module, measured, reference, out=sys.stdout):
    out.write(f"\n{name}: {module.WHAT}\n")
    figures = {figure.name: figure for figure in module.FIGURES}
    for figure in module.FIGURES:
        rows = figure_rows(figure, measured, reference)
        if len(rows) > 1:
            out.write("\n")
            grid(rows, out)
    rows = goal_rows(module.GOALS, figures, measured)
    if len(rows) > 1:
        out.write("\n")
        grid(rows, out)
    out.flush()


def is_quiet():
    """Whether the machine does little else: the load of the last minute."""
    return os.getloadavg()[0] < 0.7
