"""What is not regular in an arch: lost, prepared, deciduous, tipped and partly erupted teeth, and what is on teeth."""

import math
from dataclasses import dataclass

import numpy as np

from scans.mesh import UPPER_FDI
from scans.synthetic import ranges

FEWEST = 8  # teeth, but for arches of few


@dataclass(frozen=True, slots=True)
class Irregular:
    """Irregularities by FDI number; who is not named has none.

    Attributes:
        forms: "deciduous", "peg" or "prepared".
        sunk: part of the crown under the gum.
        thrown: tip, lean and turn beyond the normal, radians.
        bared: mm of root that recession has bared.
        fittings: "bracket" or "attachment".
        fillings: how much of the chewing surface's relief is levelled.
        diastema: mm between the central incisors.
    """

    forms: dict[int, str]
    sunk: dict[int, float]
    thrown: dict[int, tuple[float, float, float]]
    bared: dict[int, float]
    fittings: dict[int, str]
    fillings: dict[int, float]
    diastema: float


def lost_teeth(rng: np.random.Generator) -> dict[int, str]:
    """Which teeth are not there, by FDI number.

    Returns:
        "none" (never in the arch), "closed" (its space closed), "healed", "socket" or "impacted".
    """
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
        _lose(lost, (12, 22, 14, 24, 15, 25, 16, 26), int(rng.integers(1, 4)), rng)
    elif u < 0.27:
        _lose(lost, (11, 12, 14, 15, 16, 21, 22, 24, 25, 26), int(rng.integers(4, 6)), rng)
    few, left = rng.random() < ranges.FEW_TEETH, int(rng.integers(ranges.FEW[0], ranges.FEW[1] + 1))
    if few:
        there = [fdi for fdi in UPPER_FDI if fdi not in lost]
        _lose(lost, there, len(there) - left, rng)
    if rng.random() < ranges.IMPACTED_CANINE:
        lost.setdefault(13 if rng.random() < 0.5 else 23, "impacted")
    while len(lost) > len(UPPER_FDI) - (ranges.FEW[0] if few else FEWEST):
        lost.popitem()
    return lost


def _lose(lost: dict[int, str], choice: tuple[int, ...] | list[int], count: int, rng: np.random.Generator) -> None:
    for fdi in rng.choice(choice, count, replace=False).tolist():
        lost[fdi] = "socket" if rng.random() < ranges.SOCKET else "healed"


def irregularities(rng: np.random.Generator) -> Irregular:
    """Draw a patient's irregularities."""

    def some(chance: float, of: tuple[int, ...], most: int) -> list[int]:
        """With this chance one to `most` of these teeth, else none."""
        chosen = rng.choice(of, int(rng.integers(1, most + 1)), replace=False).tolist()
        return chosen if rng.random() < chance else []

    forms = dict.fromkeys(some(ranges.PREPARED, UPPER_FDI, 6), "prepared")
    forms |= dict.fromkeys(some(ranges.PEG_LATERAL, (12, 22), 2), "peg")
    mixed = rng.random() < ranges.MIXED
    deciduous = [fdi for fdi in UPPER_FDI if fdi % 10 in (3, 4, 5) and rng.random() < ranges.DECIDUOUS_TOOTH]
    forms |= dict.fromkeys(deciduous if mixed else [], "deciduous")
    sunk = some(0.6 if mixed else ranges.UNERUPTED, (12, 22, 13, 23, 14, 24, 15, 25, 17, 27), 2)
    thrown = some(ranges.TIPPED, UPPER_FDI, 3)
    bared = some(ranges.RECEDED, UPPER_FDI, 12)
    sign = rng.choice((-1.0, 1.0), (len(UPPER_FDI), 3))
    width = rng.uniform(*ranges.DIASTEMA_WIDE)
    return Irregular(
        forms=forms,
        sunk={fdi: rng.uniform(*ranges.SUNK) for fdi in sunk if forms.get(fdi) is None},
        thrown={
            fdi: (
                sign[n, 0] * math.radians(rng.uniform(*ranges.TIPPED_BY)),
                0.7 * sign[n, 1] * math.radians(rng.uniform(*ranges.TIPPED_BY)),
                sign[n, 2] * math.radians(rng.uniform(*ranges.TURNED_BY)) * (0.4 if fdi % 10 >= 6 else 1.0),
            )
            for n, fdi in enumerate(thrown)
        },
        bared={fdi: rng.uniform(*ranges.RECESSION) for fdi in bared},
        fittings=_fittings(forms, rng),
        fillings=_fillings(rng),
        diastema=width if rng.random() < ranges.DIASTEMA else 0.0,
    )


def _fittings(forms: dict[int, str], rng: np.random.Generator) -> dict[int, str]:
    """Brackets on all teeth up to the first molars, or attachments on some."""
    u = rng.random()
    free = [fdi for fdi in UPPER_FDI if fdi % 10 <= 6 and forms.get(fdi) is None]
    chosen = [fdi for fdi in free if rng.random() < ranges.ATTACHMENT_TOOTH]
    if u < ranges.BRACKETS:
        return dict.fromkeys(free, "bracket")
    return dict.fromkeys(chosen, "attachment") if u < ranges.BRACKETS + ranges.ATTACHMENTS else {}


def _fillings(rng: np.random.Generator) -> dict[int, float]:
    restored = rng.random() < ranges.RESTORED
    return {
        fdi: rng.uniform(*ranges.FILLING)
        for fdi in UPPER_FDI
        if fdi % 10 >= 4 and rng.random() < ranges.RESTORED_TOOTH and restored
    }
