"""Blue-noise (Poisson disk) subsets of candidate points on a surface, by progressive dart throwing."""

import numpy as np
from numba import njit

# In units of the spacing that `count` points have on the densest (hexagonal) lattice of the same area. Darts thrown at
# random into a plane are full at 0.777 with endless candidates, at 0.7 to 0.75 with three to eight for each point.
FIRST_SPACING = 0.75
SHRINK = 0.97
LAST_SPACING = 1e-3  # below it the points all but coincide: take them as they come
# A cell and its neighbours, the nearest first: in these a candidate most often meets what is too near.
AROUND = np.array(sorted(np.ndindex(3, 3, 3), key=lambda cell: sum(abs(axis - 1) for axis in cell))) - 1
OPPOSITE = 1e-12  # 1 + a·b of normals that are opposite to double precision
CHAIN_END = -1


@njit(cache=True, nogil=True)
def lattice_spacing(area, count):
    """The distance between neighbours when `count` points lie on the densest (hexagonal) lattice of an area."""
    return np.sqrt(2 * area / (np.sqrt(3.0) * count))


@njit(cache=True, nogil=True)
def cell_of(coordinate, cell):
    """The grid cell of a coordinate along one axis."""
    return np.int64(np.floor(coordinate / cell))


@njit(cache=True, nogil=True)
def slot_of(x, y, z, mask):
    """The slot of a grid cell in a hash table of mask + 1 slots; cells above each other lie side by side in memory."""
    return ((x * 73856093 ^ y * 19349663) + z) & mask


@njit(cache=True, nogil=True)
def link(chosen, k, cell, heads, following):
    """Put the k-th chosen point before the others of its cell."""
    x, y, z = chosen[k, 0], chosen[k, 1], chosen[k, 2]
    slot = slot_of(cell_of(x, cell), cell_of(y, cell), cell_of(z, cell), len(heads) - 1)
    following[k] = heads[slot]
    heads[slot] = k


@njit(cache=True, nogil=True)
def way2(a, b, x, y, z):
    """The squared length of the way between two points over the planes that they lie on.

    With the crease where the planes meet between them, the points at distances d and e from it: the way is longer than
    the straight line by 2de(1 − a·b), and their heights over each other's planes are |a·v| = e sin and |b·v| = d sin of
    the angle between the normals. On one plane the way is the line. Sheets that face each other have no way.

    Args:
        a, b: (3,) unit normals.
        x, y, z: v, from one point to the other.
    """
    heights = abs((a[0] * x + a[1] * y + a[2] * z) * (b[0] * x + b[1] * y + b[2] * z))
    return x * x + y * y + z * z + 2 * heights / max(1 + a[0] * b[0] + a[1] * b[1] + a[2] * b[2], OPPOSITE)


@njit(cache=True, nogil=True)
def distance2_to_chosen(point, normal, spacing2, chosen, chosen_normals, cell, heads, following):
    """The squared way from a point to a chosen point nearer than the spacing, or infinity; spacing ≤ cell."""
    x, y, z = point[0], point[1], point[2]
    cx, cy, cz = cell_of(x, cell), cell_of(y, cell), cell_of(z, cell)
    for n in range(len(AROUND)):
        k = heads[slot_of(cx + AROUND[n, 0], cy + AROUND[n, 1], cz + AROUND[n, 2], len(heads) - 1)]
        while k != CHAIN_END:
            vx, vy, vz = chosen[k, 0] - x, chosen[k, 1] - y, chosen[k, 2] - z
            if vx * vx + vy * vy + vz * vz < spacing2:
                distance2 = way2(normal, chosen_normals[k], vx, vy, vz)
                if distance2 < spacing2:
                    return distance2
            k = following[k]
    return np.inf


@njit(cache=True, nogil=True)
def throw_darts(points, normals, wanted, count, area):
    """Choose a blue-noise subset.

    A candidate is accepted if no accepted point is nearer than the spacing over the surface (`way2`). After a round
    over all candidates the spacing shrinks and those left are tried again, until exactly `count` are accepted. The
    order is random, so that the last, unfinished round favours no part of the surface.

    Args:
        points: (N, 3) float64 on a surface, in random order; five for each one wanted give a coefficient of variation
            of the neighbour distance of 0.10, three 0.12.
        normals: (N, 3) float64, the surface's at the points, unit length.
        wanted: (N,) bool, at least `count` of them; the others only keep their distance: without neighbours beyond it,
            a surface's border would gain points.
        count: how many of the wanted to choose.
        area: of the surface that these are on.

    Returns:
        (count,) int32, the chosen points.
    """
    lattice = lattice_spacing(area, count)
    spacing = FIRST_SPACING * lattice
    slots = 16
    while slots < 2 * count:
        slots *= 2
    heads = np.full(slots, CHAIN_END, np.int32)
    most = count
    for p in range(len(points)):
        if not wanted[p]:
            most += 1
    following = np.empty(most, np.int32)
    numbers = np.empty(most, np.int32)
    # Copies that lie side by side: the candidates' order is random, and they don't fit a core's cache.
    chosen, chosen_normals = np.empty((most, 3)), np.empty((most, 3))
    # Squared way to a chosen point, where one was found: no need to ask again before the spacing is below it.
    nearest2 = np.full(len(points), np.inf)
    cell = spacing
    taken, missing = 0, count
    while missing > 0:
        if spacing < LAST_SPACING * lattice:
            spacing = 0.0
        elif spacing < cell / 2:  # keep the cells as small as the spacing, or they fill up
            cell = spacing
            heads[:] = CHAIN_END
            for k in range(taken):
                link(chosen, k, cell, heads, following)
        spacing2 = spacing * spacing
        for p in range(len(points)):
            if nearest2[p] < spacing2:
                continue
            distance2 = distance2_to_chosen(
                points[p], normals[p], spacing2, chosen, chosen_normals, cell, heads, following
            )
            if distance2 < spacing2:
                nearest2[p] = distance2
                continue
            nearest2[p] = -1.0  # taken: nearer than any spacing
            numbers[taken] = p
            for axis in range(3):
                chosen[taken, axis], chosen_normals[taken, axis] = points[p, axis], normals[p, axis]
            link(chosen, taken, cell, heads, following)
            taken += 1
            if wanted[p]:
                missing -= 1
                if missing == 0:
                    break
        spacing *= SHRINK
    numbers = numbers[:taken]
    return numbers[wanted[numbers]]
