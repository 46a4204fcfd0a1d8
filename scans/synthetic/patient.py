"""Random patients: teeth, their sizes and crowding, arch, gingiva, and the kind of scan."""

import math
from dataclasses import dataclass

import numpy as np

from scans.anatomy import TEETH
from scans.elementary import exp, log
from scans.synthetic import ranges, soft_tissue
from scans.synthetic.irregular import Irregular, irregularities, lost_teeth
from scans.synthetic.soft_tissue import SoftTissue
from scans.vectors import ordered_sum

KINDS = ("border", "horseshoe", "skirt", "base", "crowns")

# Mesiodistal and buccolingual width and crown height of deciduous teeth by their place (Wheeler's Dental Anatomy).
DECIDUOUS = {3: (7.0, 7.0, 6.5), 4: (7.3, 8.5, 5.1), 5: (8.2, 10.0, 5.7)}


@dataclass(frozen=True, slots=True)
class Tooth:
    """One place in the arch and the tooth in it.

    Attributes:
        fdi: FDI number; that of the successor where the tooth is deciduous, as Teeth3DS labels it.
        size: mesiodistal and buccolingual width and crown height, mm.
        gap: mm of free space on its mesial side; negative where it is crowded.
        turn: rotation about its long axis, radians.
        shift: mm out of the arch, towards lip or cheek.
        lean: crown towards lip or cheek, radians.
        tip: crown towards the midline, radians.
        rise: mm above its normal level.
        present: False where the tooth was lost.
        level: mm of the gum margin above its normal place; negative where the root is bare.
        form: "permanent", "deciduous", "peg" or "prepared" (ground to a stump).
        fitting: "", "bracket" or "attachment" on its labial face.
        filled: how much of its chewing surface's relief is levelled by a filling, 0 ... 1.
        site: where it is lost, "healed", "socket" (freshly extracted) or "impacted" (a canine under the gum).
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
    level: float = 0.0
    form: str = "permanent"
    fitting: str = ""
    filled: float = 0.0
    site: str = "healed"

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
        soft: gingiva and palate.
        wear: mm of enamel lost at cusps and edges.
        kind: what the scan shows: "border" (with the palate), "horseshoe" (without), "skirt" (long facial walls),
            "base" (on a solid plinth) or "crowns" (closed crowns alone); `scans.synthetic.ending` says how it ends.
    """

    sides: tuple[tuple[Tooth, ...], tuple[Tooth, ...]]
    arch_size: float
    arch_width: float
    arch_depth: float
    arch_square: float
    arch_skew: tuple[float, float]
    spee: float
    soft: SoftTissue
    wear: float
    kind: str


def draw(rng: np.random.Generator) -> Patient:
    """Draw a patient of the population in `scans.anatomy`, varied as `ranges` says."""
    large = rng.standard_normal(2)  # crowns' widths and heights of this patient
    size = {kind: _sizes(kind, large, rng) for kind in TEETH}
    arch_size = float(exp(0.018 * large[0] + rng.normal(0, 0.06)))
    room = float(np.clip(-0.8 + 16 * log(arch_size) + rng.normal(0, 2.2), -9.0, 8.0))
    lost = lost_teeth(rng)
    irregular = irregularities(rng)
    mean, spread, least, most = ranges.SPEE
    kind = "crowns" if rng.random() < ranges.CROWNS_ONLY else str(rng.choice(KINDS[:4], p=(0.42, 0.38, 0.10, 0.10)))
    sides = tuple(_side(quadrant, size, room / 2, lost, irregular, rng) for quadrant in (1, 2))
    return Patient(
        sides=(sides[0], sides[1]),
        arch_size=arch_size,
        arch_width=float(exp(rng.normal(0, ranges.ARCH_WIDTH))),
        arch_depth=float(exp(rng.normal(0, ranges.ARCH_DEPTH))),
        arch_square=float(np.clip(rng.normal(0, ranges.ARCH_SQUARE), -0.9, 1.0)),
        arch_skew=(rng.normal(0, 0.6), rng.normal(0, 1.5)),
        spee=float(np.clip(rng.normal(mean, spread), least, most)),
        soft=soft_tissue.draw(rng),
        wear=min(ranges.WEAR * float(-log(1 - rng.random())), ranges.WEAR_MOST),
        kind=kind,
    )


def _sizes(kind: int, large: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(2, 3) sizes of a pair of teeth: half of the variance is the patient's, a third the pair's, the rest its own."""
    norm = TEETH[kind]
    pair, own = rng.standard_normal(3), rng.standard_normal((2, 3))
    z = math.sqrt(0.5) * large[[0, 0, 1]] + math.sqrt(0.35) * pair + math.sqrt(0.15) * own
    return np.asarray(norm.size) + np.asarray(norm.spread) * np.clip(z, -2.8, 2.8)


def _side(
    quadrant: int,
    size: dict[int, np.ndarray],
    room: float,
    lost: dict[int, str],
    irregular: Irregular,
    rng: np.random.Generator,
) -> tuple[Tooth, ...]:
    """The teeth of one side; `room` mm (negative: crowding) are spread over the front contacts above all."""
    fractions = np.array([0.6, 1.0, 1.0, 0.7, 0.6, 0.25, 0.1, 0.1]) * rng.gamma(2.0, 0.5, 8)
    gaps = room * fractions / ordered_sum(fractions)
    gaps[0] += irregular.diastema / 2
    way = 1.0 if rng.random() < 0.5 else -1.0
    teeth = []
    for kind in TEETH:
        own = rng.standard_normal(6)
        jitter = 0.6 if kind >= 6 else 1.0
        fdi = 10 * quadrant + kind
        if lost.get(fdi) in ("none", "closed"):
            continue
        form = irregular.forms.get(fdi, "permanent")
        high = float(size[kind][quadrant - 1][2])
        measures = tuple(size[kind][quadrant - 1].tolist())
        if form == "deciduous":
            measures = tuple(float(n * (1 + 0.05 * z)) for n, z in zip(DECIDUOUS[kind], own, strict=False))
        elif form == "peg":
            measures = (measures[0] * rng.uniform(0.6, 0.85), measures[1] * 0.85, measures[2] * rng.uniform(0.7, 1.0))
        sunk = high * irregular.sunk.get(fdi, 0.0)
        tip, lean, turn = irregular.thrown.get(fdi, (0.0, 0.0, 0.0))
        gap = float(gaps[kind - 1])
        crowding = min(max(-gap, 0.0), 3.0)
        out = 0.9 * crowding * (way if kind in (1, 3) else -way)  # crowded teeth step out of line by turns
        teeth.append(
            Tooth(
                fdi=fdi,
                size=measures,
                gap=gap,
                turn=math.radians(5.0 * jitter * own[0]) + 0.12 * crowding * way + turn,
                shift=0.35 * jitter * own[1] + (out if kind <= 5 else 0.2 * out),
                lean=math.radians(3.5 * own[2]) + lean,
                tip=math.radians(2.8 * own[3]) + tip,
                rise=0.3 * own[4] - 0.3 * max(out, 0.0) * (kind == 3) - sunk,
                present=fdi not in lost,
                level=ranges.MARGIN_LEVEL * own[5] + sunk - irregular.bared.get(fdi, 0.0),
                form=form,
                fitting=irregular.fittings.get(fdi, ""),
                filled=irregular.fillings.get(fdi, 0.0),
                site=lost.get(fdi, "healed"),
            )
        )
    return tuple(teeth)
