"""Farthest point sampling, as the papers do it: each next point is the one farthest from all that were chosen."""

import numpy as np
from numba import njit

LEAF = 32  # points below a leaf of the tree
MORTON_BITS = 21  # per axis, three axes to an int64


@njit(cache=True)
def morton_codes(points):
    """The place (N,) of each point along a Z-order curve through the cloud's bounding cube."""
    low = np.array([points[:, axis].min() for axis in range(3)])
    side = max([points[:, axis].max() - low[axis] for axis in range(3)])
    scale = (2**MORTON_BITS - 1) / side if side > 0 else 0.0
    codes = np.zeros(len(points), np.int64)
    for p in range(len(points)):
        for axis in range(3):
            spread = np.int64((points[p, axis] - low[axis]) * scale)  # 21 bits, then two empty ones after each
            spread = (spread | spread << 32) & 0x1F00000000FFFF
            spread = (spread | spread << 16) & 0x1F0000FF0000FF
            spread = (spread | spread << 8) & 0x100F00F00F00F00F
            spread = (spread | spread << 4) & 0x10C30C30C30C30C3
            spread = (spread | spread << 2) & 0x1249249249249249
            codes[p] |= spread << axis
    return codes


@njit(cache=True)
def bounding_boxes(points, leaves):
    """The boxes (2 · leaves, 6), low and high corner, of a complete binary tree over runs of points; node 1 on top.

    The children of node k are 2k and 2k + 1, and node `leaves` + k holds the k-th run of LEAF points. The box of an
    empty run is infinitely far from everything.
    """
    boxes = np.full((2 * leaves, 6), np.inf)
    boxes[:, 3:] = -np.inf
    for p in range(len(points)):
        node = leaves + p // LEAF
        for axis in range(3):
            boxes[node, axis] = min(boxes[node, axis], points[p, axis])
            boxes[node, 3 + axis] = max(boxes[node, 3 + axis], points[p, axis])
    for node in range(leaves - 1, 0, -1):
        for axis in range(3):
            boxes[node, axis] = min(boxes[2 * node, axis], boxes[2 * node + 1, axis])
            boxes[node, 3 + axis] = max(boxes[2 * node, 3 + axis], boxes[2 * node + 1, 3 + axis])
    return boxes


@njit(cache=True)
def box_distance2(boxes, node, x, y, z):
    """The squared distance from a point to the box of a node; 0 inside."""
    dx = max(boxes[node, 0] - x, 0.0, x - boxes[node, 3])
    dy = max(boxes[node, 1] - y, 0.0, y - boxes[node, 4])
    dz = max(boxes[node, 2] - z, 0.0, z - boxes[node, 5])
    return dx * dx + dy * dy + dz * dz


@njit(cache=True)
def choose_along_curve(points, count, first):
    """`choose_farthest` for points (N, 3) of which each run of LEAF lies close together."""
    leaves = 1
    while leaves * LEAF < len(points):
        leaves *= 2
    boxes = bounding_boxes(points, leaves)
    # The squared distance to the nearest chosen point: of each point, and the largest one below each node.
    distance2 = np.full(len(points), np.inf)
    farthest2 = np.full(2 * leaves, -np.inf)
    farthest2[leaves : leaves + (len(points) + LEAF - 1) // LEAF] = np.inf
    for node in range(leaves - 1, 0, -1):
        farthest2[node] = farthest2[2 * node]  # the first runs are the full ones
    chosen = np.empty(count, np.int64)
    to_visit = np.empty(64, np.int64)
    touched = np.empty(leaves, np.int64)
    for k in range(count):
        p = first
        if k > 0:
            if farthest2[1] == 0:  # what is left coincides with chosen points
                left = np.ones(len(points), np.bool_)
                left[chosen[:k]] = False
                chosen[k:] = np.flatnonzero(left)[: count - k]
                break
            node = 1
            while node < leaves:
                node = 2 * node if farthest2[2 * node] == farthest2[node] else 2 * node + 1
            p = (node - leaves) * LEAF
            while distance2[p] != farthest2[node]:
                p += 1
        chosen[k] = p
        x, y, z = points[p, 0], points[p, 1], points[p, 2]
        n_touched, n_to_visit = 0, 1
        to_visit[0] = 1
        while n_to_visit > 0:
            n_to_visit -= 1
            node = to_visit[n_to_visit]
            if box_distance2(boxes, node, x, y, z) >= farthest2[node]:
                continue
            if node < leaves:
                to_visit[n_to_visit], to_visit[n_to_visit + 1] = 2 * node, 2 * node + 1
                n_to_visit += 2
                continue
            largest = 0.0
            for q in range((node - leaves) * LEAF, min((node - leaves + 1) * LEAF, len(points))):
                dx, dy, dz = points[q, 0] - x, points[q, 1] - y, points[q, 2] - z
                distance2[q] = min(distance2[q], dx * dx + dy * dy + dz * dz)
                largest = max(largest, distance2[q])
            if largest < farthest2[node]:
                farthest2[node] = largest
                touched[n_touched] = node
                n_touched += 1
        for node in touched[:n_touched]:
            while node > 1:
                node //= 2
                largest = max(farthest2[2 * node], farthest2[2 * node + 1])
                if largest == farthest2[node]:
                    break
                farthest2[node] = largest
    return chosen


def choose_farthest(points: np.ndarray, count: int, first: int) -> np.ndarray:
    """Choose points so that each is, when its turn comes, the farthest from those before it.

    Exact: the points and their order are those of the plain algorithm, which measures all distances at every step.
    Here a tree of boxes tells which of them a new point can't shorten. Ties go to either.

    Args:
        points: (N, 3) float64, finite.
        count: how many to choose, at most N.
        first: index of the point to begin with.

    Returns:
        (count,) int64, the chosen points in their order; the first k of them are a sample of k points.
    """
    along = np.argsort(morton_codes(points), kind="stable")
    return along[choose_along_curve(points[along], count, np.flatnonzero(along == first)[0])]
