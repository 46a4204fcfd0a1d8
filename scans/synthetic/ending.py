"""Where a scan ends: the ragged border of an open one."""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import map_coordinates

from scans.elementary import sin
from scans.synthetic.field import GUM_MARGIN, MAP_STEP, OUT, TOP
from scans.synthetic.patient import Patient
from scans.synthetic.tables import Gums
from scans.vectors import dot, ordered_sum


def remaining(patient: Patient, gums: Gums, vertices: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(V,) bool: which vertices of the solid the scan holds; all of a closed base."""
    ragged = [_wander(rng, amplitude) for amplitude in (0.8, 0.8, 0.6)]
    low = rng.uniform(14.0, 20.0) if patient.kind == "skirt" else rng.uniform(4.0, 7.5)
    deep = rng.uniform(4.0, 9.0)
    short = rng.uniform(1.0, 3.0)
    if patient.kind == "base":
        return np.ones(len(vertices), bool)
    at = ((vertices[:, :2] - gums.corner) / MAP_STEP).T
    out, margin, along, inside, top = (
        map_coordinates(table, at, order=1, mode="nearest")
        for table in (gums.maps[OUT], gums.maps[GUM_MARGIN], gums.along, gums.inside, gums.maps[TOP])
    )
    z = vertices[:, 2]
    kept = vertices[:, 1] < gums.back - short + ragged[0](vertices[:, 0])
    # Behind the last teeth the border rises to the ridge.
    end = np.minimum(along - gums.along.min(), gums.along.max() - along)
    low = low * (0.4 + 0.6 * np.clip(end / 14.0, 0, 1))
    wall = (out > -1.0) & (margin - z < low + (0.3 if patient.kind == "skirt" else 1.0) * ragged[1](along))
    kept &= wall | (z > top - 1.0)
    if patient.kind == "horseshoe":
        kept &= inside < deep + ragged[2](along)
    return kept


def _wander(rng: np.random.Generator, amplitude: float) -> Callable[[np.ndarray], np.ndarray]:
    """A wavy line of wavelengths from 2 to 30 mm, as a function of the place along it."""
    lengths = rng.uniform(2.0, 30.0, 7)
    phases = rng.uniform(0, 2 * np.pi, 7)
    weights = amplitude * np.sqrt(lengths / ordered_sum(lengths))

    def line(s: np.ndarray) -> np.ndarray:
        return dot(weights, sin(2 * np.pi * s[:, None] / lengths + phases))

    return line
