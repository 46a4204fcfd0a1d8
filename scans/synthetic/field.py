"""The jaw as an implicit solid: approximate signed distances (negative inside, mm) to gum and crowns, compiled.

The kernels within the loops are inlined, since passing the tables on costs more than the arithmetic.
"""

import math

import numpy as np
from numba import njit

from scans.elementary import atan2, power
from scans.synthetic.tables import Crowns, Gums

ROOT = 9.0  # mm of root below the gum margin that a tooth's tables describe
OVER = 2.0  # mm above the highest cusp that they reach
MAP_STEP = 0.5  # mm between the samples of the gums' maps
MARGIN = 0.4  # mm over which crown and gum blend
FAR = 1e3
DEEP = 2.5  # mm under the ridge where neither teeth nor their gum reach the surface


@njit(cache=True)
def smooth_min(a: float, b: float, k: float) -> float:
    """The smaller of two, rounded where they differ by less than k."""
    h = max(k - abs(a - b), 0.0)
    return min(a, b) - h * h / (4.0 * k)


@njit(cache=True)
def smooth_max(a: float, b: float, k: float) -> float:
    """The larger of two, rounded where they differ by less than k."""
    h = max(k - abs(a - b), 0.0)
    return max(a, b) + h * h / (4.0 * k)


@njit(cache=True)
def within(table: np.ndarray, a: int, b: int, s: float, t: float) -> float:
    """Bilinear interpolation of a 2D table at fractions s and t of the cell (a, b)."""
    return (1 - s) * ((1 - t) * table[a, b] + t * table[a, b + 1]) + s * (
        (1 - t) * table[a + 1, b] + t * table[a + 1, b + 1]
    )


@njit(cache=True)
def sample(table: np.ndarray, i: float, j: float) -> float:
    """Bilinear interpolation of a 2D table, held at its edges."""
    i = min(max(i, 0.0), table.shape[0] - 1.001)
    j = min(max(j, 0.0), table.shape[1] - 1.001)
    a, b = int(i), int(j)
    return within(table, a, b, i - a, j - b)


@njit(cache=True)
def turned(axes: np.ndarray, dx: float, dy: float, dz: float) -> tuple[float, float, float]:
    """A vector in the frame whose axes are the rows."""
    return (
        dx * axes[0, 0] + dy * axes[0, 1] + dz * axes[0, 2],
        dx * axes[1, 0] + dy * axes[1, 1] + dz * axes[1, 2],
        dx * axes[2, 0] + dy * axes[2, 1] + dz * axes[2, 2],
    )


@njit(cache=True, inline="always")
def tooth_distance(crowns: Crowns, i: int, u: float, v: float, w: float) -> tuple[float, float]:
    """Distance to the outline of a tooth alone and to its crown with the occlusal side, at a point of its own frame."""
    high = crowns.size[i, 2]
    rows = crowns.profile.shape[1]
    at = min(max((w + ROOT) / (high + OVER + ROOT) * (rows - 1), 0.0), rows - 1.001)
    row = int(at)
    t = at - row
    table = crowns.profile[i]
    mesial = (1 - t) * table[row, 0] + t * table[row + 1, 0]
    distal = (1 - t) * table[row, 1] + t * table[row + 1, 1]
    facial = (1 - t) * table[row, 2] + t * table[row + 1, 2]
    lingual = (1 - t) * table[row, 3] + t * table[row + 1, 3]
    centre = (1 - t) * table[row, 4] + t * table[row + 1, 4]
    p_facial, p_lingual, taper, skew, rim = crowns.section[i]
    y = v - centre
    x = u + skew * y
    b = facial if y > 0 else lingual
    ny = y / b
    a = (mesial if x < 0 else distal) * (1 + taper * min(max(ny, -1.0), 1.0) * (0.35 if ny > 0 else 1.0))
    nx = x / a
    blend = min(max(0.5 + 0.5 * ny, 0.0), 1.0)
    p = p_lingual + (p_facial - p_lingual) * blend * blend * (3 - 2 * blend)
    ax, ay = abs(nx) + 1e-9, abs(ny) + 1e-9
    px, py = power(ax, p), power(ay, p)
    g = power(px + py, 1 / p)
    # The gauge g is 1 on the outline; divided by its gradient it is nearly a distance in mm.
    gx, gy = px / ax / a, py / ay / b
    slope = math.sqrt(gx * gx + gy * gy) * g / (px + py)
    side = (g - 1) / slope
    shape = crowns.relief.shape
    turn = (atan2(ny, nx) + math.pi) / (2 * math.pi) * (shape[1] - 1)
    rise = (w + ROOT) / (high + OVER + ROOT) * (shape[2] - 1)
    side -= sample(crowns.relief[i], turn, rise) * min(g, 1.0)
    half = crowns.reach[i]
    n = crowns.occlusal.shape[1] - 1
    top = w - sample(crowns.occlusal[i], (u / half + 1) * 0.5 * n, (v / half + 1) * 0.5 * n)
    return side, smooth_max(side, 0.85 * top, rim)


@njit(cache=True, inline="always")
def sleeve_distance(crowns: Crowns, i: int, u: float, v: float, w: float, side: float) -> float:
    """Distance to the gum round one tooth: a coat on neck and root that ends in the scalloped margin."""
    half = 0.5 * crowns.size[i, 0]
    over = abs(u) / half
    bow = power(min(over, 1.08), 2.8)
    margin = bow * (crowns.papilla[i, 0] if u < 0 else crowns.papilla[i, 1])
    back = min(max(-v / (2 * half) + 0.2, 0.0), 1.0)
    margin += crowns.papilla[i, 2] * back * back * (3 - 2 * back)
    depth = margin - w
    # Thin at the margin, thickest 4 mm under it, gone into the ridge where the root ends.
    thick = 0.20 + 0.16 * min(max(depth, 0.0), 4.0) - 0.06 * max(depth - 4.0, 0.0) ** 2
    return smooth_max(side - thick, w - margin, 0.9)


@njit(cache=True)
def papilla_distance(shape: np.ndarray, u: float, v: float, w: float) -> float:
    """Distance to the wedge of gum between two teeth."""
    t = min(max(w / shape[0], -0.5), 1.0)
    deep = shape[2] + (shape[3] - shape[2]) * t
    wedge = smooth_max(abs(v - shape[4] * (0.25 + 0.75 * t)) - deep, w - shape[0] + 0.12 * v * v, 1.2)
    return smooth_max(smooth_max(wedge, abs(u) - shape[1], 1.5), -3.0 - w, 0.6)


@njit(cache=True, inline="always")
def body_distance(gums: Gums, x: float, y: float, z: float) -> float:
    """Distance to ridge, palate and base without the teeth's own gum."""
    i, j = (x - gums.corner[0]) / MAP_STEP, (y - gums.corner[1]) / MAP_STEP
    i, j = min(max(i, 0.0), gums.top.shape[0] - 1.001), min(max(j, 0.0), gums.top.shape[1] - 1.001)
    a, b = int(i), int(j)
    s, t = i - a, j - b
    top = within(gums.top, a, b, s, t)
    steep = within(gums.steepness, a, b, s, t)
    depth = within(gums.margin, a, b, s, t) - z
    wall = within(gums.wall, a, b, s, t) - 0.25
    d = min(max(depth / 4.0, 0.0), 1.0)
    wall += 0.8 * d * d * (3 - 2 * d) - 0.05 * min(max(depth - 4.0, 0.0), 6.0)
    wall += gums.flare * 0.09 * min(max(depth - 6.0, 0.0), 5.0) ** 2
    body = smooth_max((z - top) * steep, (within(gums.out, a, b, s, t) - wall) * 0.95, 2.2)
    if gums.shelf > -FAR:
        rim = within(gums.rim, a, b, s, t)
        base = smooth_max(rim, (z - min(top - 2.0, gums.shelf)) * steep, 0.6)
        body = smooth_min(body, base, 1.2)
    body = max(body, y - gums.back)
    return max(body, gums.floor - z)


@njit(cache=True, inline="always")
def jaw_distance(crowns: Crowns, gums: Gums, x: float, y: float, z: float) -> tuple[float, float, int]:
    """Distances to the gum (with ridge, palate and base) and to the nearest crown, and which crown that is."""
    gum = body_distance(gums, x, y, z)
    if gum < -DEEP:
        return gum, FAR, -1
    papillae = gums.papillae
    for i in range(len(papillae.shape)):
        dx, dy, dz = x - papillae.origin[i, 0], y - papillae.origin[i, 1], z - papillae.origin[i, 2]
        if abs(dx) < 7.0 and abs(dy) < 7.0 and dx * dx + dy * dy + dz * dz < 49.0:
            u, v, w = turned(papillae.axes[i], dx, dy, dz)
            gum = smooth_min(gum, papilla_distance(papillae.shape[i], u, v, w), 2.0)
    box = crowns.box
    nearest, second, which = FAR, FAR, -1
    for i in range(len(crowns.size)):
        if x < box[i, 0, 0] or x > box[i, 1, 0] or y < box[i, 0, 1] or y > box[i, 1, 1]:
            continue
        if z < box[i, 0, 2] or z > box[i, 1, 2]:
            continue
        dx, dy, dz = x - crowns.origin[i, 0], y - crowns.origin[i, 1], z - crowns.origin[i, 2]
        u, v, w = turned(crowns.axes[i], dx, dy, dz)
        side, crown = tooth_distance(crowns, i, u, v, w)
        gum = smooth_min(gum, sleeve_distance(crowns, i, u, v, w, side), 1.8)
        if crown < nearest:
            nearest, second, which = crown, nearest, i
        elif crown < second:
            second = crown
    if second < FAR:
        nearest = smooth_min(nearest, second, 0.6)
    return gum, nearest, which


@njit(cache=True)
def voxels(crowns: Crowns, gums: Gums, corner: np.ndarray, shape: tuple[int, int, int], voxel: float) -> np.ndarray:
    """The solid's distance at each voxel, float32; blocks that lie clear of the surface carry their centre's."""
    field = np.empty(shape, np.float32)
    whole, half_side, single = np.int64(4), np.int64(2), np.int64(1)  # literals would compile `_clear` three times
    for block in np.ndindex((shape[0] + 3) // 4, (shape[1] + 3) // 4, (shape[2] + 3) // 4):
        i, j, k = 4 * block[0], 4 * block[1], 4 * block[2]
        if not _clear(crowns, gums, corner, voxel, field, i, j, k, whole):
            for half in np.ndindex(2, 2, 2):
                a, b, c = i + 2 * half[0], j + 2 * half[1], k + 2 * half[2]
                if not _clear(crowns, gums, corner, voxel, field, a, b, c, half_side):
                    for one in np.ndindex(2, 2, 2):
                        _clear(crowns, gums, corner, voxel, field, a + one[0], b + one[1], c + one[2], single)
    return field


@njit(cache=True)
def _clear(crowns, gums, corner, voxel, field, i, j, k, side):
    """Fill a cube of voxels with the distance at its centre, unless the surface may pass through: then False."""
    middle = 0.5 * (side - 1)
    if i >= field.shape[0] or j >= field.shape[1] or k >= field.shape[2]:
        return True
    x, y, z = corner[0] + (i + middle) * voxel, corner[1] + (j + middle) * voxel, corner[2] + (k + middle) * voxel
    gum, crown, _ = jaw_distance(crowns, gums, x, y, z)
    far = smooth_min(gum, crown, MARGIN)
    # The distances err by up to a half where the tables are steep, and the surface is one more voxel away.
    if side > 1 and abs(far) < 1.5 * math.sqrt(3.0) * 0.5 * (side + 1) * voxel:
        return False
    for a in range(i, min(i + side, field.shape[0])):
        for b in range(j, min(j + side, field.shape[1])):
            for c in range(k, min(k + side, field.shape[2])):
                field[a, b, c] = far
    return True


@njit(cache=True)
def probe(crowns: Crowns, gums: Gums, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the jaw at (n, 3) points, and which crown is nearest there: (n,), -1 for gum, palate and base."""
    distance = np.empty(len(points))
    part = np.empty(len(points), np.int64)
    for n in range(len(points)):
        gum, crown, tooth = jaw_distance(crowns, gums, points[n, 0], points[n, 1], points[n, 2])
        distance[n] = smooth_min(gum, crown, MARGIN)
        part[n] = tooth if crown < gum else -1
    return distance, part
