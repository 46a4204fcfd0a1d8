"""The relief of crowns' faces: ridges, grooves, lobes, and what dentists put on them."""

import math
from collections.abc import Callable

import numpy as np

from scans.elementary import exp, sin
from scans.synthetic import ranges
from scans.synthetic.patient import Tooth


def relief(
    tooth: Tooth, shape: int, angle: np.ndarray, w: np.ndarray, radius: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Ridges and grooves of the faces and what is fixed to them.

    Args:
        shape: the kind of tooth whose anatomy it has.
        angle: (D, 1) directions about the axis, radians: 0 distal, pi / 2 facial.
        w: (1, H) heights over the gum margin, mm.
        radius: (D, H) of the plain outline, mm.

    Returns:
        (D, H) mm to add to it.
    """
    t = w / tooth.size[2]

    def spot(towards: float, spread: float, at: float, reach: float) -> np.ndarray:
        """A bump at a direction (degrees: 0 distal, 90 facial) and a fraction of the height."""
        turn = (angle - math.radians(towards) + np.pi) % (2 * np.pi) - np.pi
        return exp(-((turn / math.radians(spread)) ** 2)) * exp(-(((t - at) / reach) ** 2))

    some = rng.uniform(*ranges.RELIEF, 5)
    if shape <= 2:
        out = _incisor(spot, some, rng.uniform(*ranges.SHOVEL))
    elif shape == 3:  # labial and lingual ridge from the cusp, shallow hollows at their sides, cingulum
        out = 0.30 * some[0] * spot(93, 22, 0.6, 0.35) + 0.35 * some[1] * spot(-90, 14, 0.6, 0.25)
        out -= 0.35 * some[2] * (spot(-125, 18, 0.6, 0.22) + spot(-55, 18, 0.6, 0.22))
        out += 0.2 * (some[4] - 1) * spot(-90, 35, 0.2, 0.13)
        out -= 0.12 * some[3] * (spot(60, 14, 0.6, 0.3) + spot(125, 14, 0.6, 0.3))
    elif shape <= 5:  # buccal ridge; a depression of the neck to mesial, deep on the first
        out = 0.22 * some[0] * spot(92, 24, 0.6, 0.35) + 0.12 * some[2] * spot(-95, 30, 0.7, 0.3)
        out -= (0.35 if shape == 4 else 0.15) * some[1] * spot(180, 25, 0.15, 0.3)
        out -= 0.1 * some[3] * (spot(60, 12, 0.75, 0.3) + spot(122, 12, 0.75, 0.3))
    else:  # a groove down the buccal and the lingual face between the cusps, a Carabelli cusp in some patients
        place = rng.normal(0, 5, 2)
        out = -0.38 * some[0] * spot(83 + place[0], 9, 0.85, 0.3) - 0.36 * some[1] * spot(-62 + place[1], 9, 0.9, 0.3)
        out += 0.15 * some[3] * (spot(120, 25, 0.6, 0.35) + spot(50, 25, 0.6, 0.35))
        carabelli = rng.random() < ranges.CARABELLI
        if shape == 6 and carabelli:
            out += 0.7 * some[2] * spot(-118, 14, 0.55, 0.14)
    waves, phase = rng.uniform(*ranges.PERIKYMATA), rng.uniform(0, 2 * np.pi)
    out = out + waves * sin(2 * np.pi * w / 0.9 + phase) * spot(90, 50, 0.45, 0.35)
    for _ in range(4):  # no two crowns are quite alike
        out += rng.normal(0, 0.07) * spot(rng.uniform(-180, 180), rng.uniform(12, 45), rng.uniform(0.1, 0.9), 0.25)
    if tooth.fitting:
        out = np.maximum(out, _fitting(tooth, angle, w, radius, rng) + out)
    return out


def _incisor(spot: Callable[..., np.ndarray], some: np.ndarray, shovel: float) -> np.ndarray:
    """Fossa between marginal ridges, cingulum; two faint labial depressions between three lobes."""
    out = -0.65 * some[0] * spot(-90, 32, 0.60, 0.22) + 0.25 * some[4] * spot(-90, 40, 0.18, 0.12)
    out += 0.36 * shovel * (spot(-145, 18, 0.6, 0.25) + spot(-35, 18, 0.6, 0.25))
    return out - 0.10 * some[2] * (spot(72, 10, 0.75, 0.3) + spot(110, 10, 0.75, 0.3))


def _fitting(
    tooth: Tooth, angle: np.ndarray, w: np.ndarray, radius: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """A bracket with its slot, or the attachment of an aligner, on the facial face."""
    wide, high, thick = (
        rng.uniform(*bounds) for bounds in (ranges.BRACKET if tooth.fitting == "bracket" else ranges.ATTACHMENT)
    )
    turn = (angle - 0.5 * np.pi + np.pi) % (2 * np.pi) - np.pi
    across = turn * radius - rng.normal(0, 0.4)
    up = w - tooth.size[2] * rng.uniform(0.42, 0.6)
    tilt = rng.normal(0, 0.15) if tooth.fitting == "bracket" else rng.uniform(-0.6, 0.6)
    across, up = across + tilt * up, up - tilt * across
    edge = np.maximum(np.abs(across) - wide / 2, np.abs(up) - high / 2)
    plateau = thick * np.clip(0.5 - edge / 0.5, 0, 1)
    if tooth.fitting == "bracket":
        plateau *= 1 - 0.6 * np.clip(1.5 - np.abs(up) / 0.35, 0, 1)  # the wire's slot
    else:
        plateau *= np.clip(0.75 + rng.uniform(-0.5, 0.5) * up / high, 0.1, 1)  # bevelled
    return plateau
