"""The palate: its vault, incisive papilla, raphe, rugae and torus, as heights over the plane of the arch."""

import numpy as np

from scans.elementary import exp, power, sin
from scans.synthetic import ranges
from scans.synthetic.soft_tissue import SoftTissue


def vault(soft: SoftTissue, inside: np.ndarray, x: np.ndarray, y: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    """Depth of the palate under the gum margins: gentle behind the incisors, steep beside the molars.

    Args:
        inside: (nx, ny) distance from the lingual gum line, 0 outside it.
        x: (nx,), y: (ny,) of the map's columns.
        ridge: as `gums` has it.

    Returns:
        (nx, ny) mm.
    """
    front = ridge[:, 1].min()
    gentle = 1 + 0.45 * exp(-np.maximum(y - front, 0) / 14.0)
    middle = ridge[np.argmin(np.abs(ridge[:, 5])), 0]
    side = 1 + soft.lopsided * np.clip((x - middle) / 12.0, -1, 1)
    fall = power(inside / (soft.steep * gentle[None, :] * side[:, None]), soft.form)
    return soft.vault * (1 - exp(-fall))


def relief(inside: np.ndarray, x: np.ndarray, y: np.ndarray, ridge: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What stands out of the vault, (nx, ny) mm: incisive papilla, midline raphe, rugae, in some patients a torus."""
    middle = np.argmin(np.abs(ridge[:, 5]))
    x0 = ridge[middle, 0] + rng.normal(0, 0.4)
    front = ridge[middle, 1] + ridge[middle, 3]  # lingual gum line of the central incisors
    u, v = np.meshgrid(x - x0, y - front, indexing="ij")
    fade = 1 - exp(-((inside / 2.0) ** 2))
    long, wide = rng.uniform(1.6, 3.6), rng.uniform(1.1, 2.2)
    bumps = rng.uniform(*ranges.INCISIVE_PAPILLA) * exp(-((u / wide) ** 2) - ((v - long - 0.6) / long) ** 2)
    bumps += rng.uniform(*ranges.RAPHE) * exp(-((u / 1.1) ** 2) - np.maximum(v - 15, 0) / 12) * (v > 0)
    torus, high = rng.random() < ranges.TORUS, rng.uniform(*ranges.TORUS_HIGH)
    at, spread = rng.uniform(18, 30), rng.uniform(2.5, 6.0, 2) * (1.0, 1.8)
    if torus:
        bumps += high * exp(-((u / spread[0]) ** 2) - ((v - at) / spread[1]) ** 2)
    for side in (-1, 1):  # rugae are not symmetrical
        for k in range(int(rng.integers(ranges.RUGAE[0], ranges.RUGAE[1] + 1))):
            bumps += _ruga(side * u, v, k, rng)
    return bumps * fade


def _ruga(lateral: np.ndarray, v: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """One palatal ruga of a side, the first one in front: a wavy ridge, some forked, some broken."""
    start = 5.0 + 3.6 * number + rng.normal(0, 0.8)
    high, wide = rng.uniform(*ranges.RUGA_HIGH), rng.uniform(*ranges.RUGA_WIDE)
    sweep, bend = rng.normal(0.12, 0.22), rng.uniform(0.1, 0.9)
    length, phase = rng.uniform(6.0, 16.0), rng.uniform(0, 2 * np.pi)
    near, far = rng.uniform(0.2, 2.5), rng.uniform(4.5, 12.0) + 0.6 * number
    course = start + sweep * lateral + bend * sin(2 * np.pi * lateral / length + phase) + 0.02 * lateral**2
    span = 1 / (1 + exp(-(lateral - near) / 0.35)) / (1 + exp((lateral - far) / 0.8))
    forked, parted, apart = rng.random() < ranges.RUGA_FORKED, rng.uniform(2.5, 6.0), rng.uniform(0.4, 0.9)
    broken, gap = rng.random() < ranges.RUGA_BROKEN, rng.uniform(2.5, 7.0)
    apart *= 1 if rng.random() < 0.5 else -1
    if broken:
        span = span * (1 - exp(-(((lateral - gap) / 0.8) ** 2)))
    ridge = exp(-(((v - course) / wide) ** 2))
    if forked:
        branch = course + apart * np.maximum(lateral - parted, 0)
        ridge = np.maximum(ridge, exp(-(((v - branch) / wide) ** 2)))
    return high * span * ridge
