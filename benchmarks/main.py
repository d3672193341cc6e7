"""./bench: measures workloads, contestant after contestant, round after round. See ./bench -h."""
import argparse
import datetime
import importlib
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT / "tests")]
import screen  # noqa: E402

# In this order; a file in workloads/ that is not named here comes last.
ORDER = ("drain", "heal", "api", "growth", "audit", "size")


def workload_names():
    found = {path.stem for path in (HERE / "workloads").glob("[a-z]*.py")}
    return ([name for name in ORDER if name in found]
            + sorted(found.difference(ORDER)))


def load(name):
    return importlib.import_module(f"workloads.{name}")


def machine():
    def first(path, key):
        for line in pathlib.Path(path).read_text().splitlines():
            if line.startswith(key):
                return line.split(":", 1)[1].strip()
        return ""
    return {"cores": os.cpu_count(), "processor": first("/proc/cpuinfo", "model name"),
            "memory": first("/proc/meminfo", "MemTotal"), "kernel": platform.release()}


def commit():
    done = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=12", "HEAD"],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip()


def chosen(contestants, module, only):
    """Those that were asked for, and those that their goals hold them against."""
    if not only:
        return contestants
    names = {one.name for one in contestants if only in one.name}
    for goal in module.GOALS:
        if goal.contestant in names:
            names.update(goal.against)
    return [one for one in contestants if one.name in names]


def said(module, figures):
    units = {figure.name: figure for figure in module.FIGURES}
    return ", ".join(f"{screen.number(value, units[name].digits)} {units[name].unit}"
                     for name, value in figures.items() if name in units and value is not None)


def measure_all(name, module, contestants, rounds, progress):
    """The figures by contestant and name, a value a round; and what went wrong."""
    measured = {one.name: {} for one in contestants}
    failures = []
    progress.expect(rounds * len(contestants))
    for turn in range(rounds):
        for one in contestants:
            progress.begin(f"{name} {turn + 1}/{rounds} {one.name}")
            try:
                figures = one.measure(turn)
            except Exception as failure:
                failures.append(f"{one.name}, round {turn + 1}: {failure}")
                progress.say(traceback.format_exc())
                progress.end("FAILED")
                figures = {}
            else:
                progress.end(said(module, figures))
            for figure in module.FIGURES:
                measured[one.name].setdefault(figure.name, []).append(figures.get(figure.name))
    kept = {one: {figure: values for figure, values in figures.items()
                  if any(value is not None for value in values)}
            for one, figures in measured.items()}
    return kept, failures


def without_gaps(measured):
    return {one: {figure: [value for value in values if value is not None]
                  for figure, values in figures.items()} for one, figures in measured.items()}


def run_workload(name, options, progress):
    from stage import Stage
    module = load(name)
    rounds = options.rounds or (2 if options.quick else getattr(module, "ROUNDS", 5))
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as folder:
        os.chmod(folder, 0o755)
        stage = Stage(folder, options)
        try:
            progress.begin(f"{name}: preparing")
            contestants = chosen(module.contestants(stage), module, options.only)
            measured, failures = measure_all(name, module, contestants, rounds, progress)
            notes = module.notes(stage) if hasattr(module, "notes") else {}
        finally:
            stage.close()
    result = {"workload": name, "what": module.WHAT, "rounds": rounds, "quick": options.quick,
              "long": options.long, "commit": commit(), "machine": machine(),
              "when": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M"),
              "ours": [one.name for one in contestants if one.ours],
              "measured": measured, "notes": notes, "failures": failures}
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    import plots
    plots.draw(options.results / f"{name}.svg", module, result)
    ours = [one for one in result["ours"] if measured.get(one)]
    progress.say("")
    screen.show(name, module, without_gaps(measured), ours[0] if ours else None)
    return failures


def list_workloads():
    for name in workload_names():
        print(f"{name:8} {load(name).WHAT}")


def arguments():
    parser = argparse.ArgumentParser(prog="./bench", add_help=False)
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--results", type=pathlib.Path, default=HERE / "results")
    parser.add_argument("workloads", nargs="*")
    return parser.parse_args()


def main():
    options = arguments()
    if options.workloads == ["list"]:
        return list_workloads()
    if options.workloads == ["report"]:
        import report
        return report.write(options.results)
    if options.workloads == ["install"]:
        return 0
    unknown = [name for name in options.workloads if name not in workload_names()]
    if unknown:
        print(f"There is no workload \"{unknown[0]}\"; see ./bench list.", file=sys.stderr)
        return 64
    progress = screen.Progress()
    if not options.quick and not screen.is_quiet():
        progress.say(f"The machine is busy (load {os.getloadavg()[0]:.1f}): what is measured now "
                     "says little.")
    failures = []
    try:
        for name in options.workloads or workload_names():
            failures += [f"{name}: {line}" for line in run_workload(name, options, progress)]
    finally:
        progress.close()
    for line in failures:
        print(f"failed: {line}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
