"""The report's plots and point pictures, as PNG bytes."""

import io
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.spatial import cKDTree

# Sides of the frame to look from: title, half the picture's height in radii, then the axes to the right, up and towards
# the viewer, with signs.
LOOKS = (("from above", 0.95, (0, -1), (1, -1), (2, 1)), ("from the front", 0.5, (0, 1), (2, 1), (1, -1)))
WORST_SHOWN_MM = 2.0


def side_by_side(truth: np.ndarray, predicted: np.ndarray, radius: float) -> bytes:
    """The true and the predicted cloud from two sides, and the prediction coloured by its distance to the truth.

    Args:
        truth, predicted: (N, 3), normalised. radius: mm per unit.
    """
    distance, _ = cKDTree(truth).query(predicted)
    figure = Figure(figsize=(11, 5.4), dpi=110, layout="constrained")
    axes = figure.subplots(2, 3, gridspec_kw={"height_ratios": [look[1] for look in LOOKS]})
    for row, look in zip(axes, LOOKS, strict=True):
        _scatter(row[0], truth, look, None, f"truth, {look[0]}")
        _scatter(row[1], predicted, look, None, f"prediction, {look[0]}")
        shown = _scatter(row[2], predicted, look, distance * radius, "distance to the truth")
    figure.colorbar(shown, ax=axes[:, 2], label="mm", extend="max", shrink=0.8)
    return _png(figure)


def learning_curve(columns: Mapping[str, Sequence[float]]) -> bytes:
    """F on the validation split over the epochs, with the loss below."""
    figure = Figure(figsize=(5.6, 3.6), dpi=110, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (2, 1)})
    above.plot(columns["epoch"], columns["validation_f_035"], label="F at 0.035")
    above.plot(columns["epoch"], columns["validation_f_010"], label="F at 0.010")
    above.set(ylabel="validation", ylim=(0, 1))
    below.plot(columns["epoch"], columns["loss"], color="C3")
    below.set(xlabel="epoch", ylabel="loss")
    _plain(above, below)
    above.legend(frameon=False)
    return _png(figure)


def accuracy_curves(columns: Mapping[str, Sequence[float]], names: Mapping[str, str]) -> bytes:
    """F over the distance threshold, a line per row of the table."""
    figure = Figure(figsize=(5.6, 3.6), dpi=110, layout="constrained")
    axes = figure.subplots()
    for column, name in names.items():
        axes.plot(columns["threshold"], columns[column], label=name)
    for threshold in (0.010, 0.035):
        axes.axvline(threshold, color="0.7", linewidth=0.8, zorder=0)
    axes.set(xlabel="threshold, jaw radii", ylabel="F", ylim=(0, 1), xlim=(0, None))
    _plain(axes)
    axes.legend(frameon=False)
    return _png(figure)


def _scatter(
    axes: Axes, points: np.ndarray, look: tuple, values: np.ndarray | None, title: str
) -> mpl.collections.PathCollection:
    _, half_height, (right, right_sign), (up, up_sign), (towards, towards_sign) = look
    depth = towards_sign * points[:, towards]
    order = np.argsort(depth)  # what is nearer covers what is behind it
    coloring = (
        {"c": depth[order], "cmap": "bone", "vmin": depth.min() - 0.3 * np.ptp(depth), "vmax": depth.max()}
        if values is None
        else {"c": values[order], "cmap": "viridis", "vmin": 0, "vmax": WORST_SHOWN_MM}
    )
    shown = axes.scatter(
        right_sign * points[order, right], up_sign * points[order, up], s=0.7, linewidths=0, **coloring
    )
    axes.set(xlim=(-1, 1), ylim=(-half_height, half_height), aspect="equal")
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()
    return shown


def _plain(*axes: Axes) -> None:
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
