"""What a scanner adds to a surface: noise, warp, steps between its pictures, saliva, plaster's bubbles, fins."""

import math

import numpy as np
from numba import njit

from scans.elementary import exp, power, sin
from scans.synthetic.surface import normals
from scans.vectors import dot, norm, unit

# In mm; all ours: intraoral scanners are said to be true to 0.02 to 0.1 over an arch, and we go beyond.
NOISE = (0.002, 0.03)  # standard deviation on surfaces that face the scanner; drawn by its logarithm
STEEP = (0.0, 2.5)  # by how much more of it there is on walls
PEEL = (0.001, 0.02)  # height of waves of 0.8 to 4
WARP = 0.03  # standard deviation of each of 12 waves of 5 to 18, which make no two teeth quite alike
STEPS = (0, 4)  # number of edges between pictures
STEP = 0.06  # standard deviation of their height along each axis
STEP_WIDTH = (0.15, 1.2)
BLOBS = (0, 13)  # of saliva
BLOB = (0.5, 2.2)  # radius
BLOB_HIGH = (0.05, 0.5)
BUBBLES = (0, 40)  # knobs and pits of plaster
BUBBLE = (0.3, 1.3)
FINS = (1, 6)  # single triangles that stand on the surface, in as many open scans:
FINNED = 0.25


def scanner_noise(vertices: np.ndarray, normals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What a scanner moves vertices (V, 3) with unit normals (V, 3) by: (V, 3) mm."""
    moved = _waves(vertices, 12, (5.0, 18.0), rng) * WARP
    peel = _between(PEEL, rng.random()) * _waves(vertices, 8, (0.8, 4.0), rng)[:, :1]
    slope = 1 - np.abs(normals[:, 2:])
    white = _between(NOISE, rng.random()) * (1 + rng.uniform(*STEEP) * slope) * rng.standard_normal((len(vertices), 1))
    moved += (peel + white) * normals
    for _ in range(int(rng.integers(*STEPS))):
        across = unit(rng.standard_normal(3) * [1.0, 1.0, 0.3])
        through, shift = vertices[int(rng.integers(len(vertices)))], rng.normal(0, STEP, 3)
        beyond = dot(vertices - through, across) / rng.uniform(*STEP_WIDTH)
        moved += np.clip(beyond + 0.5, 0, 1)[:, None] * shift
    return moved + _bumps(vertices, normals, BLOBS, BLOB, BLOB_HIGH, rng)


def bubbles(vertices: np.ndarray, normals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What the bubbles of plaster move vertices (V, 3) with unit normals (V, 3) by: (V, 3) mm."""
    return _bumps(vertices, normals, BUBBLES, BUBBLE, (-0.6, 0.8), rng)


def with_fins(vertices: np.ndarray, faces: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A mesh with a few fins at its end, so that edges of it have three faces; most have none."""
    if rng.random() >= FINNED:
        return vertices, faces
    count = int(rng.integers(*FINS))
    at, heights = rng.integers(len(faces), size=count), rng.uniform(0.1, 0.6, count)
    a, b = faces[at, 0], faces[at, 1]
    tips = (vertices[a] + vertices[b]) / 2 + heights[:, None] * normals(vertices, faces)[a]
    added = np.stack([a, b, len(vertices) + np.arange(count)], axis=1).astype(np.int32)
    return np.concatenate([vertices, tips]), np.concatenate([faces, added])


def _waves(vertices: np.ndarray, count: int, lengths: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """(V, 3), the sum of plane waves, each with a random amplitude of standard deviation 1 along each axis."""
    total = np.zeros(vertices.shape)
    for _ in range(count):
        direction = rng.standard_normal(3)
        direction *= 2 * math.pi / rng.uniform(*lengths) / norm(direction)
        _add_wave(total, vertices, direction, rng.uniform(0, 2 * math.pi), rng.standard_normal(3))
    return total


@njit(cache=True)
def _add_wave(total, vertices, direction, phase, amplitude):
    for n in range(len(vertices)):
        x, y, z = vertices[n]
        wave = sin(x * direction[0] + y * direction[1] + z * direction[2] + phase)
        for axis in range(3):
            total[n, axis] += wave * amplitude[axis]


def _bumps(
    vertices: np.ndarray,
    normals: np.ndarray,
    numbers: tuple[int, int],
    radii: tuple[float, float],
    heights: tuple[float, float],
    rng: np.random.Generator,
) -> np.ndarray:
    """(V, 3) mm, round bumps along the normals at a few random vertices; they are no higher than wide."""
    moved = np.zeros(vertices.shape)
    for _ in range(int(rng.integers(*numbers))):
        at, radius, high = int(rng.integers(len(vertices))), rng.uniform(*radii), rng.uniform(*heights)
        _add_bump(moved, vertices, normals, vertices[at], radius, min(high, radius))
    return moved


@njit(cache=True)
def _add_bump(moved, vertices, normals, centre, radius, high):
    for n in range(len(vertices)):
        x, y, z = vertices[n, 0] - centre[0], vertices[n, 1] - centre[1], vertices[n, 2] - centre[2]
        if max(abs(x), abs(y), abs(z)) < 2 * radius:
            bump = high * exp(-2.5 * (x * x + y * y + z * z) / radius**2)
            for axis in range(3):
                moved[n, axis] += bump * normals[n, axis]


def _between(ends: tuple[float, float], share: float) -> float:
    """The number at a share of the way between two, by their logarithms."""
    return ends[0] * float(power(ends[1] / ends[0], share))
