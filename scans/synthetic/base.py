"""Bases that close a scan from its border on: ruled walls to a plane far below, plaster, printed models, plates."""

import math

import numpy as np

from scans.borders import border_loops
from scans.elementary import cos, power, sin
from scans.synthetic import outline
from scans.synthetic.loops import distinct, fan, strip, zipper
from scans.vectors import dot, norm, ordered_mean, unit

# All in mm; "Teeth3DS" is what closed scans of that set measure (issue 15), the rest is ours, wider than what we saw.
HIGH = (34.0, 56.0)  # whole height with a ruled base; Teeth3DS: 41 to 54
LOW = (4.0, 24.0)  # plaster or print below the border
TRIM = (0, 12)  # rounds in which the border is smoothed before it is closed
RING = (1.5, 60.0)  # longest edge of a ruled base's outline: the shorter, the more and the narrower the facets
LEDGE = (0.5, 9.0)  # below the border, where a ruled base first goes out to its outline and then straight down
SHELF = (-4.0, 4.0)  # rim of a plaster base over the scan's border
TROUGH = (0.0, 3.0)  # between the scan's border and the plaster's rim
STEP = (0.3, 4.0)  # of a rim that follows the border
ROUND = (0.05, 4.0)  # radius of the plaster's rim
DRAFT = (-0.10, 0.15)  # horizontal over vertical, of walls
SPACING = 0.8  # edges of plaster and plates
PLATE = (6.0, 18.0)  # height of an articulator's plate
FLOORLESS = 0.12  # share of bases open below
SHARP = 0.6  # share of floors whose edge has rows of vertices close together
APEX = (0.4, 1.05)  # of a fan over the palate, from the front of the horseshoe to its ends
SUNK = (-0.5, 8.0)  # what closes the palate, under the border round it
FILLS = ("across", "fan", "flat")
FILL_SHARES = (0.4, 0.25, 0.35)


class Base:
    """A scan and what has been added to close it.

    Attributes:
        vertices: (V, 3) mm, the scan's first.
        faces: (F, 3).
        loop: (n,) vertices of the border that is still open, in the direction of its faces.
    """

    def __init__(self, vertices: np.ndarray, faces: np.ndarray, trim: int) -> None:
        """From an open scan, a sound surface: all its borders but the longest are closed as a scanner fills holes."""
        self.vertices, self.faces = vertices, faces
        self.loop, *holes = border_loops(faces, len(vertices))
        for hole in holes:
            self._cap(hole)
        ring = _smoothed(self.vertices[self.loop], trim)
        self.vertices = self.vertices.copy()
        self.vertices[self.loop] = ring

    def fill_palate(self, how: str, rng: np.random.Generator) -> None:
        """Close what lies between the two ends of a horseshoe, behind the last molars.

        Args:
            how: "across" from side to side, "fan" to one point, or "flat": walls down to a plane, and the plane.
        """
        count = self._start_at_right_end()
        inner, outer = self.loop[: count + 1], np.append(self.loop[count:], self.loop[0])
        points = self.vertices[inner]
        if how == "fan":
            ends = (points[0] + points[-1]) / 2
            front = points[int(np.argmin(points[:, 1]))]
            apex = front + rng.uniform(*APEX) * (ends - front) - [0.0, 0.0, rng.uniform(*SUNK)]
            new = self._add(apex[None])
            self._join(np.stack([inner[1:], inner[:-1], np.full(len(inner) - 1, new[0])], axis=1))
            self.loop = np.append(outer, new)
            return
        ends_below: list[int] = []
        if how == "flat":
            points = points.copy()
            points[:, 2] = np.quantile(points[:, 2], rng.uniform(0.0, 0.6)) - rng.uniform(*SUNK)
            low = self._add(points)
            self._join(np.stack([inner[1:], inner[:-1], low[:-1]], axis=1))
            self._join(np.stack([inner[1:], low[:-1], low[1:]], axis=1))
            ends_below = [int(low[0]), int(low[-1])]
            inner = low
        way = np.append(0.0, np.cumsum(norm(np.diff(points, axis=0))))
        keys = np.abs(way - way[int(np.argmin(points[:, 1]))])
        middle = int(np.argmin(keys))
        keys[:middle] /= max(float(keys[0]), 1e-9)
        keys[middle:] /= max(float(keys[-1]), 1e-9)
        self._join(distinct(zipper(inner, keys)))
        self.loop = np.append(outer, np.array(ends_below, outer.dtype))

    def _start_at_right_end(self) -> int:
        """Roll the loop so that it starts at its rear end on the right; the number of steps to that on the left.

        The loop runs counter-clockwise seen from above: its inner part leads from behind on the right round the arch to
        the left, the rest outside back to the right.
        """
        points = self.vertices[self.loop]
        x = points[:, 0] - (points[:, 0].min() + points[:, 0].max()) / 2
        left, right = (int(np.argmax(np.where(side, points[:, 1], -np.inf))) for side in (x < 0, x > 0))
        self.loop = np.roll(self.loop, -right)
        return (left - right) % len(points)

    def ruled(self, rng: np.random.Generator) -> None:
        """Walls of long triangles down to an orthodontic base's outline on a plane, and the plane."""
        ring = self.vertices[self.loop]
        low, high = ring[:, :2].min(axis=0), ring[:, :2].max(axis=0)
        floor = self.vertices[:, 2].max() - rng.uniform(*HIGH)
        floor = min(floor, ring[:, 2].min() - 3.0)
        draw = outline.polygon if rng.random() < 0.8 else outline.dee
        corners = draw(low, high, rng)
        longest = float(RING[0] * power(RING[1] / RING[0], rng.random()))
        points = outline.subdivided(corners, longest)
        centre = (low + high) / 2
        centre[1] = min(centre[1], corners[0, 1] - 4.0)  # in front of the hollow
        ring_keys = np.maximum.accumulate(outline.angles(points, centre)) / (2 * math.pi)
        self._start_behind(centre)
        if rng.random() < 0.45:
            inner = centre + rng.uniform(0.85, 1.0) * (points - centre)
            tilt = rng.normal(0, 0.04, 2)
            level = ring[:, 2].min() - rng.uniform(*LEDGE) + dot(inner - centre, tilt)
            self._ring(np.column_stack([inner, np.maximum(level, floor + 1.0)]), self._keys(centre, rng), ring_keys)
            keys = ring_keys
        else:
            keys = self._keys(centre, rng)
        if rng.random() < SHARP:
            self._ring(np.column_stack([points, np.full(len(points), floor + 0.4)]), keys, ring_keys)
            keys = ring_keys
        self._ring(np.column_stack([points, np.full(len(points), floor)]), keys, ring_keys)
        if rng.random() >= FLOORLESS:
            self._floor(ring_keys, rng)

    def _keys(self, centre: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Places along the loop by direction from a centre, with a little of the way along it: that twists facets."""
        ring = self.vertices[self.loop]
        angle = _rising(outline.angles(ring[:, :2], centre))
        way = _way(ring)
        share = rng.uniform(0, 0.3)
        return (1 - share) * angle / (2 * math.pi) + share * way

    def _start_behind(self, centre: np.ndarray) -> None:
        """Let the loop start straight behind a centre."""
        ring = self.vertices[self.loop]
        behind = np.where(ring[:, 1] > centre[1], np.abs(ring[:, 0] - centre[0]), np.inf)
        self.loop = np.roll(self.loop, -int(np.argmin(behind)))

    def dense(self, rng: np.random.Generator, *, horseshoe: bool, contour: bool, rim: bool, plate: bool) -> None:
        """Dense walls with a rim, down to a floor or to an articulator's plate.

        Args:
            horseshoe: the scan is one, and its inner side has walls too.
            contour: the walls follow the scan's border, as trimmed horseshoes' and printed models' do, in place of an
                outline of their own.
            rim: a trough and a rounded rim lie between border and wall.
            plate: a wider or narrower plate lies under the floor.
        """
        ring = self.vertices[self.loop]
        low, high = ring[:, :2].min(axis=0), ring[:, :2].max(axis=0)
        centre = (low + high) / 2
        if not horseshoe:
            self._start_behind(centre)
            ring = self.vertices[self.loop]
        way = _way(ring)
        count = int(norm(ring - np.roll(ring, 1, axis=0)).cumsum()[-1] / SPACING)
        keys = np.arange(count) / count
        even = np.stack([np.interp(keys, np.append(way, 1.0), np.append(ring[:, k], ring[0, k])) for k in range(3)], 1)
        smooth = _smoothed(even, int(rng.integers(6, 60)))
        outward = _outward(smooth)
        target = smooth[:, :2]
        if contour:
            target = target + rng.uniform(*STEP) * rim * outward
        else:
            corners = (outline.polygon, outline.dee, outline.dee)[int(rng.integers(3))](low, high, rng)
            angle = _rising(outline.angles(smooth[:, :2], centre))
            target = _smoothed(outline.at_angles(corners, centre, angle), int(rng.integers(0, 8)))
            outward = _outward(target)
        border, level = smooth[:, 2] - 0.3, smooth[:, 2] - 0.4
        trough = 0.0
        if rim:
            trough = rng.uniform(*TROUGH)
            plane = np.quantile(border, rng.uniform(0.2, 0.6)) + rng.uniform(*SHELF)
            plane = plane + dot(target - centre, rng.normal(0, 0.03, 2)) + _wave(keys, rng.uniform(0.0, 0.8), rng)
            # The rim stays low where the border does, as at the palate's end behind.
            level = _smoothed(np.minimum(plane, border + rng.uniform(0.0, 3.0)), 20)
        rows = []
        apart = float(norm(target - smooth[:, :2]).max())
        count_of_rows = min(2 + int(apart / (2 * SPACING)), 8) if apart > 0.5 else 1
        for t in np.arange(count_of_rows) / count_of_rows:
            z = (1 - t) * border + t * level - trough * 4 * t * (1 - t)
            rows.append(np.column_stack([(1 - t) * smooth[:, :2] + t * target, z]))
        radius = rng.uniform(*ROUND) if rim else rng.uniform(0.05, 0.8)
        for t in np.linspace(0, math.pi / 2, 2 + int(radius / 0.5)):
            off = (radius * (sin(t) - 1))[..., None] * outward
            rows.append(np.column_stack([target + off, level - radius * (1 - cos(t))]))
        floor = float(level.min()) - radius - rng.uniform(*LOW)
        draft = rng.uniform(*DRAFT) if not contour else rng.uniform(-0.04, 0.06)
        top = rows[-1]
        steps = max(int((top[:, 2].max() - floor) / (1.5 * SPACING)), 2)
        bulge = rng.normal(0, 0.6)
        for t in np.arange(1, steps + 1) / steps:
            z = (1 - t) * top[:, 2] + t * floor
            off = (draft * (top[:, 2] - z) + bulge * t * (1 - t) * 4)[:, None] * outward
            rows.append(np.column_stack([top[:, :2] + off, z]))
        if plate:
            rows += self._plate(rows[-1], low, high, centre, rng)
        keys_of_loop = way
        for row in rows:
            self._ring(row, keys_of_loop, keys)
            keys_of_loop = keys
        if rng.random() < (0.4 if plate else FLOORLESS):
            return
        if horseshoe:
            self._zip_floor()
        else:
            self._floor(keys, rng)

    def _plate(
        self, top: np.ndarray, low: np.ndarray, high: np.ndarray, centre: np.ndarray, rng: np.random.Generator
    ) -> list[np.ndarray]:
        """Rings of a plate with a round side under a floor."""
        corners = outline.disc(low, high, rng) if rng.random() < 0.6 else outline.dee(low, high, rng)
        angle = _rising(outline.angles(top[:, :2], centre))
        target = outline.at_angles(corners, centre, angle)
        outward = _outward(np.column_stack([target, top[:, 2]]))
        high_z = top[:, 2].min()
        deep = rng.uniform(*PLATE)
        bulge = rng.uniform(0.0, 0.5) * deep
        rows = [
            np.column_stack([(1 - t) * top[:, :2] + t * target, np.full(len(top), high_z - 0.4 * t)])
            for t in (0.25, 0.5, 0.75)
        ]
        key = np.arange(len(top)) / len(top)
        uneven = _wave(key, rng.uniform(0.0, 1.2), rng)
        for t in np.linspace(0, 1, max(int(deep / 1.2), 4)):
            swell = bulge * 4 * t * (1 - t) + uneven
            rows.append(
                np.column_stack([target + outward * swell[:, None], np.full(len(top), high_z - 0.4 - deep * t)])
            )
        return rows

    def _zip_floor(self) -> None:
        """Close a U-shaped floor from side to side."""
        count = self._start_at_right_end()
        keys = np.append(np.linspace(1, 0, count + 1), np.linspace(0, 1, len(self.loop) - count)[1:])
        self._join(distinct(zipper(self.loop, keys)))

    def _floor(self, keys: np.ndarray, rng: np.random.Generator) -> None:
        """Close a plane below, its edge rounded under smooth shading, or kept sharp by a second ring close to it."""
        if rng.random() < SHARP:
            points = self.vertices[self.loop]
            middle = ordered_mean(points)
            self._ring(middle + 0.98 * (points - middle), keys, keys)
        self._cap(self.loop)

    def _cap(self, loop: np.ndarray) -> None:
        """Close a loop by a fan to its middle."""
        if len(loop) == 3:
            self._join(loop[None, ::-1])
            return
        points = self.vertices[loop]
        apex = ordered_mean(points)
        self._join(fan(loop, int(self._add(apex[None])[0])))

    def _ring(self, points: np.ndarray, keys: np.ndarray, ring_keys: np.ndarray) -> None:
        """Lead the surface from its border on to a ring of new vertices, which is then the border."""
        new = self._add(points)
        self._join(strip(self.loop, keys, new, ring_keys))
        self.loop = new

    def _add(self, points: np.ndarray) -> np.ndarray:
        first = len(self.vertices)
        self.vertices = np.concatenate([self.vertices, points])
        return np.arange(first, len(self.vertices))

    def _join(self, faces: np.ndarray) -> None:
        self.faces = np.concatenate([self.faces, faces.astype(np.int32)])


def _way(ring: np.ndarray) -> np.ndarray:
    """The share of a closed curve's (n, 3) length that lies before each of its points, 0 for the first."""
    length = np.cumsum(norm(np.roll(ring, -1, axis=0) - ring))
    return np.append(0.0, length[:-1]) / length[-1]


def _smoothed(curve: np.ndarray, rounds: int) -> np.ndarray:
    """A closed curve (n, D), smoothed."""
    for _ in range(rounds):
        curve = (np.roll(curve, 1, axis=0) + 2 * curve + np.roll(curve, -1, axis=0)) / 4
    return curve


def _outward(curve: np.ndarray) -> np.ndarray:
    """Horizontal directions (n, 2) out of a closed curve (n, ≥ 2) that runs counter-clockwise."""
    tangent = _smoothed(np.roll(curve, -1, axis=0)[:, :2] - np.roll(curve, 1, axis=0)[:, :2], 4)
    return unit(np.stack([tangent[:, 1], -tangent[:, 0]], axis=1))


def _rising(angle: np.ndarray) -> np.ndarray:
    """Angles 0 ... 2π along a curve once round from 0, without the jumps at its ends, made to increase throughout."""
    third, count = len(angle) // 3, len(angle)
    angle = angle.copy()
    angle[:third] = np.where(angle[:third] > 1.5 * math.pi, 0.0, angle[:third])
    angle[-third:] = np.where(angle[-third:] < 0.5 * math.pi, 2 * math.pi, angle[-third:])
    evenly = 2 * math.pi * np.arange(count) / count
    return 0.94 * np.maximum.accumulate(angle) + 0.06 * evenly


def _wave(keys: np.ndarray, height: float, rng: np.random.Generator) -> np.ndarray:
    """An uneven line round a closed curve."""
    total = np.zeros(len(keys))
    for turns in range(1, 8):
        total += rng.normal(0, 1 / turns) * sin(2 * math.pi * turns * keys + rng.uniform(0, 2 * math.pi))
    return height * total
