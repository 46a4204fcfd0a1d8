"""The assignment of least total distance between two clouds of as many points, exact, without a matrix of all pairs.

An auction (Bertsekas 1988) with ε-scaling: points bid for partners, and an outbid point bids again. It runs on the
pairs of near neighbours alone. Its prices then prove, by a look at all pairs, that no other is wanted; pairs that
are wanted are added, and the auction goes on. Distances count in whole steps of 2^-20 units (40 nm on a jaw), on which
the result is an optimum: with costs that are multiples of N + 1 an auction that ends with ε = 1 has found one.
"""

import numpy as np
from numba import njit
from scipy.spatial import cKDTree

STEPS = 2**20  # of the distance, a unit
NEIGHBOURS = 12  # of each point, in both directions, that the auction starts with
FACTOR = 6  # from ε to ε
BLOCK = 64  # partners that are looked at together
PER_ROW = 20  # missing pairs per point that a look collects at most; a later look finds the rest
NONE = -1
_FAR = np.int64(2**62)


def assign(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Partner in `second` of each point of `first`, so that the sum of distances is least.

    Args:
        first, second: (N, 3) each; distances up to 2 units are meant, 1000 are possible.

    Returns:
        (N,) int64, each index once. Where several assignments are as short, which of them is fixed.

    Raises:
        ValueError: other shapes, no point, or coordinates that are not finite.
    """
    first, second = (np.ascontiguousarray(cloud, np.float32) for cloud in (first, second))
    n = len(first)
    if first.shape != second.shape or first.shape != (n, 3) or n == 0:
        raise ValueError(f"expected two clouds of shape (N, 3), got {first.shape} and {second.shape}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("points hold NaN or infinity; their distances are not defined")
    pairs = _near_pairs(first, second)
    price = np.zeros(n, np.int64)
    owner, partner = np.full(n, NONE, np.int32), np.full(n, NONE, np.int32)
    epsilon: int | None = None
    while True:
        rows, columns = pairs // n, pairs % n
        costs = _costs(first, second, rows, columns)
        start = np.searchsorted(rows, np.arange(n + 1))
        epsilon = max(int(costs.max()) // 4, 1) if epsilon is None else epsilon
        _free_the_dear(start, columns, costs, price, owner, partner, epsilon)
        _auction(start, columns, costs, price, owner, partner, epsilon)
        best = np.minimum.reduceat(costs + price[columns], start[:-1])
        pairs, gap = _add_missing(first, second, pairs, price, best, epsilon)
        if epsilon == 1 and gap == 0:
            return partner.astype(np.int64)
        # Prices move by steps of ε: where much was missing at the end they need larger ones again.
        epsilon = max((gap if epsilon == 1 else epsilon) // FACTOR, 1)


def _near_pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Sorted codes `row * N + column` of near neighbours, and of the pairs (i, i), so that an assignment exists."""
    n = len(first)
    k = min(NEIGHBOURS, n)
    own = np.arange(n)
    columns = cKDTree(second).query(first, k)[1].reshape(n, k)
    rows = cKDTree(first).query(second, k)[1].reshape(n, k)
    codes = (own[:, None] * n + columns, rows * n + own[:, None], own * (n + 1))
    return np.unique(np.concatenate([part.ravel() for part in codes]))


def _costs(first: np.ndarray, second: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(E,) int64 distances of pairs in steps, times N + 1."""
    distances = np.linalg.norm(first[rows].astype(np.float64) - second[columns], axis=1)
    return np.rint(distances * STEPS).astype(np.int64) * (len(first) + 1)


def _add_missing(
    first: np.ndarray, second: np.ndarray, pairs: np.ndarray, price: np.ndarray, best: np.ndarray, epsilon: int
) -> tuple[np.ndarray, int]:
    """The pairs with those of all others that their row would rather bid for, and by how much it would at most.

    Args:
        best: (N,) each row's least cost plus price among `pairs`; it holds one within ε of that.
    """
    n = len(first)
    unit, base = STEPS * (n + 1), int(price.min())
    limit = best - (epsilon - 1)
    # In float32 and widened by more than its rounding and that to whole steps: too many pairs, never too few.
    shift = ((price - base) / unit).astype(np.float32)
    reach = ((limit - base) / unit).astype(np.float32) * np.float32(1 + 1e-6) + np.float32(4e-6)
    order = cKDTree(second, leafsize=BLOCK).indices  # neighbours side by side, so that blocks are small boxes
    found = _within_reach(first, np.ascontiguousarray(second[order].T), shift[order], reach, price[order], limit)
    new = np.setdiff1d(found // n * n + order[found % n], pairs)
    rows, columns = new // n, new % n
    gaps = best[rows] - price[columns] - _costs(first, second, rows, columns)
    return np.union1d(pairs, new), int(gaps.max(initial=0))


@njit(cache=True, nogil=True)
def _free_the_dear(start, columns, costs, price, owner, partner, epsilon):
    """Part the pairs whose cost plus price is more than ε above the least in their row."""
    for row in range(len(partner)):
        if partner[row] == NONE:
            continue
        best = own = _FAR
        for e in range(start[row], start[row + 1]):
            value = costs[e] + price[columns[e]]
            best = min(best, value)
            if columns[e] == partner[row]:
                own = value
        if own > best + epsilon:
            owner[partner[row]] = NONE
            partner[row] = NONE


@njit(cache=True, nogil=True)
def _auction(start, columns, costs, price, owner, partner, epsilon):
    """Let rows without a partner bid, first come first served, until each has one."""
    n = len(partner)
    queue = np.empty(n, np.int32)
    waiting = 0
    for row in range(n):
        if partner[row] == NONE:
            queue[waiting] = row
            waiting += 1
    head, tail = 0, waiting % n
    while waiting > 0:
        row = queue[head]
        head = (head + 1) % n
        waiting -= 1
        best = second = _FAR
        chosen = 0
        for e in range(start[row], start[row + 1]):
            value = costs[e] + price[columns[e]]
            if value < best:
                best, second, chosen = value, best, columns[e]
            elif value < second:
                second = value
        price[chosen] += epsilon if second == _FAR else second - best + epsilon
        outbid = owner[chosen]
        owner[chosen], partner[row] = row, chosen
        if outbid != NONE:
            partner[outbid] = NONE
            queue[tail] = outbid
            tail = (tail + 1) % n
            waiting += 1


@njit(cache=True, nogil=True, fastmath={"nnan", "nsz"})  # nothing is NaN, so that max is one instruction
def _within_reach(first, second, shift, reach, price, limit):
    """Codes of pairs whose cost plus price is below the row's limit, PER_ROW a row at most."""
    n = len(first)
    pairs = np.empty(n * PER_ROW, np.int64)
    found = 0
    blocks = (n + BLOCK - 1) // BLOCK
    low, high = np.empty((blocks, 3), np.float32), np.empty((blocks, 3), np.float32)
    least = np.empty(blocks, np.float32)
    for k in range(blocks):
        stop = min((k + 1) * BLOCK, n)
        for axis in range(3):
            low[k, axis] = second[axis, k * BLOCK : stop].min()
            high[k, axis] = second[axis, k * BLOCK : stop].max()
        least[k] = shift[k * BLOCK : stop].min()
    for row in range(n):
        x, y, z, far = first[row, 0], first[row, 1], first[row, 2], reach[row]
        most = found + PER_ROW
        for k in range(blocks):
            at = (row + k) % blocks  # from another block on, or coinciding rows would all find the same
            dx = max(low[at, 0] - x, x - high[at, 0], np.float32(0))
            dy = max(low[at, 1] - y, y - high[at, 1], np.float32(0))
            dz = max(low[at, 2] - z, z - high[at, 2], np.float32(0))
            gap = far - least[at]
            if gap <= 0 or dx * dx + dy * dy + dz * dz >= gap * gap:
                continue
            block = at * BLOCK
            stop = min(block + BLOCK, n)
            xs, ys, zs, shifts = second[0, block:stop], second[1, block:stop], second[2, block:stop], shift[block:stop]
            hits = np.int32(0)  # counted without a branch, eight partners to an instruction
            for c in range(len(xs)):
                dx, dy, dz = x - xs[c], y - ys[c], z - zs[c]
                gap = max(far - shifts[c], np.float32(0))
                hits += np.int32(1) if dx * dx + dy * dy + dz * dz < gap * gap else np.int32(0)
            if hits == 0:
                continue
            for c in range(block, stop):
                to_x = np.float64(x) - np.float64(second[0, c])
                to_y = np.float64(y) - np.float64(second[1, c])
                to_z = np.float64(z) - np.float64(second[2, c])
                cost = np.int64(np.rint(np.sqrt(to_x * to_x + to_y * to_y + to_z * to_z) * STEPS)) * (n + 1)
                if cost + price[c] < limit[row] and found < most:
                    pairs[found] = row * n + c
                    found += 1
    return pairs[:found]
