"""Random patients: teeth, their sizes and crowding, arch, palate, and how the scan ends."""

import math
from dataclasses import dataclass

import numpy as np

from scans.anatomy import TEETH
from scans.elementary import exp, log
from scans.vectors import ordered_sum

FEWEST = 8  # teeth
KINDS = ("border", "horseshoe", "skirt", "base")


@dataclass(frozen=True, slots=True)
class Tooth:
    """One place in the arch and the tooth in it.

    Attributes:
        fdi: FDI number.
        size: mesiodistal and buccolingual width and crown height, mm.
        gap: mm of free space on its mesial side; negative where it is crowded.
        turn: rotation about its long axis, radians.
        shift: mm out of the arch, towards lip or cheek.
        lean: crown towards lip or cheek, radians.
        tip: crown towards the midline, radians.
        rise: mm above its normal level.
        present: False where the tooth was lost and the ridge has healed.
    """

    fdi: int
    size: tuple[float, float, float]
    gap: float
    turn: float
    shift: float
    lean: float
    tip: float
    rise: float
    present: bool

    @property
    def kind(self) -> int:
        """1 central incisor ... 8 third molar."""
        return self.fdi % 10


@dataclass(frozen=True, slots=True)
class Patient:
    """The random parameters of a jaw; lengths in mm.

    Attributes:
        sides: the teeth of the patient's right (FDI 1x) and left (2x) side, from the midline backwards.
        arch_size: factor on the arch's norm.
        arch_width: factor on its width alone.
        arch_depth: factor on its depth alone.
        arch_square: -1 tapered ... 1 square.
        arch_skew: mm that the midline is off; also the turn of the whole arch, in hundredths of a radian.
        spee: mm that the second molars stand above the plane of the premolars.
        vault: depth of the palate under the gum margins.
        steep: mm over which the palate falls.
        wear: mm of enamel lost at cusps and edges.
        kind: how the scan ends: "border" (open, with the palate), "horseshoe" (open, without), "skirt" (open, with long
            walls) or "base" (closed, flat).
    """

    sides: tuple[tuple[Tooth, ...], tuple[Tooth, ...]]
    arch_size: float
    arch_width: float
    arch_depth: float
    arch_square: float
    arch_skew: tuple[float, float]
    spee: float
    vault: float
    steep: float
    wear: float
    kind: str


def draw(rng: np.random.Generator) -> Patient:
    """Draw a patient of the population in `scans.anatomy`."""
    large = rng.standard_normal(2)  # crowns' widths and heights of this patient
    size = {kind: _sizes(kind, large, rng) for kind in TEETH}
    arch_size = float(exp(0.018 * large[0] + rng.normal(0, 0.06)))
    room = float(np.clip(-0.8 + 16 * log(arch_size) + rng.normal(0, 1.6), -7.0, 5.0))
    lost = _lost(rng)
    sides = tuple(_side(quadrant, size, room / 2, lost, rng) for quadrant in (1, 2))
    return Patient(
        sides=(sides[0], sides[1]),
        arch_size=arch_size,
        arch_width=float(exp(rng.normal(0, 0.055))),
        arch_depth=float(exp(rng.normal(0, 0.06))),
        arch_square=float(np.clip(rng.normal(0, 0.4), -0.8, 0.9)),
        arch_skew=(rng.normal(0, 0.5), rng.normal(0, 1.2)),
        spee=float(np.clip(rng.normal(1.0, 0.7), -0.3, 2.6)),
        vault=float(np.clip(rng.normal(14.0, 2.2), 9.5, 19.0)),
        steep=float(np.clip(rng.normal(9.0, 1.0), 7.0, 11.5)),
        wear=float(min(rng.exponential(0.15), 0.6)),
        kind=str(rng.choice(KINDS, p=(0.42, 0.38, 0.10, 0.10))),
    )


def _sizes(kind: int, large: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(2, 3) sizes of a pair of teeth: half of the variance is the patient's, a third the pair's, the rest its own."""
    norm = TEETH[kind]
    pair, own = rng.standard_normal(3), rng.standard_normal((2, 3))
    z = math.sqrt(0.5) * large[[0, 0, 1]] + math.sqrt(0.35) * pair + math.sqrt(0.15) * own
    return np.asarray(norm.size) + np.asarray(norm.spread) * np.clip(z, -2.5, 2.5)


def _lost(rng: np.random.Generator) -> dict[int, str]:
    """Which teeth are not there: FDI number to "none" (never in the arch), "closed" (space closed) or "healed"."""
    lost = {18: "none", 28: "none"}
    u = rng.random()
    if u < 0.16:  # third molars in the arch
        del lost[18 if rng.random() < 0.5 else 28]
        if rng.random() < 0.6:
            lost.clear()
    elif u < 0.45:  # second molars not erupted
        young = (17, 27) if rng.random() < 0.75 else (17,) if rng.random() < 0.5 else (27,)
        lost.update(dict.fromkeys(young, "none"))
    u = rng.random()
    if u < 0.10:  # premolars extracted for orthodontics
        lost.update(dict.fromkeys((14, 24), "closed" if rng.random() < 0.6 else "healed"))
    elif u < 0.24:
        count = int(rng.integers(1, 4))
        lost.update(
            dict.fromkeys(rng.choice((12, 22, 14, 24, 15, 25, 16, 26), count, replace=False).tolist(), "healed")
        )
    elif u < 0.27:
        count = int(rng.integers(4, 6))
        choice = (11, 12, 14, 15, 16, 21, 22, 24, 25, 26)
        lost.update(dict.fromkeys(rng.choice(choice, count, replace=False).tolist(), "healed"))
    while len(lost) > 16 - FEWEST:
        lost.popitem()
    return lost


def _side(
    quadrant: int, size: dict[int, np.ndarray], room: float, lost: dict[int, str], rng: np.random.Generator
) -> tuple[Tooth, ...]:
    """The teeth of one side; `room` mm (negative: crowding) are spread over the front contacts above all."""
    fractions = np.array([0.6, 1.0, 1.0, 0.7, 0.6, 0.25, 0.1, 0.1]) * rng.gamma(2.0, 0.5, 8)
    gaps = room * fractions / ordered_sum(fractions)
    way = 1.0 if rng.random() < 0.5 else -1.0
    teeth = []
    for kind in TEETH:
        own = rng.standard_normal(5)
        jitter = 0.6 if kind >= 6 else 1.0
        if lost.get(fdi := 10 * quadrant + kind) in ("none", "closed"):
            continue
        gap = float(gaps[kind - 1])
        crowding = min(max(-gap, 0.0), 2.5)
        out = 0.9 * crowding * (way if kind in (1, 3) else -way)  # crowded teeth step out of line by turns
        teeth.append(
            Tooth(
                fdi=fdi,
                size=tuple(size[kind][quadrant - 1].tolist()),
                gap=gap,
                turn=math.radians(4.0 * jitter * own[0]) + 0.12 * crowding * way,
                shift=0.3 * jitter * own[1] + (out if kind <= 5 else 0.2 * out),
                lean=math.radians(2.5 * own[2]),
                tip=math.radians(2.0 * own[3]),
                rise=0.22 * own[4] - 0.3 * max(out, 0.0) * (kind == 3),
                present=lost.get(fdi) != "healed",
            )
        )
    return tuple(teeth)
