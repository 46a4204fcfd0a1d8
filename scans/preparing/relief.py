"""Occlusal relief: a surface seen along one direction as a height map, and its cross-correlation with a mean arch's.

Maps are (SIZE, SIZE) arrays of square cells, rows along the view's y and columns along its x. Lengths are in mm.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import fft, ndimage

from scans.anatomy import CONTACT_LINE
from scans.elementary import cos, sin
from scans.vectors import dot, ordered_mean, ordered_sum, unit

CELL, SIZE = 1.5, 96  # 144 mm
DEPTH = 10.0  # deeper ground counts as this deep: how high a base or a vault is says nothing about the arch
SURROUNDINGS = 9.0  # heights are taken over their mean in discs of this radius, which shows ridges as wide as a tooth

# The mean arch: a ridge of this half width along the line of contact points, with slopes of this gradient; and its
# outline, with the gums beside it and the palate up to this far behind the incisors.
HALF_WIDTH, SLOPE = 4.0, 2.5
OUTLINE, PALATE = 9.0, 52.0
MIDDLE = 20.0  # how far behind the incisors the templates' centre lies
WIDTHS = (0.8, 0.9, 1.0, 1.1, 1.2)  # of the mean arch
PROPORTIONS = (0.87, 1.0, 1.15)  # depth by width
SIZES = tuple((width, proportion * width) for width in WIDTHS for proportion in PROPORTIONS)
ARM = 27.0  # where the mean arch ends beside the midline, at the second molars
REACH, FINE = 160.0, 0.5  # of the table of distances to it
STEP, FINE_STEP = 15, 5  # degrees between azimuths
ELSEWHERE = 60  # azimuths farther apart than this, in degrees, are different answers

OFFSETS = (np.arange(SIZE) - SIZE // 2 + 0.5) * CELL


@dataclass(frozen=True, slots=True)
class View:
    """A surface as seen along one direction.

    Attributes:
        axes: (3, 3), rows x, y and up, a right-handed orthonormal frame; up points to the viewer.
        heights: (SIZE, SIZE) float32 of the highest point in each cell: 0 is the highest of all, `-DEPTH` stands for
            all that lies deeper and for no surface.
        outline: (SIZE, SIZE) bool, where there is any surface; holes are filled.
        rows, columns: (N,) cell of each point. depth: (N,) of each point under the highest one.
    """

    axes: np.ndarray
    heights: np.ndarray
    outline: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    depth: np.ndarray


@dataclass(frozen=True, slots=True)
class ArchFit:
    """Where a mean arch lies best in a view.

    Attributes:
        correlation: normalised cross-correlation of the reliefs, 1 for the same.
        score: of this azimuth, see `fit_arch`. elsewhere: the best one of another azimuth.
        azimuth: direction of the incisors from the middle of the arch, degrees from the view's x towards its y.
        width, depth: size of the arch, relative to the mean.
        center: x, y of the template's centre.
    """

    correlation: float
    score: float
    elsewhere: float
    azimuth: float
    width: float
    depth: float
    center: tuple[float, float]


def view_axes(up: np.ndarray, x: np.ndarray | None = None) -> np.ndarray:
    """A view's axes; x is as near to the given direction as it can be."""
    if x is None:
        x = np.eye(3)[np.abs(up).argmin()]
    x = unit(x - dot(x, up) * up)
    return np.stack([x, np.cross(up, x), up])


def look(points: np.ndarray, axes: np.ndarray, cell: float = CELL) -> View:
    """The view of points (N, 3) along -axes[2], with the middle of their extent in the middle of the map.

    The map is as wide with other cells.
    """
    size = 2 * math.ceil(SIZE * CELL / cell / 2)
    x, y, z = (dot(points, axis) for axis in axes)
    columns, rows = (
        np.clip(np.floor((at - (at.min() + at.max()) / 2) / cell).astype(np.int64) + size // 2, 0, size - 1)
        for at in (x, y)
    )
    depth = z.max() - z
    heights = np.full((size, size), -DEPTH, np.float32)
    np.maximum.at(heights, (rows, columns), -depth.astype(np.float32))
    outline = np.zeros((size, size), bool)
    outline[rows, columns] = True
    outline = ndimage.binary_fill_holes(ndimage.binary_closing(outline, iterations=2))
    # The closing fills single cells that no point happens to lie in.
    return View(axes, ndimage.grey_closing(heights, 3), outline, rows, columns, depth)


def fit_arch(view: View, ridge_weight: float, outline_weight: float, near: float | None = None) -> ArchFit:
    """Fit the mean arch's ridge and outline to a view, over positions, sizes and azimuths.

    The score of an azimuth is the weighted sum of both normalised cross-correlations, each at its best place and size.

    Args:
        near: look only at azimuths close to this one, more finely.
    """
    step = STEP if near is None else FINE_STEP
    azimuths = [float(a) for a in range(0, 360, STEP)] if near is None else [near + step * k for k in range(-5, 6)]
    ridges = _correlate(_relief(view.heights), (_ridges if near is None else _make_ridges), azimuths)
    outline = _unit(view.outline.astype(np.float32))
    outlines = _correlate(outline, (_outlines if near is None else _make_outlines), azimuths)
    scores = np.array([ridge_weight * a[0] + outline_weight * b[0] for a, b in zip(ridges, outlines, strict=True)])
    best = int(scores.argmax())
    apart = np.abs((step * (np.arange(len(scores)) - best) + 180) % 360 - 180)
    elsewhere = float(scores[apart > ELSEWHERE].max(initial=-np.inf))
    around = scores[(best + np.arange(-1, 2)) % len(scores)] if near is None else scores[best - 1 : best + 2]
    azimuth = azimuths[best] + step * (_vertex(*around) if len(around) == 3 else 0.0)
    correlation, size, row, column = ridges[best]
    width, depth = SIZES[size]
    return ArchFit(correlation, float(scores[best]), elsewhere, azimuth, width, depth, (CELL * column, CELL * row))


def arch_coordinates(fit: ArchFit) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each cell lies in the fitted arch.

    Returns:
        mm beside the midline and mm behind the incisors, both as in the mean arch; mm outside the line of contact
        points, negative between the arms.
    """
    return _in_arch(fit.azimuth, fit.width, fit.depth, fit.center)


def _correlate(
    relief: np.ndarray, templates: Callable[[float], np.ndarray], azimuths: Iterable[float]
) -> list[tuple[float, int, int, int]]:
    """Of each azimuth's templates: the highest correlation, the number of its size, its shift in rows and columns."""
    seen = fft.rfft2(relief)
    found = []
    for azimuth in azimuths:
        correlations = fft.irfft2(_products(seen, templates(azimuth)), s=(SIZE, SIZE))
        size, row, column = np.unravel_index(correlations.argmax(), correlations.shape)
        shift = [(int(at) + SIZE // 2) % SIZE - SIZE // 2 for at in (row, column)]
        found.append((float(correlations[size, row, column]), int(size), shift[0], shift[1]))
    return found


def _products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Products of complex numbers, broadcast; NumPy's own are rounded once less where the processor can."""
    products = np.empty(np.broadcast_shapes(a.shape, b.shape), np.result_type(a, b))
    products.real = a.real * b.real - a.imag * b.imag
    products.imag = a.real * b.imag + a.imag * b.real
    return products


def _vertex(before: float, here: float, after: float) -> float:
    """Place of the maximum of the parabola through three equidistant values, in steps from the middle one."""
    bend = before - 2 * here + after
    return float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0


def _make_ridges(azimuth: float) -> np.ndarray:
    """(sizes, SIZE, SIZE / 2 + 1) conjugate spectra of the mean arch's relief in all sizes."""
    reliefs = []
    for width, depth in SIZES:
        outside = _in_arch(azimuth, width, depth, (0.0, 0.0))[2]
        reliefs.append(_relief(np.clip(-SLOPE * (np.abs(outside) - HALF_WIDTH), -DEPTH, 0.0).astype(np.float32)))
    return np.conj(fft.rfft2(np.stack(reliefs)))


def _make_outlines(azimuth: float) -> np.ndarray:
    """The same of its outline, in the usual proportion: outlines tell front and back from afar."""
    outlines = []
    for width in WIDTHS:
        _, behind, outside = _in_arch(azimuth, width, width, (0.0, 0.0))
        inside = (np.abs(outside) < OUTLINE) | (outside < 0) & (behind < PALATE)
        outlines.append(_unit(inside.astype(np.float32)))
    return np.conj(fft.rfft2(np.stack(outlines)))


_ridges, _outlines = cache(_make_ridges), cache(_make_outlines)


def _relief(heights: np.ndarray) -> np.ndarray:
    """Heights over their surroundings, of norm 1."""
    return _unit(heights - fft.irfft2(fft.rfft2(heights) * _disc(), s=heights.shape))


def _unit(values: np.ndarray) -> np.ndarray:
    flat = values.reshape(-1).astype(np.float64)
    flat = flat - ordered_mean(flat)
    flat = flat / max(math.sqrt(float(ordered_sum(flat * flat))), 1e-9)
    return flat.reshape(values.shape).astype(values.dtype)


@cache
def _disc() -> np.ndarray:
    """Spectrum of the mean over a disc."""
    x, y = np.meshgrid(*2 * [np.minimum(np.arange(SIZE), SIZE - np.arange(SIZE)) * CELL])
    disc = x * x + y * y <= SURROUNDINGS * SURROUNDINGS
    return fft.rfft2((disc / np.count_nonzero(disc)).astype(np.float32)).real


def _in_arch(
    azimuth: float, width: float, depth: float, center: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """See `arch_coordinates`."""
    to_x, to_y = cos(math.radians(azimuth)), sin(math.radians(azimuth))
    x, y = np.meshgrid(OFFSETS - center[0], OFFSETS - center[1])
    lateral = (y * to_x - x * to_y) / width
    behind = MIDDLE - (x * to_x + y * to_y) / depth
    row, column = (np.rint((at + REACH) / FINE).astype(np.int64) for at in (behind, lateral))
    table = _outside_mean_arch()
    outside = table[np.clip(row, 0, len(table) - 1), np.clip(column, 0, len(table) - 1)]
    return lateral, behind, outside * math.sqrt(width * depth)


@cache
def _outside_mean_arch() -> np.ndarray:
    """Signed distance to the mean line of contact points, at `behind` (rows) and `lateral` from -REACH to REACH."""
    at = np.arange(-REACH, REACH + FINE, FINE)
    lateral, behind = np.meshgrid(at, at)
    x = np.linspace(-ARM, ARM, 2001)
    free = np.ones(lateral.shape, bool)
    free[tuple(np.rint((values + REACH) / FINE).astype(np.int64) for values in (_contact_line(x), x))] = False
    distance = ndimage.distance_transform_edt(free) * FINE
    return np.where((np.abs(lateral) < ARM) & (behind > _contact_line(lateral)), -distance, distance)


def _contact_line(x: np.ndarray) -> np.ndarray:
    a, b, c = CONTACT_LINE
    square = x * x
    return ((a * square + b) * square + c) * square
