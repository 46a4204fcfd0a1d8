"""What of a reconstruction was seen and what was guessed: columns for its files, and an account of its teeth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scans.mesh import UPPER_FDI

if TYPE_CHECKING:
    import numpy as np

    from model.reconstruction.result import Confidence, Reconstruction

VIEWS_SEEN, EXPECTED_ERROR = "views_seen", "expected_error_mm"
STATES = SEEN, GUESSED, MISSING = "seen", "guessed", "missing"
LEAST_SEEN = 0.5  # fraction of a tooth's points that a view must see for the tooth to be seen
LEAST_POINTS = 0.0005  # fraction of the jaw's points; a label with fewer is a stain on another tooth


@dataclass(frozen=True, slots=True)
class Tooth:
    """How far a tooth can be trusted.

    Attributes:
        fdi: its number, 0 for the gingiva.
        state: "seen", "guessed" where no view sees most of it, or "missing" where the reconstruction has none.
        seen_fraction: of its surface, by one view or more; None if it is missing.
        expected_error_mm: mean over its points; None if it is missing, or the model has no error head.
    """

    fdi: int
    state: str
    seen_fraction: float | None = None
    expected_error_mm: float | None = None


def columns(confidence: "Confidence | None", radius: float) -> "dict[str, np.ndarray]":
    """Columns of points or vertices by name: uint8 views that see each, and float32 expected error in mm if known.

    Args:
        radius: of the jaw in mm.
    """
    import numpy as np

    if confidence is None:
        return {}
    found = {VIEWS_SEEN: confidence.views_seen}
    if confidence.expected_error is not None:
        found[EXPECTED_ERROR] = (confidence.expected_error * radius).astype(np.float32)
    return found


def means(columns: "Mapping[str, np.ndarray]") -> dict[str, float]:
    """`seen_fraction`, by one view or more, and the mean `expected_error_mm` of points with these `columns`."""
    found = {"seen_fraction": float((columns[VIEWS_SEEN] > 0).mean())} if VIEWS_SEEN in columns else {}
    if EXPECTED_ERROR in columns:
        found[EXPECTED_ERROR] = float(columns[EXPECTED_ERROR].mean())
    return found


def account_of_teeth(made: "Reconstruction", radius: float) -> list[Tooth]:
    """The upper teeth in the order of their numbers, and gingiva first; nothing if the points have no labels."""
    if made.labels is None or made.confidence is None:
        return []
    found = columns(made.confidence, radius)
    teeth = []
    for fdi in (0, *UPPER_FDI):
        own = made.labels == fdi
        if own.sum() < max(1, LEAST_POINTS * len(own)):
            teeth.append(Tooth(fdi, MISSING))
            continue
        mean = means({name: values[own] for name, values in found.items()})
        teeth.append(Tooth(fdi, SEEN if mean["seen_fraction"] >= LEAST_SEEN else GUESSED, **mean))
    return teeth


def in_words(teeth: Sequence[Tooth]) -> list[str]:
    """A line for each state that some tooth has: "seen: 11 (0.21 mm), 12 (0.25 mm)"."""
    by_state = {state: [tooth for tooth in teeth if tooth.state == state and tooth.fdi] for state in STATES}
    return [f"{state}: {', '.join(map(_with_error, own))}" for state, own in by_state.items() if own]


def _with_error(tooth: Tooth) -> str:
    return f"{tooth.fdi}" if tooth.expected_error_mm is None else f"{tooth.fdi} ({tooth.expected_error_mm:.2f} mm)"
