"""The anatomy of upper crowns: each tooth as three tables that `field` turns into a solid.

A crown lives in its own frame: u runs distally, v to the lip or cheek, w to the occlusal side, the origin on the long
axis at the height of the gum margin. Its tables are

- `profile`: for each height w the half widths of the outline to mesial, distal, facial and lingual, and its centre;
- `relief`: for each direction round the axis and each height, millimetres added to the outline (ridges, grooves);
- `occlusal`: the height of the chewing surface (or incisal edge) over u and v: cusps, ridges, fossae, grooves.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.interpolate import PchipInterpolator

from scans.anatomy import TEETH
from scans.elementary import cos, exp, sin, tan
from scans.synthetic.field import OVER, ROOT
from scans.synthetic.patient import Tooth
from scans.vectors import dot

PROFILE_ROWS = 160
RELIEF_SHAPE = (64, 48)  # directions, heights
OCCLUSAL_SIDE = 96

# Outlines: at fractions of the crown height, half widths in units of half the mesiodistal width (mesial, distal), and
# the facial and lingual contours in units of the buccolingual width. Below 0 lies the root.
_OUTLINES = {
    "central": (
        (-0.8, -0.3, 0.0, 0.15, 0.35, 0.55, 0.75, 0.90, 1.00, 1.15),
        (0.50, 0.66, 0.75, 0.82, 0.905, 0.965, 1.0, 0.995, 0.97, 0.95),
        (0.50, 0.65, 0.74, 0.81, 0.905, 0.975, 1.0, 0.97, 0.92, 0.88),
        (0.36, 0.44, 0.475, 0.50, 0.475, 0.425, 0.345, 0.265, 0.205, 0.12),
        (-0.36, -0.45, -0.49, -0.50, -0.43, -0.26, -0.10, -0.005, 0.045, 0.06),
    ),
    "lateral": (
        (-0.8, -0.3, 0.0, 0.15, 0.35, 0.55, 0.75, 0.90, 1.00, 1.15),
        (0.50, 0.64, 0.73, 0.80, 0.90, 0.97, 1.0, 0.98, 0.93, 0.88),
        (0.50, 0.64, 0.73, 0.80, 0.91, 0.985, 0.99, 0.92, 0.83, 0.75),
        (0.36, 0.44, 0.475, 0.50, 0.475, 0.425, 0.345, 0.265, 0.205, 0.12),
        (-0.36, -0.45, -0.49, -0.50, -0.42, -0.25, -0.10, -0.005, 0.045, 0.06),
    ),
    "canine": (
        (-0.8, -0.3, 0.0, 0.20, 0.40, 0.58, 0.75, 0.90, 1.00, 1.15),
        (0.52, 0.64, 0.71, 0.81, 0.91, 0.985, 1.0, 0.95, 0.88, 0.80),
        (0.52, 0.64, 0.71, 0.82, 0.94, 1.0, 0.985, 0.92, 0.85, 0.78),
        (0.38, 0.44, 0.465, 0.50, 0.485, 0.44, 0.365, 0.285, 0.225, 0.14),
        (-0.38, -0.45, -0.48, -0.50, -0.45, -0.35, -0.22, -0.09, -0.02, 0.03),
    ),
    "premolar": (
        (-0.9, -0.3, 0.0, 0.20, 0.42, 0.58, 0.75, 0.90, 1.00, 1.15),
        (0.52, 0.63, 0.70, 0.82, 0.95, 1.0, 0.99, 0.94, 0.89, 0.82),
        (0.52, 0.63, 0.70, 0.82, 0.95, 1.0, 0.985, 0.93, 0.88, 0.81),
        (0.36, 0.42, 0.445, 0.495, 0.498, 0.475, 0.435, 0.385, 0.345, 0.28),
        (-0.36, -0.41, -0.435, -0.475, -0.50, -0.495, -0.465, -0.42, -0.38, -0.31),
    ),
    "molar": (
        (-1.0, -0.3, 0.0, 0.20, 0.42, 0.60, 0.78, 0.90, 1.00, 1.15),
        (0.60, 0.70, 0.765, 0.87, 0.965, 1.0, 0.985, 0.95, 0.91, 0.84),
        (0.60, 0.70, 0.765, 0.87, 0.965, 1.0, 0.98, 0.94, 0.90, 0.83),
        (0.38, 0.43, 0.455, 0.495, 0.495, 0.475, 0.44, 0.41, 0.375, 0.31),
        (-0.38, -0.42, -0.44, -0.475, -0.50, -0.495, -0.465, -0.43, -0.395, -0.33),
    ),
}
_KINDS = {1: "central", 2: "lateral", 3: "canine", 4: "premolar", 5: "premolar", 6: "molar", 7: "molar", 8: "molar"}


class Section(NamedTuple):
    """The shape of a crown's cross-section.

    Attributes:
        facial: exponent of the outline's superellipse on the facial side.
        lingual: the same on the lingual side.
        taper: narrowing towards lingual, per half depth.
        skew: shift to distal per mm towards lingual (the molars' rhombus).
        rim: mm over which the occlusal rim is rounded.
        centre: where between the lingual and the facial contour the outline is widest.
    """

    facial: float
    lingual: float
    taper: float
    skew: float
    rim: float
    centre: float


# Relief and blending with the neighbours add to a crown's widths, the rounding of edges takes from its height: what to
# make it from so that it measures its size.
_NET = {
    "central": (0.975, 0.975, 1.03),
    "lateral": (0.98, 0.97, 1.03),
    "canine": (0.985, 0.975, 1.025),
    "premolar": (1.0, 0.98, 1.02),
    "molar": (0.99, 0.99, 1.0),
}

_SECTIONS = {
    "central": Section(2.8, 2.0, 0.30, 0.0, 0.55, 0.60),
    "lateral": Section(2.4, 2.0, 0.27, 0.03, 0.55, 0.60),
    "canine": Section(2.1, 2.0, 0.16, 0.04, 0.60, 0.58),
    "premolar": Section(2.3, 2.2, 0.07, 0.05, 0.75, 0.50),
    "molar": Section(2.9, 2.6, 0.02, 0.10, 0.85, 0.50),
}


class Chewing(NamedTuple):
    """Plan of a chewing surface; places in fractions of the crown's widths, heights in mm.

    Attributes:
        cusps: place, drop under the crown's height, slope.
        ridges: begin, end, drop, slope to both sides.
        grooves: begin, end, depth.
    """

    cusps: tuple[tuple[float, float, float, float], ...]
    ridges: tuple[tuple[tuple[float, float], tuple[float, float], float, float], ...]
    grooves: tuple[tuple[tuple[float, float], tuple[float, float], float], ...]


_CHEWING = {
    4: Chewing(
        cusps=((0.02, 0.275, 0.0, 0.78), (-0.07, -0.275, 0.9, 0.72)),
        ridges=(((-0.37, 0.16), (-0.33, -0.2), 1.75, 0.8), ((0.37, 0.16), (0.31, -0.2), 1.85, 0.8)),
        grooves=(((-0.22, 0.0), (0.24, 0.0), 0.45), ((-0.22, 0.0), (-0.42, -0.03), 0.25)),
    ),
    5: Chewing(
        cusps=((0.0, 0.27, 0.0, 0.68), (-0.06, -0.27, 0.4, 0.66)),
        ridges=(((-0.36, 0.16), (-0.33, -0.2), 1.4, 0.75), ((0.36, 0.16), (0.32, -0.2), 1.45, 0.75)),
        grooves=(
            ((-0.16, 0.0), (0.18, 0.0), 0.45),
            ((-0.16, 0.0), (-0.25, 0.12), 0.2),
            ((0.18, 0.0), (0.26, 0.12), 0.2),
        ),
    ),
    6: Chewing(
        cusps=((-0.26, 0.29, 0.1, 0.72), (0.19, 0.28, 0.3, 0.72), (-0.14, -0.27, 0.0, 0.64), (0.29, -0.29, 0.75, 0.66)),
        ridges=(
            ((-0.39, 0.2), (-0.37, -0.16), 1.55, 0.7),
            ((0.39, 0.2), (0.42, -0.2), 1.6, 0.7),
            ((-0.06, -0.18), (0.14, 0.2), 1.4, 0.6),
        ),
        grooves=(
            ((-0.25, 0.03), (-0.04, 0.06), 0.55),
            ((-0.04, 0.06), (-0.02, 0.45), 0.45),
            ((0.3, 0.03), (0.2, -0.12), 0.5),
            ((0.2, -0.12), (0.1, -0.45), 0.45),
        ),
    ),
    7: Chewing(
        cusps=((-0.24, 0.29, 0.0, 0.72), (0.20, 0.27, 0.4, 0.72), (-0.10, -0.26, 0.1, 0.64), (0.29, -0.26, 1.2, 0.66)),
        ridges=(
            ((-0.38, 0.2), (-0.35, -0.16), 1.4, 0.7),
            ((0.38, 0.2), (0.40, -0.15), 1.7, 0.7),
            ((-0.03, -0.16), (0.14, 0.2), 1.5, 0.6),
        ),
        grooves=(
            ((-0.24, 0.03), (-0.03, 0.06), 0.5),
            ((-0.03, 0.06), (-0.01, 0.44), 0.4),
            ((0.29, 0.04), (0.2, -0.12), 0.4),
            ((0.2, -0.12), (0.12, -0.44), 0.35),
        ),
    ),
    8: Chewing(
        cusps=((-0.24, 0.28, 0.0, 0.62), (0.20, 0.24, 0.6, 0.62), (-0.02, -0.24, 0.3, 0.56)),
        ridges=(((-0.37, 0.2), (-0.31, -0.16), 1.3, 0.7), ((0.36, 0.14), (0.31, -0.16), 1.5, 0.7)),
        grooves=(((-0.22, 0.03), (0.22, 0.02), 0.5), ((0.0, 0.05), (0.0, 0.42), 0.4)),
    ),
}


def net_size(tooth: Tooth) -> np.ndarray:
    """(3,) mesiodistal and buccolingual width and height, mm, of the plain outline under a tooth's crown."""
    return np.array(tooth.size) * _NET[_KINDS[tooth.kind]]


def profile(tooth: Tooth, rng: np.random.Generator) -> np.ndarray:
    """The outline at each height, (PROFILE_ROWS, 5): half widths mesial, distal, facial, lingual, and centre, in mm."""
    name = _KINDS[tooth.kind]
    at, mesial, distal, facial, lingual = (np.asarray(row) for row in _OUTLINES[name])
    wide, deep, high = net_size(tooth)
    t = np.clip(np.linspace(-ROOT, high + OVER, PROFILE_ROWS) / high, at[0], at[-1])
    neck = 1 + rng.normal(0, 0.025) * np.clip(1 - at / 0.6, 0, 1.5)
    belly = rng.normal(0, 0.012, 2) * exp(-(((at - 0.35) / 0.25) ** 2))[:, None]
    sides = PchipInterpolator(at, np.stack([mesial * neck, distal * neck], axis=1))(t) * wide / 2
    faces = PchipInterpolator(at, np.stack([facial + belly[:, 0], lingual - belly[:, 1]], axis=1))(t) * deep
    front, back = faces[:, 0], faces[:, 1]
    centre = back + (front - back) * _SECTIONS[name].centre
    return np.stack([sides[:, 0], sides[:, 1], front - centre, centre - back, centre], axis=1)


def relief(tooth: Tooth, rng: np.random.Generator) -> np.ndarray:
    """Ridges and grooves of the outer faces in mm over RELIEF_SHAPE (direction from -pi, height from -ROOT)."""
    high = net_size(tooth)[2]
    direction = np.linspace(-np.pi, np.pi, RELIEF_SHAPE[0])[:, None]
    t = np.linspace(-ROOT, high + OVER, RELIEF_SHAPE[1])[None, :] / high

    def spot(towards: float, spread: float, at: float, reach: float) -> np.ndarray:
        """A bump at a direction (degrees: 0 distal, 90 facial) and a fraction of the height."""
        turn = (direction - np.radians(towards) + np.pi) % (2 * np.pi) - np.pi
        return exp(-((turn / np.radians(spread)) ** 2) - ((t - at) / reach) ** 2)

    k = tooth.kind
    some = rng.uniform(0.6, 1.4, 4)
    if k <= 2:  # fossa between marginal ridges, cingulum; two faint labial depressions between three lobes
        out = -0.65 * some[0] * spot(-90, 32, 0.60, 0.22) + 0.25 * spot(-90, 40, 0.18, 0.12)
        out += 0.36 * some[1] * (spot(-145, 18, 0.6, 0.25) + spot(-35, 18, 0.6, 0.25))
        return out - 0.10 * some[2] * (spot(72, 10, 0.75, 0.3) + spot(110, 10, 0.75, 0.3))
    if k == 3:  # labial and lingual ridge from the cusp, shallow hollows at their sides
        out = 0.30 * some[0] * spot(93, 22, 0.6, 0.35) + 0.35 * some[1] * spot(-90, 14, 0.6, 0.25)
        out -= 0.35 * some[2] * (spot(-125, 18, 0.6, 0.22) + spot(-55, 18, 0.6, 0.22))
        return out - 0.12 * some[3] * (spot(60, 14, 0.6, 0.3) + spot(125, 14, 0.6, 0.3))
    if k <= 5:  # buccal ridge; a depression of the neck to mesial, deep on the first
        out = 0.22 * some[0] * spot(92, 24, 0.6, 0.35) + 0.12 * spot(-95, 30, 0.7, 0.3)
        return out - (0.35 if k == 4 else 0.15) * some[1] * spot(180, 25, 0.15, 0.3)
    # Molars: a groove down the buccal and the lingual face between the cusps, a Carabelli cusp in some patients.
    out = -0.38 * some[0] * spot(83, 9, 0.85, 0.3) - 0.36 * some[1] * spot(-62, 9, 0.9, 0.3)
    out += 0.15 * (spot(120, 25, 0.6, 0.35) + spot(50, 25, 0.6, 0.35))
    if k == 6 and rng.random() < 0.35:
        out += 0.7 * some[2] * spot(-118, 14, 0.55, 0.14)
    return out


def occlusal(tooth: Tooth, wear: float, rng: np.random.Generator) -> np.ndarray:
    """The chewing surface or incisal edge, (OCCLUSAL_SIDE, OCCLUSAL_SIDE): its height in mm over u and v."""
    grid = np.linspace(-1, 1, OCCLUSAL_SIDE) * reach(tooth)
    u, v = np.meshgrid(grid, grid, indexing="ij")
    wide, deep, high = net_size(tooth)
    if tooth.kind <= 2:
        side = u / (wide / 2)
        corner = np.where(u > 0, 0.05 if tooth.kind == 1 else 0.09, 0.015) * rng.uniform(0.7, 1.3)
        lobes = 0.08 * rng.uniform(0, 1) * cos(1.5 * np.pi * side) * exp(-wear / 0.1)
        # The edge lies level although the crown is tipped; its corners are rounded, the distal one more.
        level = tan(math.radians(TEETH[tooth.kind].angulation)) * u
        square = side**2
        z = high * (1 - corner * np.abs(side) * square - 0.06 * square * square * square) - level + lobes
    elif tooth.kind == 3:
        slope = np.where(u > 0, 0.29, 0.24) * rng.uniform(0.85, 1.15) * high / (wide / 2)
        ridge = np.abs(v - 0.12 * deep)  # the tip is pointed across as well
        z = high - slope * (np.sqrt(u**2 + 0.35**2) - 0.35) - 0.35 * (np.sqrt(ridge**2 + 0.4**2) - 0.4)
    else:
        z = _chewing(tooth, u, v, rng)
    return smooth_min(z, np.full_like(z, high - wear), 0.25)


def section(tooth: Tooth) -> tuple[float, ...]:
    """Facial and lingual exponent, taper, skew and roundness of the rim of a tooth's cross-section."""
    return _SECTIONS[_KINDS[tooth.kind]][:5]


def reach(tooth: Tooth) -> float:
    """Half the side of the occlusal table, mm."""
    return 0.62 * max(tooth.size[0], tooth.size[1])


def smooth_max(a: np.ndarray, b: np.ndarray, k: float) -> np.ndarray:
    """The larger of two, rounded over a difference of k."""
    return np.maximum(a, b) + np.maximum(k - np.abs(a - b), 0) ** 2 / (4 * k)


def smooth_min(a: np.ndarray, b: np.ndarray, k: float) -> np.ndarray:
    """The smaller of two, rounded over a difference of k."""
    return -smooth_max(-a, -b, k)


def _chewing(tooth: Tooth, u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cusps as four-ridged rounded pyramids, marginal ridges and the oblique ridge between them, then the grooves."""
    wide, deep, high = net_size(tooth)
    plan = _CHEWING[tooth.kind]
    scale = np.array([wide, deep])
    z = np.full_like(u, -np.inf)
    for cu, cv, drop, slope in plan.cusps:
        at = (np.array([cu, cv]) + rng.normal(0, 0.012, 2)) * scale
        du, dv = u - at[0], v - at[1]
        square = du**2 + dv**2 + 0.6**2
        ridged = 1 - 0.2 * (1 - 8 * (du * dv / square) ** 2)
        cusp = high - drop + rng.normal(0, 0.1) * (drop > 0) - slope * ridged * (np.sqrt(square) - 0.6)
        z = cusp if np.isinf(z).any() else smooth_max(z, cusp, 0.25)
    for begin, end, drop, slope in plan.ridges:
        distance, _ = _to_segment(u, v, np.array(begin) * scale, np.array(end) * scale)
        z = smooth_max(z, high - drop + rng.normal(0, 0.1) - slope * (np.sqrt(distance**2 + 0.5**2) - 0.5), 0.4)
    for begin, end, depth in plan.grooves:
        distance, along = _to_segment(u, v, np.array(begin) * scale, np.array(end) * scale)
        z = z - depth * rng.uniform(0.7, 1.3) * exp(-((distance / 0.5) ** 2)) * (0.6 + 0.4 * sin(np.pi * along))
    return z


def _to_segment(u: np.ndarray, v: np.ndarray, begin: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance to a segment, and the fraction of its length that is nearest."""
    d = end - begin
    along = np.clip(((u - begin[0]) * d[0] + (v - begin[1]) * d[1]) / dot(d, d), 0, 1)
    return np.sqrt((u - begin[0] - along * d[0]) ** 2 + (v - begin[1] - along * d[1]) ** 2), along
