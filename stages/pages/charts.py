"""Charts as inline SVG; text and axes take the page's colour, light or dark."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.pages.metrics import title
from stages.pages.scene import WIDEST_SHOWN

# Seen on white as on black, and apart for the colour-blind.
COLOURS = ("#2f86d6", "#e08a1e", "#2aa277", "#c2569b", "#8a8f98")
_INK = "#010203"  # stands for the page's own colour
_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "tenview",  # the same ids every time
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": 9,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK),
}
HALF_WIDTH, HALF_DEPTH = 1.0, 0.95  # of a jaw seen from above, in radii


def learning_curve(columns: Mapping[str, Sequence[float]]) -> Markup:
    """Metrics of the validation split over the epochs, and the training loss below."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.6, 3.8), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (2, 1)})
        fractions = [name for name in columns if name.startswith("validation_") and name[-3:].isdigit()]
        for name in fractions:
            above.plot(columns["epoch"], columns[name], label=title(name.removeprefix("validation_")))
        below.plot(columns["epoch"], columns["loss"], color=COLOURS[3])
        above.set(ylabel="validation", ylim=(0, 1))
        below.set(xlabel="epoch", ylabel="loss")
        above.legend()
        return _svg(figure, "F-scores on the validation split, and training loss, over the epochs")


def accuracy_curves(columns: Mapping[str, Sequence[float]]) -> Markup:
    """F-score over the distance threshold, one line per row of the results."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(5.6, 3.8), layout="constrained")
        axes = figure.subplots()
        rows = [name for name in columns if name != "threshold"]
        for number, name in enumerate(rows):
            axes.plot(columns["threshold"], columns[name], label=title(name), linewidth=2.2 if number == 0 else 1.4)
        for threshold in (0.010, 0.035):
            axes.axvline(threshold, color=_INK, alpha=0.35, linewidth=0.8, linestyle=":", zorder=0)
        axes.set(xlabel="threshold, jaw radii (dotted: 0.010 and 0.035)", ylabel="F-score", ylim=(0, 1), xlim=(0, None))
        axes.legend()
        return _svg(figure, f"F-score over the distance threshold for {', '.join(map(title, rows))}")


def evenness(clouds: Mapping[str, tuple[np.ndarray, np.ndarray]], case_id: str) -> Markup:
    """Point clouds from above, coloured by the distance of each point to its nearest neighbour, with a histogram.

    Args:
        clouds: by name, points (N, 3) and distances (N,) to the nearest other point, as multiples of the ground truth's
            median.
    """
    what = "nearest-neighbour distance"
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(11, 3.5), layout="constrained", dpi=130)
        *jaws, histogram = figure.subplots(1, len(clouds) + 1, width_ratios=[1] * len(clouds) + [1.1])
        for axes, (name, (points, spacing)) in zip(jaws, clouds.items(), strict=True):
            order = np.argsort(points[:, 2])  # what is nearer covers what is behind it
            shown = axes.scatter(
                -points[order, 0],
                -points[order, 1],
                c=spacing[order],
                s=1.2,
                linewidths=0,
                cmap="plasma",
                vmin=0,
                vmax=WIDEST_SHOWN,
                rasterized=True,
            )
            axes.set(xlim=(-HALF_WIDTH, HALF_WIDTH), ylim=(-HALF_DEPTH, HALF_DEPTH), aspect="equal", title=name)
            axes.set_axis_off()
            bins = np.linspace(0, WIDEST_SHOWN, 51)
            counts, _ = np.histogram(np.minimum(spacing, WIDEST_SHOWN), bins)
            histogram.stairs(counts / len(spacing) / np.diff(bins), bins, label=name, linewidth=1.6)
        figure.colorbar(shown, ax=jaws, location="bottom", shrink=0.5, label=f"{what} ÷ ground truth’s median")
        histogram.set(
            xlabel="the same; last bin: 2 or more",
            ylabel="density",
            xlim=(0, WIDEST_SHOWN),
        )
        histogram.legend()
        return _svg(figure, f"{what} of {case_id}: {' and '.join(clouds)} from above, and histogram")


def changes(differences: Sequence[float], unit: str, names: tuple[str, str]) -> Markup:
    """Paired differences, sorted, one bar per case."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(8, 2.8), layout="constrained")
        axes: Axes = figure.subplots()
        ranked = np.sort(differences)
        axes.bar(np.arange(len(ranked)), ranked, width=0.85, color=np.where(ranked < 0, COLOURS[1], COLOURS[0]))
        axes.axhline(0, color=_INK, linewidth=0.8)
        axes.set(xlabel="cases, sorted", ylabel=unit, xticks=[])
        return _svg(figure, f"Differences of the {len(ranked)} cases, {names[1]} minus {names[0]}, sorted")


def _svg(figure: Figure, description: str) -> Markup:
    """The figure as one SVG element, with a description for screen readers."""
    buffer = io.StringIO()
    empty: dict[str, Any] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", metadata=empty)
    text = buffer.getvalue()
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text[text.index("<svg") :])  # HTML knows what an svg is
    text = re.sub(r'<g id="[a-z]+[\w.]*_\d+"', "<g", text)  # nothing refers to these, and other charts have them too
    text = text.replace(_INK, "currentColor")
    return Markup(text.replace("<svg", Markup('<svg role="img" aria-label="{}"').format(description), 1))
