"""The soft tissue and the base: maps over the plane of the arch that `field` turns into a solid."""

import math
from itertools import pairwise

import numpy as np
from numba import njit
from scipy.interpolate import PchipInterpolator

from scans.elementary import cos, exp, power, sin
from scans.synthetic import palate
from scans.synthetic.arch import CONTACT, Arch, Place, contact_line
from scans.synthetic.field import EMINENCE, FAR, FOLD, GUM_MARGIN, LUMPS, MAP_STEP, OUT, RIM, STEEPNESS, TOP, WALL
from scans.synthetic.patient import Patient
from scans.synthetic.tables import Gums, Papillae
from scans.vectors import dot, norm, ordered_sum, unit

EMINENCE_OF = {1: 0.7, 2: 0.7, 3: 1.3, 4: 0.9, 5: 0.7, 6: 0.8, 7: 0.6, 8: 0.5}  # roots' eminences by kind of tooth


def gums(patient: Patient, arch: Arch, rng: np.random.Generator) -> Gums:
    """The body for a patient's placed teeth."""
    ridge = _ridge(patient, arch)
    back = float(min(ridge[0, 1], ridge[-1, 1]))
    x = np.arange(ridge[:, 0].min() - 22, ridge[:, 0].max() + 22, MAP_STEP)
    y = np.arange(ridge[:, 1].min() - 32, back + 4, MAP_STEP)
    out, inside, crest, station = _survey(x, y, ridge)
    margin, wall, s = (np.interp(station, np.arange(len(ridge)), ridge[:, column]) for column in (2, 4, 5))
    top = crest - palate.vault(patient.soft, inside, x, y, ridge) + palate.relief(inside, x, y, ridge, rng)
    top += _sites(arch, x, y, rng)
    along_x, along_y = np.gradient(top, MAP_STEP)
    deepest = top[(inside > 0) & (y < back)[None, :]].min()
    with_base = patient.kind == "base"
    shelf = float(margin.min() - rng.uniform(7.5, 10.5)) if with_base else -FAR
    floor = min(deepest - rng.uniform(3, 6), shelf - rng.uniform(6, 11)) if with_base else deepest - 4.0
    floor = min(floor, margin.min() - 26.0) if patient.kind == "skirt" else floor
    maps = {
        OUT: out,
        WALL: wall,
        GUM_MARGIN: margin,
        TOP: top,
        STEEPNESS: 1 / np.sqrt(1 + (along_x**2 + along_y**2)),
        EMINENCE: _eminences(patient, arch, s, rng),
        FOLD: _frena(patient, s, rng),
        LUMPS: patient.soft.lumps * _bumps(x, y, rng),
        RIM: _base_outline(x, y, ridge, back, rng),
    }
    return Gums(
        corner=np.array([x[0], y[0]]),
        maps=np.stack([maps[k] for k in range(len(maps))]),
        along=s,
        inside=inside,
        shelf=shelf,
        floor=float(floor),
        back=back,
        papillae=papillae(patient, arch, rng),
        flare=0.0 if patient.kind == "skirt" else rng.uniform(0.4, 1.0),
    )


def papillae(patient: Patient, arch: Arch, rng: np.random.Generator) -> Papillae:
    """The gum between neighbours: a wedge up to the contact point, low where the teeth stand apart."""
    row = [*reversed(arch[1]), *arch[0]]
    rows = []
    for one, other in pairwise(row):
        full = patient.soft.papilla[0] * rng.uniform(0.8, 1.2)
        if not (one.tooth.present and other.tooth.present):
            continue
        u = other.origin - one.origin
        free = max(float(norm(u)) - (one.tooth.size[0] + other.tooth.size[0]) / 2, 0.0)
        w = unit(one.axes[2] + other.axes[2])
        v = one.axes[1] + other.axes[1]
        u = unit(u - dot(u, w) * w)
        across = np.cross(w, u)
        v = across * np.sign(dot(across, v))
        contact = min(p.origin[2] + CONTACT * p.tooth.size[2] for p in (one, other))
        origin = (one.origin + other.origin) / 2
        origin[2] = (gum_level(one) + gum_level(other)) / 2
        tip = max((contact - origin[2]) * full / (1 + 0.4 * free**2), 0.5)
        deep = min(one.tooth.size[1], other.tooth.size[1])
        front = max(one.tooth.kind, other.tooth.kind) <= 3
        wide = patient.soft.papilla[1]
        rows.append(
            (
                origin,
                np.stack([u, v, w]),
                (tip, 1.2 * wide + free / 2, 0.37 * deep * wide, 0.2 * deep * wide, (0.2 if front else 0.08) * deep),
            )
        )
    if not rows:
        return Papillae(np.empty((0, 3)), np.empty((0, 3, 3)), np.empty((0, 5)))
    origin, axes, shape = (np.array(column) for column in zip(*rows, strict=True))
    return Papillae(origin, axes, shape)


def gum_level(place: Place) -> float:
    """Height of the gum margin at a place; where a root is bare, the neighbours' papillae do not follow all the way."""
    level = place.tooth.level
    return float(place.origin[2]) + (level if level > 0 else 0.5 * level)


def _ridge(patient: Patient, arch: Arch) -> np.ndarray:
    """The line through the teeth at their gum margins, from behind on the left round to behind on the right.

    Returns:
        (n, 6): x, y, height of the margin, lingual and facial half width of the ridge, distance along the line from
        the midline (negative on the left).
    """
    rows = []
    behind_last = patient.soft.behind
    back = max(side[-1].origin[1] + side[-1].tooth.size[0] / 2 + behind_last for side in arch)
    for side in (1, 0):
        some = []
        for place in arch[side]:
            deep = place.tooth.size[1]
            x, y = place.origin[:2]
            z = gum_level(place)
            healed = 0.0 if place.tooth.present else 1.0
            some.append([x, y, z - 0.5 * healed, 0.47 * deep - 0.9 * healed, 0.47 * deep - 1.2 * healed])
        end = contact_line(patient, side)
        direction = unit(end[-1] - end[len(end) * 3 // 4])
        last = some[-1]
        half = arch[side][-1].tooth.size[0] / 2
        high, wide = patient.soft.tuberosity[side]
        end_of_ridge = max(half + behind_last, (back - last[1]) / direction[1])
        for behind, rise in ((half + min(3.0, 0.6 * behind_last), high), (end_of_ridge, high - 1.7)):
            x, y = np.array(last[:2]) + behind * direction
            some.append([x, y, last[2] + rise, wide * last[3], wide * last[4]])
        rows.append(np.array(some))
    knots = np.concatenate([rows[0][::-1], rows[1]])
    length = np.concatenate([[0], np.cumsum(norm(np.diff(knots[:, :2], axis=0)))])
    middle = (length[len(rows[0]) - 1] + length[len(rows[0])]) / 2
    s = np.arange(0, length[-1], 0.4)
    line = PchipInterpolator(length, knots)(s)
    kernel = exp(-((np.arange(-8, 9) * 0.4 / 1.6) ** 2))
    padded = np.pad(line, ((8, 8), (0, 0)), mode="reflect", reflect_type="odd")
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(kernel), axis=0)
    smooth = dot(windows, kernel / ordered_sum(kernel))
    return np.column_stack([smooth, s - middle])


def _survey(x: np.ndarray, y: np.ndarray, ridge: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of each column of the map: distances outwards and inside, height of the crest, place on the ridge line."""
    tangent = unit(np.gradient(ridge[:, :2], axis=0))
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)  # to the outside, as the line runs from left to right
    lingual = ridge[:, :2] - normal * ridge[:, 3:4]
    crest = ridge[:, 2] - 1.0
    return _measure(x, y, ridge[:, :2].copy(), tangent, lingual, ridge[:, 3].copy(), crest)


@njit(cache=True)
def _measure(x, y, line, tangent, lingual, half, crest):
    """Distances of each column from the ridge line, and from the lingual gum line as a potential that has no crease."""
    nx, ny, n = len(x), len(y), len(line)
    out = np.empty((nx, ny))
    inside = np.zeros((nx, ny))
    height = np.empty((nx, ny))
    station = np.empty((nx, ny))
    # A straight line of unit charge whose potential falls with the sixth power gives the distance to the power -5.
    straight = 3 * math.pi / 8
    step = math.sqrt((line[1, 0] - line[0, 0]) ** 2 + (line[1, 1] - line[0, 1]) ** 2)
    best, charge, weight = np.empty(ny), np.empty(ny), np.empty(ny)
    nearest = np.empty(ny, np.int64)
    for i in range(nx):
        best[:], charge[:], weight[:], nearest[:] = 1e18, 0.0, 0.0, 0
        for k in range(n):
            across, over = (x[i] - line[k, 0]) ** 2, (x[i] - lingual[k, 0]) ** 2
            for j in range(ny):  # innermost, and each with sums of its own, so that compilers take several at once
                d = across + (y[j] - line[k, 1]) ** 2
                nearest[j] = k if d < best[j] else nearest[j]
                best[j] = d if d < best[j] else best[j]
                d = over + (y[j] - lingual[k, 1]) ** 2 + 0.25
                c = 1.0 / (d * d * d)
                charge[j] += c
                weight[j] += c * crest[k]
        for j in range(ny):
            at = nearest[j]
            dx, dy = x[i] - line[at, 0], y[j] - line[at, 1]
            ahead = min(max((dx * tangent[at, 0] + dy * tangent[at, 1]) / step, -0.5), 0.5)
            across = dx * tangent[at, 1] - dy * tangent[at, 0]
            out[i, j] = across if 0 < at < n - 1 else math.copysign(math.sqrt(best[j]), across)
            station[i, j] = at + ahead
            height[i, j] = weight[j] / charge[j]
            if out[i, j] < -half[at]:
                inside[i, j] = max(power(straight / (charge[j] * step), 0.2) - 0.52, 0.0)
    return out, inside, height, station


def _stations(arch: Arch, s: np.ndarray) -> list[tuple[Place, np.ndarray]]:
    """Each place with the distance (nx, ny) along the ridge line from it, towards the back positive."""
    found = []
    for side, way in zip(arch, (1.0, -1.0), strict=True):
        at = 0.0
        for place in side:
            wide = place.tooth.size[0]
            at += place.tooth.gap + wide / 2
            found.append((place, way * s - at))
            at += wide / 2
    return found


def _eminences(patient: Patient, arch: Arch, s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How far the roots stand out of the facial wall, (nx, ny) mm: the canines most, lost teeth not at all."""
    out = np.zeros(s.shape)
    for place, off in _stations(arch, s):
        own = EMINENCE_OF[place.tooth.kind] * rng.uniform(0.5, 1.4)
        if place.tooth.present:
            out += own * exp(-((off / (0.34 * place.tooth.size[0])) ** 2))
        elif place.tooth.site == "impacted":
            out += 2.0 * rng.random() * exp(-((off / 4.0) ** 2)) / max(patient.soft.eminence, 0.3)
    return patient.soft.eminence * (out - 0.45)


def _frena(patient: Patient, s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How far labial and buccal frena stand out of the vestibule, (nx, ny) mm."""
    labial, right, left = patient.soft.frena
    buccal = 17.0 + rng.normal(0, 2.5, 2)
    out = labial * exp(-(((s - rng.normal(0, 0.5)) / rng.uniform(0.5, 1.3)) ** 2))
    for high, at in ((right, buccal[0]), (left, -buccal[1])):
        out += high * exp(-(((s - at) / rng.uniform(0.7, 2.0)) ** 2))
    return out


def _sites(arch: Arch, x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What lost teeth leave in the ridge, (nx, ny) mm: fresh sockets, the bulge of an impacted canine, hollows."""
    change = np.zeros((len(x), len(y)))
    for side in arch:
        for place in side:
            if place.tooth.present:
                continue
            wide, deep, _ = place.tooth.size
            out, along = place.axes[1, :2], place.axes[0, :2]
            dx, dy = x[:, None] - place.origin[0], y[None, :] - place.origin[1]
            u, v = dx * along[0] + dy * along[1], dx * out[0] + dy * out[1]
            if place.tooth.site == "socket":
                square = (u / (0.36 * wide)) ** 2 + (v / (0.36 * deep)) ** 2
                change -= rng.uniform(1.0, 4.5) * exp(-square * square)
            elif place.tooth.site == "impacted":
                change += rng.uniform(0.0, 2.5) * exp(-((u / 4.0) ** 2) - ((v + 7.0) / 4.5) ** 2)
            else:
                change -= rng.uniform(-0.3, 2.2) * exp(-((u / (0.5 * wide)) ** 2) - (v / (0.7 * deep)) ** 2)
    return change


def _bumps(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Irregular bumps of some millimetres, (nx, ny), of unit spread."""
    out = np.zeros((len(x), len(y)))
    for length in (1.6, 3.0, 6.0):
        coarse = rng.standard_normal((int(np.ptp(x) / length) + 4, int(np.ptp(y) / length) + 4))
        i, j = (x - x[0]) / length + 1, (y - y[0]) / length + 1
        a, b = i.astype(int), j.astype(int)
        s, t = _eased(i - a)[:, None], _eased(j - b)[None, :]
        near = (1 - s) * coarse[a][:, b] + s * coarse[a + 1][:, b]
        out += ((1 - t) * near + t * ((1 - s) * coarse[a][:, b + 1] + s * coarse[a + 1][:, b + 1])) / math.sqrt(3)
    return out


def _eased(t: np.ndarray) -> np.ndarray:
    return t * t * (3 - 2 * t)


def _base_outline(x: np.ndarray, y: np.ndarray, ridge: np.ndarray, back: float, rng: np.random.Generator) -> np.ndarray:
    """Distance from the outline of an orthodontic base: seven sides trimmed to the arch, a point in front."""
    middle = ridge[np.argmin(np.abs(ridge[:, 5])), 0]
    margin = rng.uniform(8.5, 11.5)  # mm from the ridge line
    line = ridge[:, :2] - [middle, 0]
    half = np.abs(line[:, 0]).max()
    u, v = np.meshgrid(np.abs(x - middle), y, indexing="ij")  # the base is symmetrical, whatever the arch
    distance = v - back
    for angle in (97, 148, 52):  # outward directions of cheeks, front and heels, degrees from straight back
        sine, cosine = sin(math.radians(angle)), cos(math.radians(angle))
        reach = (sine * np.abs(line[:, 0]) + cosine * line[:, 1]).max() + margin
        if angle == 52:
            reach = sine * (half + 1.0) + cosine * back - 3.0
        distance = np.maximum(distance, sine * u + cosine * v - reach)
    return distance
