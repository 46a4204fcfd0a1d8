"""The parameters of a synthetic jaw as arrays, for compiled code."""

from typing import NamedTuple

import numpy as np


class Crowns(NamedTuple):
    """All crowns of a jaw, stacked for compiled code. T teeth; lengths in mm.

    Attributes:
        origin: (T, 3) place of each crown's own origin in the jaw.
        axes: (T, 3, 3) rows u (distal), v (facial), w (occlusal).
        box: (T, 2, 3) corners in the jaw beyond which a tooth touches neither crown nor gum.
        size: (T, 3) mesiodistal and buccolingual width, height from gum margin to the highest point.
        profile: (T, rows, 5) half widths mesial, distal, facial, lingual; centre along v; rows from -ROOT up.
        relief: (T, directions, heights) mm, directions from -pi, heights from -ROOT up.
        occlusal: (T, side, side) height over u and v, both from -reach to reach.
        reach: (T,) half side of the occlusal table.
        section: (T, 5) facial and lingual exponent, taper, skew, roundness of the rim.
        papilla: (T, 3) rise of the gum margin at the mesial, distal and lingual side.
    """

    origin: np.ndarray
    axes: np.ndarray
    box: np.ndarray
    size: np.ndarray
    profile: np.ndarray
    relief: np.ndarray
    occlusal: np.ndarray
    reach: np.ndarray
    section: np.ndarray
    papilla: np.ndarray


class Papillae(NamedTuple):
    """The gum between neighbouring teeth, P wedges; lengths in mm.

    Attributes:
        origin: (P, 3) midway between the teeth at the height of the gum margins.
        axes: (P, 3, 3) rows along the arch, to the lip or cheek, occlusal.
        shape: (P, 5) height of the tip, half width along the arch, half depth at the base and at the tip, how far the
            tip is moved to the lip.
    """

    origin: np.ndarray
    axes: np.ndarray
    shape: np.ndarray


class Gums(NamedTuple):
    """The body under the crowns; lengths in mm.

    Attributes:
        corner: (2,) x and y of the maps' first sample, MAP_STEP apart.
        out: (nx, ny) distance from the ridge line, positive towards lip and cheek.
        wall: (nx, ny) distance from the ridge line to the facial wall at the gum margins.
        margin: (nx, ny) height of the gum margins.
        top: (nx, ny) height of ridge and palate.
        steepness: (nx, ny) cosine of the slope of `top`.
        along: (nx, ny) place along the ridge line, 0 at the midline, negative on the left.
        inside: (nx, ny) distance from the lingual gum line, 0 outside it.
        rim: (nx, ny) distance from the outline of an artificial base, positive outside.
        shelf: height of the base's upper rim; far below where there is none.
        floor: height of the lowest plane.
        back: y of the plane behind.
        papillae: the gum between the teeth.
        flare: how far the facial wall turns out to the fold of the lip, 0 ... 1.
    """

    corner: np.ndarray
    out: np.ndarray
    wall: np.ndarray
    margin: np.ndarray
    top: np.ndarray
    steepness: np.ndarray
    along: np.ndarray
    inside: np.ndarray
    rim: np.ndarray
    shelf: float
    floor: float
    back: float
    papillae: Papillae
    flare: float
