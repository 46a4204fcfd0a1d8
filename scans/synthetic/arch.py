"""Where the teeth stand: the contact line of the arch, and each tooth's own frame on it."""

import math
from dataclasses import dataclass

import numpy as np

from scans.anatomy import CONTACT_LINE, TEETH
from scans.elementary import cos, sin
from scans.synthetic.patient import Patient, Tooth
from scans.vectors import norm, unit

# How far labially of the long axis the contact points lie, in fractions of the buccolingual width.
CONTACT = 0.68  # contact points, in fractions of the crown height
CONTACT_PLACE = {1: 0.08, 2: 0.10, 3: -0.14}


@dataclass(frozen=True, slots=True)
class Place:
    """A tooth's own frame in the jaw.

    Attributes:
        tooth: the tooth.
        origin: (3,) mm, on its long axis at the height of the gum margin.
        axes: (3, 3) rows u (distal), v (to lip or cheek), w (occlusal), unit vectors.
    """

    tooth: Tooth
    origin: np.ndarray
    axes: np.ndarray


Arch = tuple[tuple[Place, ...], tuple[Place, ...]]  # the patient's right and left side, each from the midline backwards


def contact_line(patient: Patient, side: int) -> np.ndarray:
    """The line through the contact points of one side (0 right, 1 left), (n, 2) mm, finely sampled from the midline."""
    a, b, c = CONTACT_LINE
    x = np.linspace(0, 34, 700)
    # A square arch has more of the quartic, a tapered one more of the quadratic, with the molars left where they are.
    moved = 0.35 * patient.arch_square * b
    square = x**2
    behind = ((a * square + b + moved) * square + c - moved * 25**2) * square
    line = np.stack([x * patient.arch_width, behind * patient.arch_depth], axis=1) * patient.arch_size
    if side == 1:
        line[:, 0] *= -1
    c, s = cos(patient.arch_skew[1] / 100), sin(patient.arch_skew[1] / 100)
    return np.stack([c * line[:, 0] - s * line[:, 1], s * line[:, 0] + c * line[:, 1]], axis=1)


def places(patient: Patient) -> Arch:
    """The frames of all places of both sides, healed gaps among them, each side from the midline backwards."""
    return _side(patient, 0), _side(patient, 1)


def _side(patient: Patient, side: int) -> tuple[Place, ...]:
    line = contact_line(patient, side)
    length = np.concatenate([[0], np.cumsum(norm(np.diff(line, axis=0)))])

    def at(s: float) -> np.ndarray:
        """A point of the line, carried on straight beyond both ends."""
        if s < 0:
            return line[0] + s * (line[1] - line[0]) / length[1]
        if s > length[-1]:
            return line[-1] + (s - length[-1]) * (line[-1] - line[-2]) / (length[-1] - length[-2])
        return np.array([np.interp(s, length, line[:, 0]), np.interp(s, length, line[:, 1])])

    placed = []
    s = patient.arch_skew[0] * (1 if side == 0 else -1)
    for tooth in patient.sides[side]:
        s += tooth.gap
        begin, end = at(s), at(s + tooth.size[0])
        placed.append(_stand(patient, tooth, (begin + end) / 2, end - begin, s + tooth.size[0] / 2, side))
        s += tooth.size[0]
    return tuple(placed)


def _stand(patient: Patient, tooth: Tooth, middle: np.ndarray, along: np.ndarray, s: float, side: int) -> Place:
    """Stand a tooth on the contact line: turned, leaning and tipped about the height of its contact points."""
    along = unit(along)
    out = np.array([along[1], -along[0]]) * (1 if side == 0 else -1)
    axes = standing(tooth.kind, along, side, turn=tooth.turn, lean=tooth.lean, tip=tooth.tip)
    _, v, w = axes
    high = tooth.size[2]
    # The contact points lie at two thirds of the height; canines stand out of their line, at the arch's corner.
    pivot = CONTACT * high * w + CONTACT_PLACE.get(tooth.kind, 0.0) * tooth.size[1] * v
    spee = patient.spee * max(s - 30.0, 0.0) ** 2 / 25.0**2
    tip_height = high * w[2] + (0.1 if tooth.kind <= 3 else 0.28) * tooth.size[1] * v[2]
    level = TEETH[tooth.kind].level + tooth.rise - spee
    origin = np.array([*(middle + tooth.shift * out), 0.0]) - np.array([pivot[0], pivot[1], 0.0])
    origin[2] = level - tip_height
    return Place(tooth, origin, axes)


def standing(
    kind: int, along: np.ndarray, side: int, *, turn: float = 0.0, lean: float = 0.0, tip: float = 0.0
) -> np.ndarray:
    """(3, 3) the axes u, v, w of a tooth on the arch, which there runs `along` (2,) to the back.

    Args:
        kind: 1 central incisor ... 8 third molar, whose normal inclination and angulation it has.
        side: 0 right, 1 left.
        turn: radians beyond the normal, as those of `Tooth`; so are lean and tip.
    """
    out = np.array([along[1], -along[0]]) * (1 if side == 0 else -1)
    c, n = cos(turn), sin(turn)
    u = np.array([*(c * along + n * out), 0.0])
    v = np.array([*(c * out - n * along), 0.0])
    w = np.array([0.0, 0.0, 1.0])
    lean = math.radians(TEETH[kind].inclination) + lean
    v, w = cos(lean) * v - sin(lean) * w, cos(lean) * w + sin(lean) * v
    tip = math.radians(TEETH[kind].angulation) + tip
    u, w = cos(tip) * u + sin(tip) * w, cos(tip) * w - sin(tip) * u
    return np.stack([u, v, w])
