"""The chewing surfaces and incisal edges of upper crowns: cusps, ridges, fossae and grooves over u and v."""

import math
from typing import NamedTuple

import numpy as np

from scans.anatomy import TEETH
from scans.elementary import cos, exp, sin, tan
from scans.synthetic import ranges
from scans.synthetic.crowns import net_size, shape_of
from scans.synthetic.patient import Tooth
from scans.vectors import dot

OCCLUSAL_SIDE = 80


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


def occlusal(tooth: Tooth, wear: float, rng: np.random.Generator) -> np.ndarray:
    """The chewing surface or incisal edge, (OCCLUSAL_SIDE, OCCLUSAL_SIDE): its height in mm over u and v."""
    grid = np.linspace(-1, 1, OCCLUSAL_SIDE) * reach(tooth)
    u, v = np.meshgrid(grid, grid, indexing="ij")
    wide, deep, high = net_size(tooth)
    shape = shape_of(tooth)
    if shape <= 2:
        side = u / (wide / 2)
        corner = np.where(u > 0, 0.05 if shape == 1 else 0.09, 0.015) * rng.uniform(0.3, 2.2)
        lobes = rng.uniform(*ranges.MAMELONS) * (1 - cos(2.5 * np.pi * (side - rng.normal(0, 0.06)))) / 2
        # The edge lies level although the crown is tipped; its corners are rounded, the distal one more.
        level = tan(math.radians(TEETH[tooth.kind].angulation + rng.normal(0, 3.0))) * u
        square = side**2
        z = high * (1 - corner * np.abs(side) * square - 0.06 * square * square * square) - level
        z = z - lobes * exp(-wear / 0.15)
    elif shape == 3:
        slope = np.where(u > 0, 0.29, 0.24) * rng.uniform(0.6, 1.3) * high / (wide / 2)
        ridge = np.abs(v - 0.12 * deep)  # the tip is pointed across as well
        z = high - slope * (np.sqrt(u**2 + 0.35**2) - 0.35) - 0.35 * (np.sqrt(ridge**2 + 0.4**2) - 0.4)
    else:
        z = _chewing(tooth, shape, u, v, rng)
    facet, towards = rng.uniform(*ranges.FACET), rng.uniform(0, 2 * np.pi)
    tilt = facet * (v * sin(towards) + u * cos(towards)) / reach(tooth)
    z = smooth_min(z, high - wear * (1 + tilt), 0.15 + 0.2 * rng.random())
    if tooth.form == "prepared":
        return smooth_min(z, high - 1.0, 0.5) - rng.uniform(0.6, 1.8)
    return z


def reach(tooth: Tooth) -> float:
    """Half the side of the occlusal table, mm."""
    return 0.62 * max(tooth.size[0], tooth.size[1])


def smooth_max(a: np.ndarray, b: np.ndarray, k: float) -> np.ndarray:
    """The larger of two, rounded over a difference of k."""
    return np.maximum(a, b) + np.maximum(k - np.abs(a - b), 0) ** 2 / (4 * k)


def smooth_min(a: np.ndarray, b: np.ndarray, k: float) -> np.ndarray:
    """The smaller of two, rounded over a difference of k."""
    return -smooth_max(-a, -b, k)


def _chewing(tooth: Tooth, shape: int, u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cusps as four-ridged rounded pyramids, marginal ridges and the oblique ridge between them, then the grooves."""
    wide, deep, high = net_size(tooth)
    plan = _CHEWING[shape]
    scale = np.array([wide, deep])
    steep = rng.uniform(*ranges.STEEP)
    z = np.full_like(u, -np.inf)
    for cu, cv, drop, slope in plan.cusps:
        at = (np.array([cu, cv]) + rng.normal(0, 0.018, 2)) * scale
        du, dv = u - at[0], v - at[1]
        square = du**2 + dv**2 + 0.6**2
        ridged = 1 - 0.2 * (1 - 8 * (du * dv / square) ** 2)
        top = high - max(drop + rng.normal(0, ranges.CUSP) * (drop > 0), 0.0)
        cusp = top - slope * steep * ridged * (np.sqrt(square) - 0.6)
        z = cusp if np.isinf(z).any() else smooth_max(z, cusp, 0.25)
    for begin, end, drop, slope in plan.ridges:
        distance, _ = _to_segment(u, v, np.array(begin) * scale, np.array(end) * scale)
        ridge = high - drop + rng.normal(0, 0.7 * ranges.CUSP) - slope * (np.sqrt(distance**2 + 0.5**2) - 0.5)
        z = smooth_max(z, ridge, 0.4)
    if tooth.filled:  # a filling levels the fossa, not the cusps
        z = smooth_max(z, high - 0.9 - 1.6 * (1 - tooth.filled), 0.3)
    left = 1 - tooth.filled
    for begin, end, depth in (*plan.grooves, *_further(rng)):
        distance, along = _to_segment(u, v, np.array(begin) * scale, np.array(end) * scale)
        z = z - left * depth * rng.uniform(*ranges.GROOVE) * _valley(distance, rng) * (0.6 + 0.4 * sin(np.pi * along))
    return z


def _valley(distance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return exp(-((distance / rng.uniform(0.3, 0.65)) ** 2))


def _further(rng: np.random.Generator) -> list[tuple[tuple[float, float], tuple[float, float], float]]:
    """Short secondary grooves that run up the cusps' slopes from the middle."""
    begin, end = rng.uniform(-0.15, 0.15, (3, 2)), rng.uniform(-0.35, 0.35, (3, 2))
    return [((b[0], b[1]), (e[0], e[1]), 0.18) for b, e in zip(begin.tolist(), end.tolist(), strict=True)]


def _to_segment(u: np.ndarray, v: np.ndarray, begin: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance to a segment, and the fraction of its length that is nearest."""
    d = end - begin
    along = np.clip(((u - begin[0]) * d[0] + (v - begin[1]) * d[1]) / dot(d, d), 0, 1)
    return np.sqrt((u - begin[0] - along * d[0]) ** 2 + (v - begin[1] - along * d[1]) ** 2), along
