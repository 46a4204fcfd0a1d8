"""Exact nearest neighbours between two clouds: one function, on the CPU and on CUDA."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
import torch
from numba import njit
from torch.nn.utils.rnn import pad_sequence

from model.geometry.neighbours_cuda import nearest_on_cuda

R = TypeVar("R")

LEAF = 16  # points in a leaf, at most
LANES = 16  # queries that walk the tree together, so that the innermost loops become vector instructions


class Tree(NamedTuple):
    """A balanced k-d tree as flat arrays; node i has the children 2i and 2i + 1, the last half of the nodes are leaves.

    Attributes:
        points: (N, 3) float32, sorted so that each node holds a run of them.
        order: (N,) int32, index of each sorted point in the cloud.
        boxes: (2L, 6) float32, lower and upper corner of each node.
        runs: (2L, 3) int32, first point of each node, the one after its last, and the lowest index among them.
        position: (N,) int32, the inverse of `order`.
    """

    points: np.ndarray
    order: np.ndarray
    boxes: np.ndarray
    runs: np.ndarray
    position: np.ndarray


class IndexedPoints(NamedTuple):
    """A point cloud with its k-d tree; build it once for a cloud that is searched often, such as the ground truth.

    Attributes:
        points: (N, 3) float32 tensor.
        tree: the k-d tree of `points` on the CPU (about 1.3 MB for 50,000 points), None on CUDA.
    """

    points: torch.Tensor
    tree: Tree | None

    @classmethod
    def build(cls, points: torch.Tensor) -> Self:
        """Index (N, 3) points, on their device.

        Raises:
            ValueError: not (N, 3), no point at all, or a coordinate that is not finite.
        """
        if points.ndim != 2 or points.shape[1] != 3 or len(points) == 0:
            raise ValueError(f"expected points of shape (N, 3) with N > 0, got {tuple(points.shape)}")
        if not torch.isfinite(points).all():
            raise ValueError("points hold NaN or infinity; their neighbours are not defined")
        return cls.build_finite(points.float())

    @classmethod
    def build_finite(cls, points: torch.Tensor) -> Self:
        """Index (N, 3) float32 points that are known to be finite.

        Nothing waits for a GPU, and none of PyTorch's parallel operations runs, which a thread may not start: OpenMP
        would make a team of threads for each that does.
        """
        if points.is_cuda:
            return cls(points, None)
        return cls(points, Tree(*_build(np.ascontiguousarray(points.detach().numpy()))))

    @classmethod
    def build_each(cls, points: torch.Tensor) -> list[Self]:
        """Index each cloud of (B, N, 3) points that are known to be finite."""
        return _in_threads(cls.build_finite, list(points.detach().float()))


def nearest_neighbours(queries: IndexedPoints, targets: IndexedPoints) -> torch.Tensor:
    """Index of the nearest point of `targets` for each point of `queries`, exact in float32.

    On the CPU both walk their own trees: sixteen neighbouring queries go down the targets' tree together, so that even
    where nothing can be pruned (all distances equal) the search is a vectorised comparison of all pairs, never worse.
    On CUDA all pairs are compared. Of several equally near points the one of the lowest index is named, so the result
    is the same on every device and with any number of threads.

    Args:
        queries: N points.
        targets: M points on the same device.

    Returns:
        (N,) int64 on the same device, no gradient.
    """
    if queries.tree is None or targets.tree is None:
        return nearest_on_cuda(queries.points.detach()[None], targets.points.detach()[None])[0]
    return torch.from_numpy(_search(queries.tree.points, queries.tree.order, *targets.tree, False))


def nearest_neighbours_of_each(
    queries: Sequence[IndexedPoints], targets: Sequence[IndexedPoints]
) -> list[torch.Tensor]:
    """`nearest_neighbours` of B cases at once, (N,) int64 each; on CUDA in one launch, and without waiting for it."""
    if targets[0].tree is None:
        padded = (
            pad_sequence([cloud.points.detach() for cloud in clouds], batch_first=True, padding_value=torch.inf)
            for clouds in (queries, targets)
        )
        return [found[: len(cloud.points)] for found, cloud in zip(nearest_on_cuda(*padded), queries, strict=True)]
    return _in_threads(nearest_neighbours, queries, targets)


def nearest_neighbours_of_batch(queries: torch.Tensor, targets: Sequence[IndexedPoints]) -> torch.Tensor:
    """`nearest_neighbours_of_each` for as many queries in each case.

    Args:
        queries: (B, N, 3) on the targets' device. Queries that are not finite get any index.
        targets: B clouds, of any number of points each.

    Returns:
        (B, N) int64, no gradient.
    """
    finite = queries.detach().float().nan_to_num()
    return torch.stack(nearest_neighbours_of_each(IndexedPoints.build_each(finite), targets))


def _in_threads(function: Callable[..., R], *columns: Sequence[Any]) -> list[R]:
    """`function` of each case; the result does not depend on the number of threads.

    The search and the making of trees release the GIL, so that threads share the cases.
    """
    with ThreadPoolExecutor(max(1, min(torch.get_num_threads(), len(columns[0])))) as pool:
        return list(pool.map(function, *columns))


def nearest_neighbours_excluding_self(cloud: IndexedPoints) -> torch.Tensor:
    """Index of the nearest other point of the same cloud for each of its points, (N,) int64; N of 2 or more."""
    if len(cloud.points) < 2:
        raise ValueError("a single point has no other one")
    if cloud.tree is None:
        points = cloud.points.detach()[None]
        return nearest_on_cuda(points, points, other=True)[0]
    return torch.from_numpy(_search(cloud.tree.points, cloud.tree.order, *cloud.tree, True))


@njit(cache=True, nogil=True)
def _select(points: np.ndarray, order: np.ndarray, start: int, stop: int, middle: int, axis: int) -> None:
    """Sort [start, stop) by quickselect as far as `middle` parts the smaller from the larger along `axis`."""
    low, high = start, stop - 1
    while low < high:
        a, b, c = points[low, axis], points[(low + high) >> 1, axis], points[high, axis]
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while points[i, axis] < pivot:
                i += 1
            while points[j, axis] > pivot:
                j -= 1
            if i <= j:
                order[i], order[j] = order[j], order[i]
                for d in range(3):
                    points[i, d], points[j, d] = points[j, d], points[i, d]
                i += 1
                j -= 1
        if middle <= j:
            high = j
        elif middle >= i:
            low = i
        else:
            return


@njit(cache=True, nogil=True)
def _build(cloud: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Halve the cloud across its longest side until leaves hold LEAF points; by count, so points may coincide."""
    n = len(cloud)
    points = cloud.copy()
    order = np.arange(n).astype(np.int32)
    leaves = 1
    while n > leaves * LEAF:
        leaves *= 2
    boxes = np.zeros((2 * leaves, 6), np.float32)
    runs = np.zeros((2 * leaves, 3), np.int32)
    runs[1, 1] = n
    for node in range(1, 2 * leaves):
        start, stop = runs[node, 0], runs[node, 1]
        # Scalars, for numba keeps them in registers where it would write an array back at every point.
        x0 = x1 = points[start, 0]
        y0 = y1 = points[start, 1]
        z0 = z1 = points[start, 2]
        for i in range(start + 1, stop):
            x0, x1 = min(x0, points[i, 0]), max(x1, points[i, 0])
            y0, y1 = min(y0, points[i, 1]), max(y1, points[i, 1])
            z0, z1 = min(z0, points[i, 2]), max(z1, points[i, 2])
        boxes[node, 0], boxes[node, 1], boxes[node, 2] = x0, y0, z0
        boxes[node, 3], boxes[node, 4], boxes[node, 5] = x1, y1, z1
        if node < leaves:
            axis = 0
            if y1 - y0 > x1 - x0:
                axis = 1
            if z1 - z0 > max(x1 - x0, y1 - y0):
                axis = 2
            middle = (start + stop) >> 1
            _select(points, order, start, stop, middle, axis)
            runs[2 * node, 0], runs[2 * node, 1] = start, middle
            runs[2 * node + 1, 0], runs[2 * node + 1, 1] = middle, stop
    for node in range(2 * leaves - 1, 0, -1):
        if node >= leaves:
            runs[node, 2] = n
            for i in range(runs[node, 0], runs[node, 1]):
                runs[node, 2] = min(runs[node, 2], order[i])
        else:
            runs[node, 2] = min(runs[2 * node, 2], runs[2 * node + 1, 2])
    position = np.empty(n, np.int32)
    for i in range(n):
        position[order[i]] = i
    return points, order, boxes, runs, position


@njit(inline="always")
def _box(boxes: np.ndarray, node: int) -> tuple[np.float32, ...]:
    """A box as a tuple, which numba holds in registers; a row of the array would be read again for every query."""
    return boxes[node, 0], boxes[node, 1], boxes[node, 2], boxes[node, 3], boxes[node, 4], boxes[node, 5]


@njit(inline="always")
def _square_to_box(x: np.float32, y: np.float32, z: np.float32, box: tuple[np.float32, ...]) -> np.float32:
    zero = np.float32(0)
    dx = max(max(box[0] - x, x - box[3]), zero)
    dy = max(max(box[1] - y, y - box[4]), zero)
    dz = max(max(box[2] - z, z - box[5]), zero)
    return dx * dx + dy * dy + dz * dz


@njit(cache=True, nogil=True)
def _search(
    queries: np.ndarray,
    query_order: np.ndarray,
    points: np.ndarray,
    order: np.ndarray,
    boxes: np.ndarray,
    runs: np.ndarray,
    position: np.ndarray,
    other: bool,
) -> np.ndarray:
    """Nearest of `points` for each of the sorted `queries`, of equally near ones that of the lowest index.

    With `other` both are one cloud, and a point is not its own neighbour.
    """
    n = len(queries)
    leaves = len(boxes) // 2
    found = np.empty(n, np.int64)
    x, y, z = np.empty(LANES, np.float32), np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    best, where, own = np.empty(LANES, np.float32), np.empty(LANES, np.int32), np.empty(LANES, np.int32)
    stack = np.empty(64, np.int32)
    guess = 0
    for start in range(0, n, LANES):
        lanes = min(LANES, n - start)
        for k in range(LANES):
            i = min(start + k, n - 1)
            x[k], y[k], z[k] = queries[i, 0], queries[i, 1], queries[i, 2]
            own[k] = query_order[i] if other else -1
            # The neighbour of the queries before is near already, and most of the tree falls away at once.
            where[k] = order[guess]
            dx, dy, dz = x[k] - points[guess, 0], y[k] - points[guess, 1], z[k] - points[guess, 2]
            best[k] = np.float32(np.inf) if other else dx * dx + dy * dy + dz * dz
        middle = lanes // 2
        stack[0] = 1
        top = 1
        while top > 0:
            top -= 1
            node = stack[top]
            box = _box(boxes, node)
            wanted = False
            for k in range(LANES):
                square = _square_to_box(x[k], y[k], z[k], box)
                wanted |= (square < best[k]) | ((square == best[k]) & (runs[node, 2] < where[k]))
            if not wanted:
                continue
            if node >= leaves:
                for i in range(runs[node, 0], runs[node, 1]):
                    j = order[i]  # int32 as `where`, or nothing is vectorised
                    px, py, pz = points[i, 0], points[i, 1], points[i, 2]
                    for k in range(LANES):
                        dx, dy, dz = x[k] - px, y[k] - py, z[k] - pz
                        square = dx * dx + dy * dy + dz * dz
                        closer = (square < best[k]) | ((square == best[k]) & (j < where[k]))
                        closer &= own[k] != j
                        where[k] = j if closer else where[k]
                        best[k] = square if closer else best[k]
                continue
            left, right = 2 * node, 2 * node + 1
            to_left = _square_to_box(x[middle], y[middle], z[middle], _box(boxes, left))
            to_right = _square_to_box(x[middle], y[middle], z[middle], _box(boxes, right))
            near, far = (right, left) if to_right < to_left else (left, right)
            stack[top], stack[top + 1] = far, near
            top += 2
        guess = position[where[lanes - 1]]
        for k in range(lanes):
            found[query_order[start + k]] = where[k]
    return found
