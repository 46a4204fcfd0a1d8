"""All teeth of a jaw as the tables that compiled code reads."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from scans.synthetic.arch import CONTACT, Arch, Place
from scans.synthetic.chewing import occlusal, reach
from scans.synthetic.crowns import net_size, outline
from scans.synthetic.field import ROOT
from scans.synthetic.gums import gum_level
from scans.synthetic.measured import Solid, stacked_solids
from scans.synthetic.patient import Patient
from scans.synthetic.tables import Crowns
from scans.vectors import dot

LINGUAL_RISE = {1: 0.9, 2: 0.8, 3: 0.7, 4: 0.3, 5: 0.2, 6: 0.0, 7: 0.0, 8: 0.0}  # mm of the gum margin over the facial
WITHIN = 0.92  # width of the root under a measured crown, in parts of the parametric one, so that it stays within it
BLACK = 0.12  # rise of the margin towards a gap, in crown heights


def stacked(
    patient: Patient, arch: Arch, rng: np.random.Generator, measured: Mapping[int, Solid] = MappingProxyType({})
) -> Crowns:
    """The tables of all present teeth, in the order of the arch's sides; `measured` crowns by FDI number."""
    solids: list[Solid] = []
    rows = []
    for side in arch:
        for n, place in enumerate(side):
            tooth = place.tooth
            if not tooth.present:
                continue
            # The first teeth of both sides are each other's mesial neighbours.
            mesial = side[n - 1] if n else arch[1 if side is arch[0] else 0][0]
            distal = side[n + 1] if n + 1 < len(side) else None
            full = patient.soft.papilla[0] * rng.uniform(0.8, 1.2, 2)
            papilla = (
                _papilla(place, mesial, tooth.gap, full[0]),
                _papilla(place, distal, distal.tooth.gap if distal else 0.0, full[1]),
            )
            sides = outline(tooth, rng)
            known = measured.get(tooth.fdi)
            if known is not None:
                solids.append(known)
            rows.append(
                (
                    place.origin,
                    place.axes,
                    _box(place),
                    net_size(tooth),
                    sides.centre,
                    sides.inverse / (1.0 if known is None else WITHIN),
                    sides.cosine,
                    occlusal(tooth, patient.wear, rng),
                    reach(tooth),
                    sides.rim,
                    (*papilla, LINGUAL_RISE[tooth.kind] * rng.uniform(0.3, 1.5), tooth.level, *patient.soft.margin),
                    -1 if known is None else len(solids) - 1,
                )
            )
    columns = [*(np.array(column) for column in zip(*rows, strict=True)), *stacked_solids(solids)]
    return Crowns(*columns)


def _papilla(place: Place, neighbour: Place | None, gap: float, full: float) -> float:
    """Rise of the gum margin towards a neighbour, mm: to under the contact point, hardly at all beside a gap."""
    high, level = place.tooth.size[2], place.tooth.level
    least = min(max(BLACK * high, -level), 0.5 * high)  # a bare root lowers the margin in the middle, less at the sides
    if neighbour is None or not neighbour.tooth.present:
        return least
    margin = (gum_level(place) + gum_level(neighbour)) / 2
    contact = min(p.origin[2] + CONTACT * p.tooth.size[2] for p in (place, neighbour))
    rise = full if gap < 0.4 else 0.55 * full
    return max(margin + rise * (contact - margin) - place.origin[2] - level, least)


def _box(place: Place) -> np.ndarray:
    """(2, 3) corners of all that a tooth and its gum can touch."""
    wide, deep, high = place.tooth.size
    low = np.array([-wide / 2 - 2.5, -deep / 2 - 2.5, -ROOT])
    ends = np.array([low, [-low[0], -low[1], high + 2.5]])
    corners = np.array([[ends[a, 0], ends[b, 1], ends[c, 2]] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    world = dot(corners[:, None], place.axes.T) + place.origin
    return np.array([world.min(axis=0), world.max(axis=0)])
