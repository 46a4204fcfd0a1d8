"""A patient's gingiva and palate: what is drawn of them."""

from dataclasses import dataclass

import numpy as np

from scans.synthetic import ranges


@dataclass(frozen=True, slots=True)
class SoftTissue:
    """The random parameters of gingiva and palate; lengths in mm, most of them explained in `ranges`.

    Attributes:
        margin: thickness of the gum at its margin, its swelling per mm below it, and its rounding.
        papilla: height of the papillae in parts of the way to the contact, and factor on their width.
        eminence: height of the roots' eminences over the hollows between them.
        frena: how far the labial, right and left buccal frenulum stand out.
        lumps: amplitude of irregular bumps.
        tuberosity: height over the last gum margin and width in parts of the last tooth's, right and left.
        behind: ridge behind the last tooth.
        vault: depth of the palate under the gum margins.
        steep: mm over which the palate falls.
        form: exponent of its fall: V-shaped to box-shaped.
        lopsided: how much steeper the right side falls than the left, as a fraction.
    """

    margin: tuple[float, float, float]
    papilla: tuple[float, float]
    eminence: float
    frena: tuple[float, float, float]
    lumps: float
    tuberosity: tuple[tuple[float, float], tuple[float, float]]
    behind: float
    vault: float
    steep: float
    form: float
    lopsided: float


def draw(rng: np.random.Generator) -> SoftTissue:
    """Draw a patient's gingiva and palate."""
    right, left = (tuple(rng.uniform(*bounds) for bounds in (ranges.TUBEROSITY, ranges.TUBEROSITY_WIDE)) for _ in "rl")
    return SoftTissue(
        margin=(
            rng.uniform(*ranges.MARGIN_THICK),
            rng.uniform(*ranges.MARGIN_SWELL),
            rng.uniform(*ranges.MARGIN_ROUND),
        ),
        papilla=(rng.uniform(*ranges.PAPILLA), rng.uniform(*ranges.PAPILLA_FULL)),
        eminence=rng.uniform(*ranges.EMINENCE),
        frena=(rng.uniform(*ranges.FRENUM), 0.6 * rng.uniform(*ranges.FRENUM), 0.6 * rng.uniform(*ranges.FRENUM)),
        lumps=rng.uniform(*ranges.LUMPS) * rng.random(),  # small ones are the more frequent
        tuberosity=((right[0], right[1]), (left[0], left[1])),
        behind=rng.uniform(*ranges.BEHIND),
        vault=_bounded(ranges.VAULT, rng),
        steep=_bounded(ranges.VAULT_STEEP, rng),
        form=rng.uniform(*ranges.VAULT_FORM),
        lopsided=rng.normal(0, 0.1),
    )


def _bounded(figures: tuple[float, float, float, float], rng: np.random.Generator) -> float:
    mean, spread, least, most = figures
    return float(np.clip(rng.normal(mean, spread), least, most))
