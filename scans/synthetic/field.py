"""The jaw as an implicit solid: approximate signed distances (negative inside, mm) to gum and crowns, compiled.

The kernels within the loops are inlined, since passing the tables on costs more than the arithmetic.
"""

import math

import numpy as np
from numba import njit

from scans.synthetic.tables import Crowns, Gums

ROOT = 9.0  # mm of root below the gum margin that a tooth's tables describe
OVER = 2.0  # mm above the highest cusp that they reach
MAP_STEP = 0.5  # mm between the samples of the gums' maps
MARGIN = 0.4  # mm over which crown and gum blend
FAR = 1e3
# Which of the gums' maps is which, as `tables.Gums` lists them.
OUT, WALL, GUM_MARGIN, TOP, STEEPNESS, EMINENCE, FOLD, LUMPS, RIM = range(9)
NECK = 0.3  # mm above the gum margin's origin where a measured crown's root ends within it
SOLID_STEP = 0.4  # mm between the samples of a measured crown
PAPILLA = 7.0  # mm from its origin that a papilla reaches
DEEP = 3.5  # mm under the ridge where neither teeth nor their gum reach the surface


@njit(cache=True, _nrt=False)
def smooth_min(a: float, b: float, k: float) -> float:
    """The smaller of two, rounded where they differ by less than k."""
    h = max(k - abs(a - b), 0.0)
    return min(a, b) - h * h / (4.0 * k)


@njit(cache=True, _nrt=False)
def smooth_max(a: float, b: float, k: float) -> float:
    """The larger of two, rounded where they differ by less than k."""
    h = max(k - abs(a - b), 0.0)
    return max(a, b) + h * h / (4.0 * k)


@njit(cache=True, _nrt=False, inline="always")
def corners(i: float, j: float, rows: int, columns: int) -> tuple[int, int, float, float, float, float]:
    """The cell of a 2D table at (i, j), held at its edges, and the bilinear weights of its four corners."""
    i, j = min(max(i, 0.0), rows - 1.001), min(max(j, 0.0), columns - 1.001)
    a, b = int(i), int(j)
    s, t = i - a, j - b
    return a, b, (1 - s) * (1 - t), (1 - s) * t, s * (1 - t), s * t


@njit(cache=True, _nrt=False, inline="always")
def turned(axes: np.ndarray, i: int, dx: float, dy: float, dz: float) -> tuple[float, float, float]:
    """A vector in the i-th frame, whose axes are the rows."""
    return (
        dx * axes[i, 0, 0] + dy * axes[i, 0, 1] + dz * axes[i, 0, 2],
        dx * axes[i, 1, 0] + dy * axes[i, 1, 1] + dz * axes[i, 1, 2],
        dx * axes[i, 2, 0] + dy * axes[i, 2, 1] + dz * axes[i, 2, 2],
    )


@njit(cache=True, _nrt=False, inline="always")
def mix(tables: np.ndarray, k: int, a: int, b: int, p: float, q: float, r: float, o: float) -> float:
    """Bilinear interpolation in the k-th of several 2D tables, by the cell and weights that `corners` gives."""
    return p * tables[k, a, b] + q * tables[k, a, b + 1] + r * tables[k, a + 1, b] + o * tables[k, a + 1, b + 1]


@njit(cache=True, _nrt=False, inline="always")
def direction(x: float, y: float) -> float:
    """A number from 0 to 4 that grows with the angle of (x, y) from -90 degrees, without a trigonometric function."""
    t = y / (abs(x) + abs(y) + 1e-12)
    return 1.0 + t if x >= 0.0 else 3.0 - t


@njit(cache=True, _nrt=False, inline="always")
def solid_distance(crowns: Crowns, m: int, u: float, v: float, w: float) -> float:
    """Distance to a measured crown: trilinear within its grid, outside of it larger by the way to it."""
    solid = crowns.solid
    x, y, z = (
        (u - crowns.low[m, 0]) / SOLID_STEP,
        (v - crowns.low[m, 1]) / SOLID_STEP,
        (w - crowns.low[m, 2]) / SOLID_STEP,
    )
    a, b, p, q, r, o = corners(x, y, solid.shape[1], solid.shape[2])
    k = min(max(z, 0.0), solid.shape[3] - 1.001)
    c = int(k)
    below = (
        p * solid[m, a, b, c] + q * solid[m, a, b + 1, c] + r * solid[m, a + 1, b, c] + o * solid[m, a + 1, b + 1, c]
    )
    c += 1
    above = (
        p * solid[m, a, b, c] + q * solid[m, a, b + 1, c] + r * solid[m, a + 1, b, c] + o * solid[m, a + 1, b + 1, c]
    )
    t = k - c + 1
    x -= min(max(x, 0.0), solid.shape[1] - 1.001)
    y -= min(max(y, 0.0), solid.shape[2] - 1.001)
    z -= k
    return (1 - t) * below + t * above + SOLID_STEP * math.sqrt(x * x + y * y + z * z)


@njit(cache=True, _nrt=False, inline="always")
def tooth_distance(crowns: Crowns, i: int, u: float, v: float, w: float) -> tuple[float, float]:
    """Distance to the sides of a tooth, root and crown, and to its crown, at a point of its own frame."""
    table, top = crowns.outline, crowns.occlusal
    heights = table.shape[2]
    at = min(max((w + ROOT) / (crowns.size[i, 2] + OVER + ROOT) * (heights - 1), 0.0), heights - 1.001)
    row = int(at)
    y = v - (row + 1 - at) * crowns.centre[i, row] - (at - row) * crowns.centre[i, row + 1]
    a, b, p, q, r, o = corners(0.25 * direction(u, y) * (table.shape[1] - 1), at, table.shape[1], heights)
    inverse = mix(table, i, a, b, p, q, r, o)
    cosine = mix(crowns.cosine, i, a, b, p, q, r, o)
    # In the L1 norm a straight line's inverse radius is linear in the direction's number (the diamond angle).
    side = math.sqrt(u * u + y * y) * (1.0 - 1.0 / ((abs(u) + abs(y) + 1e-9) * inverse)) * cosine
    m = crowns.measured[i]
    if m >= 0:  # the outline is that of the root alone, and of the gum below the crown
        crown = solid_distance(crowns, m, u, v, w)
        root = smooth_max(side, w - NECK, 0.5)
        side = smooth_min(crown, root, 0.8)
        crown = smooth_min(crown, root, 0.5)
    else:
        scale = 0.5 * (top.shape[1] - 1) / crowns.reach[i]
        a, b, p, q, r, o = corners(
            (u + crowns.reach[i]) * scale, (v + crowns.reach[i]) * scale, top.shape[1], top.shape[2]
        )
        over = w - mix(top, i, a, b, p, q, r, o)
        crown = smooth_max(side, 0.85 * over, crowns.rim[i])
    return side, crown


@njit(cache=True, _nrt=False, inline="always")
def gum_margin(crowns: Crowns, i: int, u: float, v: float) -> float:
    """Height of the gum margin round one tooth: low in the middle of the face, up to the papillae at the sides."""
    half = 0.5 * crowns.size[i, 0]
    over = min(abs(u) / half, 1.08)
    bow = over * over * (0.2 + 0.8 * over)
    back = min(max(-v / (2 * half) + 0.2, 0.0), 1.0)
    rise = crowns.gum[i, 0] if u < 0 else crowns.gum[i, 1]
    return crowns.gum[i, 3] + bow * rise + crowns.gum[i, 2] * back * back * (3 - 2 * back)


@njit(cache=True, _nrt=False, inline="always")
def sleeve_distance(crowns: Crowns, i: int, u: float, v: float, w: float, side: float) -> float:
    """Distance to the gum round one tooth: a coat on neck and root that ends in the scalloped margin."""
    margin = gum_margin(crowns, i, u, v)
    depth = margin - w
    # Thickest 4 mm under the margin, gone into the ridge where the root ends.
    thick = crowns.gum[i, 4] + crowns.gum[i, 5] * min(max(depth, 0.0), 4.0) - 0.06 * max(depth - 4.0, 0.0) ** 2
    return smooth_max(side - thick, w - margin, crowns.gum[i, 6])


@njit(cache=True, _nrt=False, inline="always")
def papilla_distance(shape: np.ndarray, i: int, u: float, v: float, w: float) -> float:
    """Distance to the wedge of gum between two teeth."""
    t = min(max(w / shape[i, 0], -0.5), 1.0)
    deep = shape[i, 2] + (shape[i, 3] - shape[i, 2]) * t
    wedge = smooth_max(abs(v - shape[i, 4] * (0.25 + 0.75 * t)) - deep, w - shape[i, 0] + 0.12 * v * v, 1.2)
    return smooth_max(smooth_max(wedge, abs(u) - shape[i, 1], 1.5), -3.0 - w, 0.6)


@njit(cache=True, _nrt=False, inline="always")
def body_distance(gums: Gums, x: float, y: float, z: float) -> float:
    """Distance to ridge, palate and base without the teeth's own gum."""
    maps = gums.maps
    i, j = (x - gums.corner[0]) / MAP_STEP, (y - gums.corner[1]) / MAP_STEP
    a, b, p, q, r, o = corners(i, j, maps.shape[1], maps.shape[2])
    lump = mix(maps, LUMPS, a, b, p, q, r, o)
    top = mix(maps, TOP, a, b, p, q, r, o) + lump
    steep = mix(maps, STEEPNESS, a, b, p, q, r, o)
    depth = mix(maps, GUM_MARGIN, a, b, p, q, r, o) - z
    wall = mix(maps, WALL, a, b, p, q, r, o) - 0.25 + lump
    root = min(max((depth - 0.5) / 3.0, 0.0), 1.0) * min(max((13.0 - depth) / 6.0, 0.0), 1.0)
    wall += root * mix(maps, EMINENCE, a, b, p, q, r, o)
    wall += min(max((depth - 2.0) / 5.0, 0.0), 1.0) * mix(maps, FOLD, a, b, p, q, r, o)
    d = min(max(depth / 4.0, 0.0), 1.0)
    wall += 0.8 * d * d * (3 - 2 * d) - 0.05 * min(max(depth - 4.0, 0.0), 6.0)
    wall += gums.flare * 0.09 * min(max(depth - 6.0, 0.0), 5.0) ** 2
    body = smooth_max((z - top) * steep, (mix(maps, OUT, a, b, p, q, r, o) - wall) * 0.95, 2.2)
    if gums.shelf > -FAR:
        rim = mix(maps, RIM, a, b, p, q, r, o)
        base = smooth_max(rim, (z - min(top - 2.0, gums.shelf)) * steep, 0.6)
        body = smooth_min(body, base, 1.2)
    body = max(body, y - gums.back)
    return max(body, gums.floor - z)


@njit(cache=True, _nrt=False)
def find_near(crowns, gums, low, high, near_crowns, near_papillae):
    """Write which crowns and papillae may reach into a box (3,), (3,); returns how many there are of each."""
    teeth, wedges = 0, 0
    box, origin = crowns.box, gums.papillae.origin
    for i in range(len(box)):
        if (
            box[i, 0, 0] <= high[0] and low[0] <= box[i, 1, 0]
            and box[i, 0, 1] <= high[1] and low[1] <= box[i, 1, 1]
            and box[i, 0, 2] <= high[2] and low[2] <= box[i, 1, 2]
        ):  # fmt: skip
            near_crowns[teeth] = i
            teeth += 1
    for i in range(len(origin)):
        if (
            low[0] - PAPILLA <= origin[i, 0] <= high[0] + PAPILLA
            and low[1] - PAPILLA <= origin[i, 1] <= high[1] + PAPILLA
            and low[2] - PAPILLA <= origin[i, 2] <= high[2] + PAPILLA
        ):
            near_papillae[wedges] = i
            wedges += 1
    return teeth, wedges


@njit(cache=True, _nrt=False, inline="always")
def jaw_distance(
    crowns: Crowns, gums: Gums, near: tuple[np.ndarray, np.ndarray], x: float, y: float, z: float
) -> tuple[float, float, int]:
    """Distances to the gum (with ridge, palate and base) and to the nearest crown, and which crown that is.

    Args:
        crowns: the teeth.
        gums: everything else.
        near: which crowns and which papillae reach here, as `find_near` lists them.
        x, y, z: the point, mm.
    """
    near_crowns, near_papillae = near
    gum = body_distance(gums, x, y, z)
    if gum < -DEEP:
        return gum, FAR, -1
    papillae = gums.papillae
    for i in near_papillae:
        dx, dy, dz = x - papillae.origin[i, 0], y - papillae.origin[i, 1], z - papillae.origin[i, 2]
        if dx * dx + dy * dy + dz * dz < PAPILLA * PAPILLA:
            u, v, w = turned(papillae.axes, i, dx, dy, dz)
            gum = smooth_min(gum, papilla_distance(papillae.shape, i, u, v, w), 2.0)
    box = crowns.box
    nearest, second, which = FAR, FAR, -1
    for i in near_crowns:
        if x < box[i, 0, 0] or x > box[i, 1, 0] or y < box[i, 0, 1] or y > box[i, 1, 1]:
            continue
        if z < box[i, 0, 2] or z > box[i, 1, 2]:
            continue
        dx, dy, dz = x - crowns.origin[i, 0], y - crowns.origin[i, 1], z - crowns.origin[i, 2]
        u, v, w = turned(crowns.axes, i, dx, dy, dz)
        side, crown = tooth_distance(crowns, i, u, v, w)
        gum = smooth_min(gum, sleeve_distance(crowns, i, u, v, w, side), 1.8)
        if crown < nearest:
            nearest, second, which = crown, nearest, i
        elif crown < second:
            second = crown
    if second < FAR:
        nearest = smooth_min(nearest, second, 0.6)
    return gum, nearest, which


def voxels(crowns: Crowns, gums: Gums, corner: np.ndarray, shape: tuple[int, int, int], voxel: float) -> np.ndarray:
    """The solid's distance at each voxel, float32; cubes that lie clear of the surface carry their centre's."""
    field = np.empty(shape, np.float32)
    _fill(crowns, gums, corner, voxel, field, *_lists(crowns, gums))
    return field


def _lists(crowns: Crowns, gums: Gums) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Room for what `find_near` writes, and for the box that it is asked about."""
    return np.empty(len(crowns.size), np.int64), np.empty(len(gums.papillae.shape), np.int64), np.empty((2, 3))


@njit(cache=True, _nrt=False)
def _fill(crowns, gums, corner, voxel, field, near_crowns, near_papillae, box):
    shape = field.shape
    whole, half_side, single = np.int64(4), np.int64(2), np.int64(1)  # literals would compile `_clear` three times
    for block in np.ndindex((shape[0] + 15) // 16, (shape[1] + 15) // 16, (shape[2] + 15) // 16):
        for axis in range(3):
            box[0, axis] = corner[axis] + 16 * block[axis] * voxel
            box[1, axis] = box[0, axis] + 16 * voxel
        teeth, wedges = find_near(crowns, gums, box[0], box[1], near_crowns, near_papillae)
        near = near_crowns[:teeth], near_papillae[:wedges]
        for cube in np.ndindex(4, 4, 4):
            i, j, k = 16 * block[0] + 4 * cube[0], 16 * block[1] + 4 * cube[1], 16 * block[2] + 4 * cube[2]
            if _clear(crowns, gums, near, corner, voxel, field, i, j, k, whole):
                continue
            for half in np.ndindex(2, 2, 2):
                a, b, c = i + 2 * half[0], j + 2 * half[1], k + 2 * half[2]
                if _clear(crowns, gums, near, corner, voxel, field, a, b, c, half_side):
                    continue
                for one in np.ndindex(2, 2, 2):
                    _clear(crowns, gums, near, corner, voxel, field, a + one[0], b + one[1], c + one[2], single)


@njit(cache=True, _nrt=False)
def _clear(crowns, gums, near, corner, voxel, field, i, j, k, side):
    """Fill a cube of voxels with the distance at its centre, unless the surface may pass through: then False."""
    middle = 0.5 * (side - 1)
    if i >= field.shape[0] or j >= field.shape[1] or k >= field.shape[2]:
        return True
    x, y, z = corner[0] + (i + middle) * voxel, corner[1] + (j + middle) * voxel, corner[2] + (k + middle) * voxel
    gum, crown, _ = jaw_distance(crowns, gums, near, x, y, z)
    far = smooth_min(gum, crown, MARGIN)
    # The surface may cut an edge from a voxel at the cube's corner to the next voxel, and the distances err by up to a
    # half where the tables are steep.
    if side > 1 and abs(far) < 1.5 * math.sqrt((middle + 1.0) ** 2 + 2.0 * middle**2) * voxel:
        return False
    for a in range(i, min(i + side, field.shape[0])):
        for b in range(j, min(j + side, field.shape[1])):
            for c in range(k, min(k + side, field.shape[2])):
                field[a, b, c] = far
    return True


def probe(crowns: Crowns, gums: Gums, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the jaw at (n, 3) points, and which crown is nearest there: (n,), -1 for gum, palate and base."""
    distance = np.empty(len(points))
    part = np.empty(len(points), np.int64)
    _probe(crowns, gums, points, distance, part, *_lists(crowns, gums))
    return distance, part


@njit(cache=True, _nrt=False)
def _probe(crowns, gums, points, distance, part, near_crowns, near_papillae, box):
    for first in range(0, len(points), 32):  # those that follow each other mostly lie beside each other
        end = min(first + 32, len(points))
        for axis in range(3):
            box[0, axis] = box[1, axis] = points[first, axis]
            for n in range(first, end):
                box[0, axis] = min(box[0, axis], points[n, axis])
                box[1, axis] = max(box[1, axis], points[n, axis])
        teeth, wedges = find_near(crowns, gums, box[0], box[1], near_crowns, near_papillae)
        near = near_crowns[:teeth], near_papillae[:wedges]
        for n in range(first, end):
            gum, crown, tooth = jaw_distance(crowns, gums, near, points[n, 0], points[n, 1], points[n, 2])
            distance[n] = smooth_min(gum, crown, MARGIN)
            part[n] = tooth if crown < gum else -1
