"""The border of a scan: ragged, with tongues and bites, holes, islands, and folded over."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from scans.elementary import exp, sin
from scans.synthetic.field import GUM_MARGIN, MAP_STEP, OUT, TOP
from scans.synthetic.patient import Patient
from scans.synthetic.tables import Gums
from scans.vectors import dot, ordered_sum

# Lengths in mm; ours, wider than what scans of Teeth3DS and casts show.
BELOW = (3.0, 8.5)  # of the facial wall, under the gum margins
BELOW_SKIRT = (14.0, 20.0)
INSIDE = (3.0, 13.0)  # of a horseshoe, from the lingual gum line
BEHIND = (0.0, 5.0)  # border before the end of the ridge, which is 7 behind the last tooth
CUT = (6.0, 10.0)  # the same where the last molar is cut off
CUT_SHARE = 0.06
RAGGED = (0.15, 1.6)  # amplitude
CALM = 0.5  # of it where a base follows, and a quarter of the tongues
TONGUES = (0, 9)  # number
TONGUE = (-2.5, 6.0)  # length; bites are negative
TONGUE_WIDTH = (1.0, 6.0)
HOLES = (1, 6)  # number, in the share of scans that have any
HOLE = (0.5, 3.2)  # radius
HOLED = 0.4  # share of scans
ISLANDS = (1, 5)  # number, in as many
ISLAND = (0.5, 1.4)  # radius; all of them must stay under what prepare.max_removed_fraction takes
ISLANDED = 0.3
FOLD = (-0.7, 1.8)  # how far a folded border turns out
FOLD_WIDTH = (0.8, 3.5)
FOLDED = 0.5
FLOOR = 100.0  # outside: floor and back of the solid, which no scan shows


@dataclass(frozen=True, slots=True)
class Border:
    """Where a scan ends.

    Attributes:
        inside: (V,) mm that a vertex lies within the border, along the surface in about; negative outside.
        holes: (V,) bool, what lies in holes.
        islands: (V,) bool, what is seen although it lies outside.
        fold: (V,) mm that the border is folded outwards.
    """

    inside: np.ndarray
    holes: np.ndarray
    islands: np.ndarray
    fold: np.ndarray


def border(patient: Patient, gums: Gums, vertices: np.ndarray, calm: bool, rng: np.random.Generator) -> Border:
    """The border of a patient's scan; a closed base has none.

    Args:
        patient: whose.
        gums: of that patient.
        vertices: (V, 3) of the solid.
        calm: whether it was trimmed, as before a base is put under it.
        rng: decides.
    """
    if patient.kind == "base":
        none = np.zeros(len(vertices), bool)
        return Border(np.full(len(vertices), np.inf), none, none, np.zeros(len(vertices)))
    amplitude = rng.uniform(*RAGGED) * (CALM if calm else 1.0)
    ragged = [_wander(rng, factor * amplitude) for factor in (1.0, 1.0, 0.8, 0.5)]
    low = rng.uniform(*(BELOW_SKIRT if patient.kind == "skirt" else BELOW))
    deep = rng.uniform(*INSIDE)
    short = rng.uniform(*(CUT if rng.random() < CUT_SHARE else BEHIND))
    slant = rng.normal(0, 0.04)
    at = ((vertices[:, :2] - gums.corner) / MAP_STEP).T
    out, margin, along, within, top = (
        map_coordinates(table, at, order=1, mode="nearest")
        for table in (gums.maps[OUT], gums.maps[GUM_MARGIN], gums.along, gums.inside, gums.maps[TOP])
    )
    z = vertices[:, 2]
    first, last = gums.along.min(), gums.along.max()
    tongues = [_tongues(rng, first, last, calm)(along) for _ in range(2)]
    # Behind the last teeth the border rises to the ridge.
    end = np.minimum(along - first, last - along)
    low = low * (0.4 + 0.6 * np.clip(end / 14.0, 0, 1)) + ragged[1](along) + tongues[0]
    facial = np.maximum(low, 0.8) - (margin - z)
    inside = np.where(z > top - 1.0, np.inf, np.where(out > -1.0, facial, -FLOOR))
    x = vertices[:, 0]
    behind = gums.back - short + slant * x + ragged[0](x) - vertices[:, 1]
    inside = np.minimum(inside, behind)
    if patient.kind == "horseshoe":
        inside = np.minimum(inside, np.maximum(deep + ragged[2](along) + tongues[1], 1.0) - within)
    gum = (margin - z > 1.0) & (inside > 0)
    places = np.flatnonzero(gum & ((within == 0) | (margin - z > 3.0)))
    holes = _blobs(vertices, places, HOLES, HOLE, rng) if rng.random() < HOLED else np.zeros(len(vertices), bool)
    near = np.flatnonzero((inside < -1.5) & (inside > -4.0))
    islands = _blobs(vertices, near, ISLANDS, ISLAND, rng) if rng.random() < ISLANDED else np.zeros(len(vertices), bool)
    fold = np.zeros(len(vertices))
    if rng.random() < FOLDED:
        width = rng.uniform(*FOLD_WIDTH)
        near_border = np.clip(1 - inside / width, 0, 1) ** 2
        fold = near_border * (rng.uniform(*FOLD) + ragged[3](along)) * (margin - z > 0.5)
    return Border(inside, holes, islands, fold)


def _blobs(
    vertices: np.ndarray,
    places: np.ndarray,
    numbers: tuple[int, int],
    radii: tuple[float, float],
    rng: np.random.Generator,
) -> np.ndarray:
    """(V,) bool: what lies in a few uneven balls round some of the vertices."""
    found = np.zeros(len(vertices), bool)
    for _ in range(int(rng.integers(*numbers))):
        u, radius, stretch = rng.random(), rng.uniform(*radii), rng.uniform(0.6, 1.6, 3)
        wave = rng.normal(0, 2.0, 3)
        if len(places) == 0:
            continue
        offset = vertices - vertices[places[int(u * len(places))]]
        near = np.abs(offset).max(axis=1) < 2.5 * radius
        near_offset = offset[near]
        uneven = radius * (1 + 0.25 * sin(dot(near_offset, wave)))
        found[near] |= dot(near_offset * stretch, near_offset * stretch) < uneven**2
    return found


def _tongues(rng: np.random.Generator, first: float, last: float, calm: bool) -> Callable[[np.ndarray], np.ndarray]:
    """Flaps and bites along a border, mm, as a function of the place along it."""
    count = int(rng.integers(*TONGUES)) // (4 if calm else 1)
    middle, length = rng.uniform(first, last, count), rng.uniform(*TONGUE, count)
    width = rng.uniform(*TONGUE_WIDTH, count)

    def line(s: np.ndarray) -> np.ndarray:
        total = np.zeros(len(s))
        for m, high, w in zip(middle, length, width, strict=True):
            total += high * exp(-(((s - m) / w) ** 2))
        return total

    return line


def _wander(rng: np.random.Generator, amplitude: float) -> Callable[[np.ndarray], np.ndarray]:
    """A wavy line of wavelengths from 1.5 to 30 mm, as a function of the place along it."""
    lengths = rng.uniform(1.5, 30.0, 7)
    phases = rng.uniform(0, 2 * np.pi, 7)
    weights = amplitude * np.sqrt(lengths / ordered_sum(lengths))

    def line(s: np.ndarray) -> np.ndarray:
        return dot(weights, sin(2 * np.pi * s[:, None] / lengths + phases))

    return line
