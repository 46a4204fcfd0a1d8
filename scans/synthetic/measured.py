"""Measured crowns: drawn from a statistical model of real ones, as signed distances in the teeth's own frames."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from scans.synthetic.arch import standing
from scans.synthetic.crown_model import TEETH, CrownModel, MeanCrown
from scans.synthetic.field import SOLID_STEP
from scans.synthetic.patient import Patient, Tooth
from scans.vectors import dot, ordered_mean, ordered_sum, unit

POSE = 0.7  # part of the model's spread of poses that is a tooth's own, the rest being the arch's, which we draw; ours
MOST = 2.5  # standard deviations of a mode, as upstream bounds them
MARGIN = 1.6  # mm of grid around a crown


@dataclass(frozen=True, slots=True)
class Solid:
    """A measured crown in its tooth's own frame.

    Attributes:
        distance: (nu, nv, nw) float32 signed distance, mm, samples SOLID_STEP apart.
        low: (3,) the first sample.
    """

    distance: np.ndarray
    low: np.ndarray


def with_measured(patient: Patient, model: CrownModel, rng: np.random.Generator) -> tuple[Patient, dict[int, Solid]]:
    """The patient with measured crowns in place of all that the model has, and these by FDI number.

    Third molars, deciduous, peg-shaped and prepared teeth and those with brackets stay parametric. Sizes and poses
    become the measured ones; places along the arch stay the patient's, so that neighbours keep touching.
    """
    factors = 1 + dot(model.scale, rng.standard_normal(len(TEETH)))
    solids: dict[int, Solid] = {}
    sides = []
    for side in patient.sides:
        row = []
        for tooth in side:
            crown = model.crowns.get(tooth.fdi)
            if crown is None:
                row.append(tooth)
                continue
            weights = np.clip(rng.standard_normal(len(crown.modes)), -MOST, MOST)
            own = rng.standard_normal(6)
            if not tooth.present or tooth.form != "permanent" or tooth.fitting:
                row.append(tooth)
                continue
            pose = POSE * dot(crown.pose, own)
            axes = mean_axes(model, tooth.fdi)
            points, normals = _shape(crown, weights)
            points = float(factors[TEETH.index(tooth.fdi)]) * (points - ordered_mean(points))
            points, normals = (dot(vectors[:, None], axes) for vectors in (points, normals))
            size, points = _seated(points)
            solids[tooth.fdi] = solid(points, normals, crown.neighbours)
            row.append(_posed(tooth, size, pose, axes))
        sides.append(tuple(row))
    return replace(patient, sides=(sides[0], sides[1])), solids


def mean_axes(model: CrownModel, fdi: int) -> np.ndarray:
    """(3, 3) the frame of a tooth in the mean arch, rows u, v, w, as `arch` would stand it there."""
    side, kind = fdi // 10 - 1, fdi % 10
    quadrant, other = 10 * (side + 1), 10 * (2 - side)
    before = quadrant + kind - 1 if kind > 1 else other + 1
    after = quadrant + min(kind + 1, 7)
    ends = [ordered_mean(model.crowns[n].points)[:2] for n in (before, after)]
    return standing(kind, unit(ends[1] - ends[0]), side)


def _shape(crown: MeanCrown, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points and normals of a crown of these modes."""
    points = crown.points + ordered_sum(weights[:, None, None] * crown.modes)
    ways = (points[crown.neighbours] - points[:, None]).transpose(0, 2, 1)
    first, second = (dot(direction[:, None], ways) for direction in crown.plane)
    return points, unit(np.cross(first, second))


def _seated(points: np.ndarray) -> tuple[tuple[float, float, float], np.ndarray]:
    """The size of a crown, and its points with the origin under its middle at the height of its lowest one."""
    low, high = points.min(axis=0), points.max(axis=0)
    size = high - low
    return (float(size[0]), float(size[1]), float(size[2])), points - [*(low + high)[:2] / 2, low[2]]


def _posed(tooth: Tooth, size: tuple[float, float, float], pose: np.ndarray, axes: np.ndarray) -> Tooth:
    """A tooth of this size whose pose differs from the norm by the model's deviation."""
    turn = np.array([-pose[3], -pose[5], -pose[4]])  # the rotation vector along Teeth3DS's axes
    tilt = np.cross(turn, axes[2])
    return replace(
        tooth,
        size=size,
        turn=0.5 * tooth.turn + float(dot(np.cross(turn, axes[0]), axes[1])),
        lean=0.5 * tooth.lean + float(dot(tilt, axes[1])),
        tip=0.5 * tooth.tip - float(dot(tilt, axes[0])),
        rise=tooth.rise - float(pose[1]),
    )


def solid(points: np.ndarray, normals: np.ndarray, neighbours: np.ndarray) -> Solid:
    """Signed distances to the surface through oriented points (Kolluri 2008: implicit moving least squares)."""
    low = points.min(axis=0) - MARGIN
    shape = tuple(int(n) for n in np.ceil((points.max(axis=0) + MARGIN - low) / SOLID_STEP) + 1)
    nearest = np.full(shape, -1, np.int32)
    distance = np.empty(shape, np.float32)
    _distances(points, normals, neighbours, low, SOLID_STEP, nearest, distance)
    return Solid(distance, low)


def stacked_solids(solids: list[Solid]) -> tuple[np.ndarray, np.ndarray]:
    """Solids in one array (M, nu, nv, nw), the smaller ones continued by their last values, and their first samples."""
    if not solids:
        return np.empty((0, 1, 1, 1), np.float32), np.empty((0, 3))
    most = np.max([one.distance.shape for one in solids], axis=0)
    padded = [
        np.pad(one.distance, [(0, m - n) for m, n in zip(most, one.distance.shape, strict=True)], mode="edge")
        for one in solids
    ]
    return np.stack(padded), np.array([one.low for one in solids])


@njit(cache=True, _nrt=False)
def _square(points, n, x, y, z):
    dx, dy, dz = x - points[n, 0], y - points[n, 1], z - points[n, 2]
    return dx * dx + dy * dy + dz * dz


@njit(cache=True, _nrt=False)
def _distances(points, normals, neighbours, low, step, nearest, distance):
    """Fill `distance`: first the nearest point of each sample, spread from cell to cell, then the surface near it."""
    nu, nv, nw = nearest.shape
    for n in range(len(points)):
        a, b = int((points[n, 0] - low[0]) / step), int((points[n, 1] - low[1]) / step)
        c = int((points[n, 2] - low[2]) / step)
        for i, j, k in np.ndindex(2, 2, 2):
            x, y, z = low[0] + (a + i) * step, low[1] + (b + j) * step, low[2] + (c + k) * step
            known = nearest[a + i, b + j, c + k]
            if known < 0 or _square(points, n, x, y, z) < _square(points, known, x, y, z):
                nearest[a + i, b + j, c + k] = n
    for sweep in range(4):
        back = sweep % 2 == 1
        for ci in range(nu):
            i = nu - 1 - ci if back else ci
            for cj in range(nv):
                j = nv - 1 - cj if back else cj
                for ck in range(nw):
                    k = nw - 1 - ck if back else ck
                    x, y, z = low[0] + i * step, low[1] + j * step, low[2] + k * step
                    best = nearest[i, j, k]
                    far = _square(points, best, x, y, z) if best >= 0 else 1e18
                    step_back = -1 if back else 1
                    for axis in range(3):
                        a = i - step_back if axis == 0 else i
                        b = j - step_back if axis == 1 else j
                        c = k - step_back if axis == 2 else k
                        if 0 <= a < nu and 0 <= b < nv and 0 <= c < nw and nearest[a, b, c] >= 0:
                            square = _square(points, nearest[a, b, c], x, y, z)
                            if square < far:
                                best, far = nearest[a, b, c], square
                    nearest[i, j, k] = best
    for i, j, k in np.ndindex(nu, nv, nw):
        x, y, z = low[0] + i * step, low[1] + j * step, low[2] + k * step
        at = nearest[i, j, k]
        square = _square(points, at, x, y, z)
        reach = square + 0.8
        height, total = 0.0, 0.0
        for m in range(-1, neighbours.shape[1]):
            n = at if m < 0 else neighbours[at, m]
            weight = max(1.0 - _square(points, n, x, y, z) / reach, 0.0)
            weight *= weight
            plane = (x - points[n, 0]) * normals[n, 0] + (y - points[n, 1]) * normals[n, 1]
            height += weight * (plane + (z - points[n, 2]) * normals[n, 2])
            total += weight
        height /= total
        # Far from the surface its planes mislead, and the nearest point tells the distance well enough.
        way = math.sqrt(square)
        blend = min(max((way - 0.5) / 0.7, 0.0), 1.0)
        distance[i, j, k] = (1 - blend) * height + blend * (way if height > 0 else -way)
