"""Outlines of the bases under casts, seen from above: closed curves round a centre."""

import math

import numpy as np

from scans.elementary import atan2, cos, sin

# Millimetres beyond the scan's own half width and depth, unless said otherwise. All ours, by the bases that software
# for orthodontic models and print makes, and trimmed plaster.
FLARE = (-5.0, 10.0)  # sides, further out than the scan's border or further in
POINT = (0.0, 14.0)  # front
HEEL = (3.0, 16.0)  # cut off the corners behind
HOLLOW = (0.0, 9.0)  # depth of the hollow in the back edge
WIDEST = (0.25, 0.85)  # where along the depth, from the front, the front edges meet the sides
NARROW = (0.0, 7.0)  # by which the sides come closer to each other behind
SKEW = 2.0  # standard deviation of what one side differs from the other
ROUNDED = 0.3  # share of fronts that are an arc in place of a point


def polygon(low: np.ndarray, high: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The corners of an orthodontic base: a pentagon or heptagon, pointed or round in front, its back edge hollow.

    Args:
        low, high: (2,) corners of the box round the scan, mm; the front is at low y.

    Returns:
        (K, 2) mm, counter-clockwise from the middle of the back edge on.
    """
    middle, half = (low + high) / 2, (high - low) / 2
    wide = half[0] + rng.uniform(*FLARE)
    front, back = low[1] - rng.uniform(*POINT), high[1] + rng.uniform(-0.5, 3.0)
    corner = low[1] + rng.uniform(*WIDEST) * 2 * half[1] * 0.6
    heel = rng.uniform(*HEEL) if rng.random() < 0.7 else 0.0
    narrow = rng.uniform(*NARROW) if rng.random() < 0.5 else 0.0
    hollow = rng.uniform(*HOLLOW) if rng.random() < 0.7 else 0.0
    flat = rng.uniform(0.25, 0.7) * wide if rng.random() < 0.25 else 0.0  # a front edge in place of a point
    sides = []
    for way in (-1.0, 1.0):
        w = wide + SKEW * float(np.clip(rng.standard_normal(), -2, 2))
        points = [(way * (w - narrow - 0.7 * heel), back)]
        if heel:
            points.append((way * (w - narrow), back - heel))
        points.append((way * w, corner))
        if flat:
            points.append((way * flat, front))
        sides.append(points)
    tip = [] if flat else [(SKEW * float(np.clip(rng.standard_normal(), -2, 2)), front)]
    if tip and rng.random() < ROUNDED:
        tip = _arc(sides[0][-1], tip[0], sides[1][-1])
    corners = [(0.0, back - hollow), *sides[0], *tip, *reversed(sides[1])]
    return np.array(corners) + np.array([middle[0], 0.0])


def _arc(start: tuple[float, float], over: tuple[float, float], end: tuple[float, float]) -> list[tuple[float, float]]:
    """Points of a smooth curve between two corners, towards a third (a quadratic Bézier curve, without its ends)."""
    t = np.linspace(0, 1, 14)[1:-1, None]
    high = np.array([over[0], over[1] + 0.6 * (over[1] - start[1])])
    curve = (1 - t) ** 2 * np.array(start) + 2 * t * (1 - t) * high + t**2 * np.array(end)
    return [(float(x), float(y)) for x, y in curve]


def dee(low: np.ndarray, high: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The corners of a rounded base: straight behind, half an oval in front; as `polygon`."""
    middle, half = (low + high) / 2, (high - low) / 2
    out = rng.uniform(-1.0, 9.0)
    back = high[1] + rng.uniform(-0.5, 4.0)
    straight = rng.uniform(0.1, 0.55) * 2 * half[1]  # how far the sides run forward before they bend
    deep = back - straight - (low[1] - out - rng.uniform(-1.0, 3.0))
    angle = np.linspace(0, math.pi, 48)
    oval = np.stack([-(half[0] + out) * cos(angle), back - straight - deep * sin(angle)], axis=1)
    ends = (half[0] + out) * rng.uniform(0.75, 1.0)
    corners = [[0.0, back - rng.uniform(0, 4.0)], [-ends, back], *oval, [ends, back]]
    return np.array(corners) + np.array([middle[0], 0.0])


def disc(low: np.ndarray, high: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The corners of a round plate, wider or narrower than the cast on it; as `polygon`."""
    middle, half = (low + high) / 2, (high - low) / 2
    size = half * rng.uniform(0.75, 1.2, 2) + 2.0
    angle = np.linspace(0, 2 * math.pi, 60, endpoint=False)
    centre = middle + rng.normal(0, 2.0, 2)
    return centre + size * np.stack([-sin(angle), cos(angle)], axis=1)


def angles(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Directions (n,) of points (n, 2) from a centre, radians counter-clockwise from straight back, 0 ... 2π."""
    turned = atan2(centre[0] - points[:, 0], points[:, 1] - centre[1])
    return np.where(turned < 0, turned + 2 * math.pi, turned)


def at_angles(corners: np.ndarray, centre: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The points (n, 2) of an outline, star-shaped about a centre, in given directions (n,)."""
    angle = angles(corners, centre)
    order = np.argsort(angle, kind="stable")
    angle, corners = angle[order], corners[order]
    last = np.searchsorted(angle, wanted, side="right")
    a, b = corners[(last - 1) % len(corners)] - centre, corners[last % len(corners)] - centre
    direction = np.stack([-sin(wanted), cos(wanted)], axis=1)
    edge = b - a
    across = direction[:, 0] * edge[:, 1] - direction[:, 1] * edge[:, 0]
    reach = (a[:, 0] * edge[:, 1] - a[:, 1] * edge[:, 0]) / np.where(np.abs(across) < 1e-9, 1e-9, across)
    return centre + direction * np.clip(reach, 1.0, 80.0)[:, None]


def subdivided(corners: np.ndarray, longest: float) -> np.ndarray:
    """An outline (K, 2) with more points along its edges, so that none is longer than some millimetres."""
    pieces = []
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        edge = b - a
        count = int(np.ceil(np.sqrt(edge[0] ** 2 + edge[1] ** 2) / longest))
        pieces.append(a + edge * (np.arange(max(count, 1)) / max(count, 1))[:, None])
    return np.concatenate(pieces)
