"""Orientation of a scan by its shape: where the crowns point, where the incisors lie, and how sure that is.

A jaw shows its largest silhouette to those who look along the occlusal direction. Laid on its crowns or on its gums, it
rests on a plane: the area-weighted mean normal of its convex hull on that side. Each such side is scored as if it were
the crowns': by the arch of teeth in its relief and by its outline (`relief`), by how much its surface normals vary from
place to place, by flat bases, and by where open borders lie (`occlusal_side`). Scores are sums of weighted evidence, as
logarithms of odds; the softmax over all orientations tells how sure the best one is.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.spatial import QhullError

from scans.elementary import atan2, cos, exp, log, sin
from scans.errors import ScanError
from scans.mesh import Mesh
from scans.preparing.frame import AXES, rotation
from scans.preparing.occlusal_side import (
    Surface,
    evidence_of,
    flat_area,
    likely_axes,
    resting_normal,
    survey,
)
from scans.preparing.relief import (
    DEPTH,
    OFFSETS,
    ArchFit,
    View,
    arch_coordinates,
    fit_arch,
    look,
    view_axes,
)
from scans.vectors import dot, ordered_mean, ordered_sum, unit

LEAST_SURE = 0.95
LEAST_RIDGE = 0.25  # correlation with a mean arch; any arch of teeth has 0.4 or more
# A scan that lies along its file's axes this nearly was put there by a program: what is left is how the jaw itself
# lies in its program's frame, as in Teeth3DS.
SNAP = 0.98481  # the cosine of 10°
SAME_SIDE = math.sqrt(0.5)  # cosine of 45°: views that are less apart than this are of one side
FLAT_BASE = 0.75  # of the silhouette: a side this flat was cut, or lies on a cut
MOST_LEVELLED = 0.36397  # the tangent of 20°

# Weights of the correlations of relief and outline, and of the logarithm of the silhouette, in logarithms of odds.
RIDGE, OUTLINE, SILHOUETTE = 1 / 0.05, 1 / 0.03, 8.0


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a scan lies.

    Attributes:
        rotation: (3, 3) from the scan's axes into Teeth3DS's frame, v' = R v.
        crowns, incisors: axes of the scan ("+z") that these point to; None where it lies along no axes.
        sure: probability of this orientation among all that were tried.
        palate: whether there is one between the arms, as in upper jaws alone.
        faces: "outward"; "inward" where they show their back, as those of mirrored scans do; "mixed".
    """

    rotation: np.ndarray
    crowns: str | None
    incisors: str | None
    sure: float
    palate: bool
    faces: str

    def as_dict(self) -> dict[str, Any]:
        """All of it for JSON."""
        return {**asdict(self), "rotation": self.rotation.tolist(), "sure": round(self.sure, 4)}


@dataclass(frozen=True, slots=True)
class _Guess:
    """The view of one side, and how well it would do as the crowns': with its best azimuth, and with another one."""

    view: View
    fit: ArchFit
    score: float
    elsewhere: float


def find_orientation(mesh: Mesh, source: object = "the scan") -> Orientation:
    """How a scan lies.

    Args:
        mesh: clean, in millimetres.
        source: the file, for messages.

    Raises:
        ScanError: no arch of teeth is found, or another orientation is nearly as likely.
    """
    try:
        surface = survey(mesh)
    except QhullError:  # all in one plane
        raise ScanError(f"{source}: it is flat. Check that it is a scan of one jaw") from None
    guesses = _guesses(surface)
    best = max(guesses, key=lambda guess: guess.score)
    rivals = [
        guess.elsewhere if dot(guess.view.axes[2], best.view.axes[2]) > SAME_SIDE else guess.score for guess in guesses
    ]
    sure = 1 / (1 + sum(float(exp(min(rival - best.score, 0.0))) for rival in set(rivals)))
    view, fit = _level(surface, best)
    matrix = _matrix(view, fit)
    named = _axes_near(matrix)
    crowns, incisors = named or (None, None)
    found = Orientation(
        matrix if named is None else rotation(*named),
        crowns,
        incisors,
        sure,
        _has_palate(surface, view, fit),
        _faces(surface, view),
    )
    if best.fit.correlation < LEAST_RIDGE or sure < LEAST_SURE:
        raise ScanError(
            f"{source}: its shape doesn't tell how it lies; most likely {_axes_in_words(found.as_dict())}, but that is "
            f"only {sure:.0%} sure. Check in a viewer that it is one upper jaw, and name the axes (crowns and incisors "
            "of download.directory in params.yaml, or --crowns and --incisors of predict)"
        )
    return found


def against_shape(mesh: Mesh, crowns: str, incisors: str) -> dict[str, Any]:
    """What a scan's shape says against the axes that were named for it, for `in_words`; nothing where it isn't sure.

    Args:
        mesh: clean, in millimetres.
        crowns, incisors: the named axes.
    """
    try:
        found = find_orientation(mesh)
    except ScanError:
        return {}
    named = rotation(crowns, incisors)
    agree = all(dot(found.rotation[row], named[row]) > SAME_SIDE for row in (1, 2))
    return {} if agree else {"against_shape": found.as_dict()}


def check_labels(mesh: Mesh, source: object, by: str) -> None:
    """Refuse a scan whose labels contradict how it was turned. A mirrored scan is found out so, whatever its axes.

    Args:
        mesh: an upper jaw in Teeth3DS's frame.
        by: what it was turned by, for the message.

    Raises:
        ScanError: the teeth of the patient's right side lie at the left, or the incisors behind the molars.
    """
    if mesh.labels is None:
        return
    quadrant, kind = mesh.labels // 10, mesh.labels % 10
    sides = [mesh.vertices[np.isin(quadrant, numbers), 0] for numbers in ((1, 4), (2, 3))]
    ends = [mesh.vertices[(quadrant > 0) & np.isin(kind, kinds), 1] for kinds in ((1, 2), (6, 7, 8))]
    for (one, other), wrong in (
        ((sides[1], sides[0]), "lie mirrored, left for right"),
        ((ends[0], ends[1]), "lie back to front"),
    ):
        if len(one) and len(other) and ordered_mean(one) > ordered_mean(other):
            raise ScanError(
                f"{source}: by {by}, the teeth that its labels name {wrong}. Check the labels and how the scan lies "
                "(crowns and incisors name its axes); a mirrored scan must be mirrored back"
            )


def in_words(found: Mapping[str, Any]) -> str:
    """What was found of a scan, for a line of text.

    Args:
        found: some of `Orientation.as_dict()`, "millimetres_per_unit" and what `against_shape` gives.
    """
    parts = []
    if "rotation" in found:
        parts.append(f"{_axes_in_words(found)} ({found['sure']:.1%} sure)")
    if "millimetres_per_unit" in found:
        parts.append(f"its unit is {found['millimetres_per_unit']:g} mm")
    if other := found.get("against_shape"):
        parts.append(
            f"warning: by its shape it has {_axes_in_words(other)} ({other['sure']:.1%} sure), not the axes that are "
            "named; check these, or leave them to auto"
        )
    if not found.get("palate", True):
        parts.append("no palate: an upper jaw or a lower one, which its shape doesn't tell")
    if found.get("faces", "outward") != "outward":
        parts.append(
            f"warning: its faces look {found['faces']}; the scan may be mirrored, left for right, which its shape "
            "doesn't tell"
        )
    return "; ".join(parts)


def _axes_in_words(found: Mapping[str, Any]) -> str:
    if found["crowns"]:
        return f"crowns to {found['crowns']}, incisors at {found['incisors']}"
    crowns, incisors = (
        ", ".join(f"{sign * value:.2f}" for value in found["rotation"][row]) for row, sign in ((2, 1), (1, -1))
    )
    return f"crowns to ({crowns}), incisors at ({incisors})"


def _guesses(surface: Surface) -> list[_Guess]:
    axes = likely_axes(surface)
    guesses = []
    for axis, silhouette in axes:
        sides = [resting_normal(surface, axis), resting_normal(surface, -axis)]
        for up, down in (sides, sides[::-1]):
            # A flat base is cut parallel to the plane of the crowns, and tells it better where teeth are missing.
            base = flat_area(surface, down) > FLAT_BASE * axes[0][1]
            for direction in (-down,) if base else (up, -down):
                view = look(surface.points, view_axes(direction))
                fit = fit_arch(view, RIDGE, OUTLINE)
                evidence = SILHOUETTE * float(log(silhouette / axes[0][1])) + evidence_of(surface, view, axes[0][1])
                guesses.append(_Guess(view, fit, fit.score + evidence, fit.elsewhere + evidence))
    return guesses


def _level(surface: Surface, guess: _Guess) -> tuple[View, ArchFit]:
    """View and fit along the normal of the plane through the tips of the crowns."""
    x, y, up = guess.view.axes
    slope_x, slope_y = _tips(guess.view, guess.fit)
    if slope_x**2 + slope_y**2 > MOST_LEVELLED**2:
        slope_x = slope_y = 0.0
    view = look(surface.points, view_axes(unit(up - slope_x * x - slope_y * y), x))
    return view, fit_arch(view, RIDGE, OUTLINE, near=guess.fit.azimuth)


def _tips(view: View, fit: ArchFit) -> tuple[float, float]:
    """Slopes along x and y of the plane through the highest places along the arch, by reweighted least squares."""
    lateral, behind, outside = arch_coordinates(fit)
    sector = np.floor(atan2(lateral, 25.0 - behind) * (9 / math.pi)).astype(np.int64)
    on_arch = (np.abs(outside) < 4.0) & (view.heights > -DEPTH)
    tips = []
    for number in range(-9, 9):
        heights = np.where(on_arch & (sector == number), view.heights, -np.inf)
        row, column = divmod(int(heights.argmax()), len(OFFSETS))
        if np.isfinite(heights[row, column]):
            tips.append((OFFSETS[column], OFFSETS[row], float(heights[row, column])))
    if len(tips) < 6:
        return 0.0, 0.0
    points = np.array(tips)
    weights = np.ones(len(points))
    slope_x = slope_y = 0.0
    for _ in range(15):
        a, b, c = (points - ordered_sum(points * weights[:, None]) / ordered_sum(weights)).T
        products = weights * np.stack([a * a, a * b, b * b, a * c, b * c])
        aa, ab, bb, ac, bc = ordered_sum(products.T).tolist()
        determinant = aa * bb - ab * ab
        if determinant < 1e-3 * aa * bb:
            return 0.0, 0.0
        slope_x, slope_y = (ac * bb - bc * ab) / determinant, (bc * aa - ac * ab) / determinant
        weights = 1 / (1 + ((c - slope_x * a - slope_y * b) / 1.5) ** 2) ** 2  # a gap counts little
    return slope_x, slope_y


def _matrix(view: View, fit: ArchFit) -> np.ndarray:
    """The rotation into the frame, of rounded directions, so that the last digits of sines decide nothing."""
    azimuth = math.radians(fit.azimuth)
    incisors = cos(azimuth) * view.axes[0] + sin(azimuth) * view.axes[1]
    z = unit(np.round(view.axes[2], 4))
    back = np.round(-incisors, 4)
    y = unit(back - dot(back, z) * z)
    return np.stack([np.cross(y, z), y, z]) + 0.0


def _axes_near(matrix: np.ndarray) -> tuple[str, str] | None:
    """The axes that crowns and incisors point to, where that is within 10° of the rotation."""
    crowns = max(AXES, key=lambda name: dot(AXES[name], matrix[2]))
    incisors = max((name for name in AXES if name[1] != crowns[1]), key=lambda name: -dot(AXES[name], matrix[1]))
    trace = sum(dot(one, other) for one, other in zip(rotation(crowns, incisors), matrix, strict=True))
    return (crowns, incisors) if (trace - 1) / 2 > SNAP else None


def _has_palate(surface: Surface, view: View, fit: ArchFit) -> bool:
    """Whether a vault closes the room between the arms; a flat floor, as of a lower jaw's base, is none."""
    _, behind, outside = arch_coordinates(fit)
    between = (outside < -10.0) & (behind > 14.0) & (behind < 30.0)
    filled = np.zeros(between.shape, bool)
    filled[view.rows, view.columns] = True
    if not between.any() or np.count_nonzero(filled & between) < 0.7 * np.count_nonzero(between):
        return False
    slopes = np.abs(dot(surface.normals, view.axes[2]))[between[view.rows, view.columns]]
    return float(ordered_mean(slopes)) < 0.97


def _faces(surface: Surface, view: View) -> str:
    """Which side of the faces is seen from the crowns' side."""
    seen = view.depth < 1.0 - view.heights[view.rows, view.columns]
    side = float(ordered_mean(np.sign(dot(surface.normals[seen], view.axes[2]))))
    return "outward" if side > 0.5 else "inward" if side < -0.5 else "mixed"
