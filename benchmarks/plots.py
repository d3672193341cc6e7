"""A picture of a workload's results: a panel of bars for each figure, medians with their range."""
import os

# Nothing is drawn on a screen, and nothing of ours is left in a home folder.
os.environ.setdefault("MPLCONFIGDIR", "/tmp/bench-matplotlib")

OURS, OTHERS = "#1f6f8b", "#b8b8b8"


def panels(module, measured):
    for figure in module.FIGURES:
        names = [name for name, figures in measured.items() if figures.get(figure.name)]
        if names:
            yield figure, names


def draw_panel(axes, figure, names, result):
    from workload import summary
    rows = []
    for name in names:
        values = [value for value in result["measured"][name][figure.name] if value is not None]
        rows.append(summary(values))
    places = list(range(len(names)))[::-1]
    medians = [median for median, _, _ in rows]
    ranges = [[median - least for median, least, _ in rows],
              [most - median for median, _, most in rows]]
    colours = [OURS if name in result["ours"] else OTHERS for name in names]
    axes.barh(places, medians, xerr=ranges, color=colours, height=0.62,
              error_kw={"linewidth": 1, "capsize": 2})
    axes.set_yticks(places, names)
    if min(medians) > 0 and max(medians) / min(medians) > 50:
        axes.set_xscale("log")
    axes.set_xlabel(figure.unit)
    axes.spines[["top", "right"]].set_visible(False)
    for place, median in zip(places, medians):
        axes.annotate(f" {median:,.{figure.digits}f}", (median, place), va="bottom", fontsize=7)


def draw(path, module, result):
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams.update({"font.size": 8, "svg.hashsalt": "bench"})
    from matplotlib import pyplot
    found = list(panels(module, result["measured"]))
    if not found:
        return
    heights = [0.5 + 0.28 * len(names) for _, names in found]
    picture, all_axes = pyplot.subplots(len(found), 1, figsize=(7, sum(heights) + 0.5),
                                        squeeze=False, height_ratios=heights)
    for axes, (figure, names) in zip(all_axes[:, 0], found):
        draw_panel(axes, figure, names, result)
    all_axes[0, 0].set_title(f"{result['workload']}: {result['what']}", loc="left", fontsize=9)
    picture.tight_layout()
    picture.savefig(path, metadata={"Date": None})
    pyplot.close(picture)
