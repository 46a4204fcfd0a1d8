"""How a scan ends: open, or closed by one of the bases that software, plaster and printers make."""

from dataclasses import dataclass

import numpy as np

from scans.synthetic.base import FILL_SHARES, FILLS, TRIM, Base
from scans.synthetic.patient import Patient

# Of each kind of body (scans.synthetic.patient.KINDS) these shares end so; ours: 30 % of all jaws are open, 28 % have
# a high ruled base as many scans of Teeth3DS, 25 % are plaster, printed or on a plate, 18 % a plinth or crowns alone.
CLOSURES = ("open", "ruled", "plaster", "print", "plate")
SHARES = {
    "border": (0.38, 0.30, 0.16, 0.08, 0.08),
    "horseshoe": (0.36, 0.44, 0.06, 0.10, 0.04),
    "skirt": (0.30, 0.10, 0.20, 0.20, 0.20),
    "base": (1.0, 0.0, 0.0, 0.0, 0.0),  # closed already: the plinth of `scans.synthetic.gums`
    "crowns": (1.0, 0.0, 0.0, 0.0, 0.0),  # closed too
}
OPEN_INSIDE = {"ruled": 0.10, "plaster": 0.3, "print": 0.6, "plate": 0.0}  # share of horseshoes whose palate stays open
PATCHED = 0.4  # share of open scans whose holes are filled


@dataclass(frozen=True, slots=True)
class Ending:
    """How a scan ends.

    Attributes:
        closure: one of CLOSURES; "open" ends at its border.
        fill: how a horseshoe's palate is closed, one of FILLS; None where there is nothing to close, or it stays open.
        horseshoe: the base is a horseshoe, with walls inside.
        contour: the base follows the border, in place of an outline of its own.
        rim: a trough and a rounded rim lie between scan and wall.
        trim: rounds of smoothing of the border.
        patched: the scanner has filled an open scan's holes.
    """

    closure: str
    fill: str | None
    horseshoe: bool
    contour: bool
    rim: bool
    trim: int
    patched: bool


def draw_ending(patient: Patient, rng: np.random.Generator) -> Ending:
    """How the scan of a patient ends."""
    closure = str(rng.choice(CLOSURES, p=SHARES[patient.kind]))
    fill = str(rng.choice(FILLS, p=FILL_SHARES))
    inside, contour, rim, patch = rng.random(4)
    trim = int(rng.integers(*TRIM))
    horseshoe = patient.kind == "horseshoe" and inside < OPEN_INSIDE.get(closure, 1.0)
    return Ending(
        closure=closure,
        fill=fill if patient.kind == "horseshoe" and not horseshoe else None,
        horseshoe=horseshoe,
        contour=horseshoe or contour < {"plaster": 0.3, "print": 0.6}.get(closure, 0.4),
        rim=rim < {"plaster": 0.75, "plate": 0.4}.get(closure, 0.0),
        trim=trim,
        patched=patch < PATCHED,
    )


def closed(
    ending: Ending, vertices: np.ndarray, faces: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """An open scan (see `loops.sound`), closed as `ending` says; its own vertices come first, in their order.

    Args:
        ending: its closure is not "open".
        vertices: (V, 3) mm.
        faces: (F, 3).

    Returns:
        vertices (W, 3); faces (G, 3) int32.
    """
    base = Base(vertices, faces, ending.trim)
    if ending.fill is not None:
        base.fill_palate(ending.fill, rng)
    if ending.closure == "ruled" and not ending.horseshoe:
        base.ruled(rng)
    else:
        base.dense(
            rng, horseshoe=ending.horseshoe, contour=ending.contour, rim=ending.rim, plate=ending.closure == "plate"
        )
    return base.vertices, base.faces


def patched(vertices: np.ndarray, faces: np.ndarray, main: int) -> tuple[np.ndarray, np.ndarray]:
    """An open scan whose holes are filled by patches; its first `main` faces are a sound surface, then come islands."""
    base = Base(vertices, faces[:main], 0)
    return base.vertices, np.concatenate([base.faces, faces[main:]])
