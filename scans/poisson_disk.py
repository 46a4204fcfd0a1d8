"""Blue noise: which of many points lie evenly over a surface, by progressive dart throwing."""

import numpy as np
from numba import njit

# In units of the spacing that `count` points have on the densest (hexagonal) lattice of the same area. Darts thrown at
# random into a plane are full at 0.777 with endless candidates, at 0.7 to 0.75 with three to eight for each point.
FIRST_SPACING = 0.75
SHRINK = 0.97
LAST_SPACING = 1e-3  # below it the points all but coincide: take them as they come
CHAIN_END = -1


@njit(cache=True)
def lattice_spacing(area, count):
    """The distance between neighbours when `count` points lie on the densest (hexagonal) lattice of an area."""
    return np.sqrt(2 * area / (np.sqrt(3.0) * count))


@njit(cache=True)
def cell_of(coordinate, cell):
    """The grid cell of a coordinate along one axis."""
    return np.int64(np.floor(coordinate / cell))


@njit(cache=True)
def slot_of(x, y, z, mask):
    """The slot of a grid cell in a hash table of mask + 1 slots."""
    return (x * 73856093 ^ y * 19349663 ^ z * 83492791) & mask


@njit(cache=True)
def link(points, chosen, k, cell, heads, following):
    """Put the k-th chosen point before the others of its cell."""
    p = chosen[k]
    x, y, z = points[p, 0], points[p, 1], points[p, 2]
    slot = slot_of(cell_of(x, cell), cell_of(y, cell), cell_of(z, cell), len(heads) - 1)
    following[k] = heads[slot]
    heads[slot] = k


@njit(cache=True)
def distance2_to_chosen(points, p, spacing2, chosen, cell, heads, following):
    """The squared distance from point p to a chosen point nearer than the spacing, or infinity; spacing ≤ cell."""
    x, y, z = points[p, 0], points[p, 1], points[p, 2]
    cx, cy, cz = cell_of(x, cell), cell_of(y, cell), cell_of(z, cell)
    for dx in range(-1, 2):
        for dy in range(-1, 2):
            for dz in range(-1, 2):
                k = heads[slot_of(cx + dx, cy + dy, cz + dz, len(heads) - 1)]
                while k != CHAIN_END:
                    q = chosen[k]
                    distance2 = (points[q, 0] - x) ** 2 + (points[q, 1] - y) ** 2 + (points[q, 2] - z) ** 2
                    if distance2 < spacing2:
                        return distance2
                    k = following[k]
    return np.inf


@njit(cache=True)
def throw_darts(points, count, area):
    """Choose points that lie evenly.

    A point is taken if no taken one is nearer than the spacing. When every point was asked, the spacing shrinks and
    those left are asked again, until exactly `count` are taken. As they are asked in a random order, the last,
    unfinished round favours no part of the surface.

    Args:
        points: (N, 3) float64 on a surface, in random order, N ≥ count; five for each one wanted give a coefficient of
            variation of the neighbour distance of 0.10, three 0.12.
        count: how many to choose.
        area: the surface's.

    Returns:
        (count,) int32, the chosen points.
    """
    lattice = lattice_spacing(area, count)
    spacing = FIRST_SPACING * lattice
    slots = 16
    while slots < 2 * count:
        slots *= 2
    heads = np.full(slots, CHAIN_END, np.int32)
    following = np.empty(count, np.int32)
    chosen = np.empty(count, np.int32)
    # Squared distance to a chosen point, where one was found: no need to ask again before the spacing is below it.
    nearest2 = np.full(len(points), np.inf)
    cell = spacing
    taken = 0
    while taken < count:
        if spacing < LAST_SPACING * lattice:
            spacing = 0.0
        elif spacing < cell / 2:  # keep the cells as small as the spacing, or they fill up
            cell = spacing
            heads[:] = CHAIN_END
            for k in range(taken):
                link(points, chosen, k, cell, heads, following)
        spacing2 = spacing * spacing
        for p in range(len(points)):
            if nearest2[p] < spacing2:
                continue
            distance2 = distance2_to_chosen(points, p, spacing2, chosen, cell, heads, following)
            if distance2 < spacing2:
                nearest2[p] = distance2
                continue
            nearest2[p] = -1.0  # taken: nearer than any spacing
            chosen[taken] = p
            link(points, chosen, taken, cell, heads, following)
            taken += 1
            if taken == count:
                break
        spacing *= SHRINK
    return chosen
