"""The parameters of a synthetic jaw as arrays, for compiled code."""

from typing import NamedTuple

import numpy as np


class Crowns(NamedTuple):
    """All crowns of a jaw, stacked for compiled code. T teeth, M of them measured; lengths in mm.

    Attributes:
        origin: (T, 3) place of each crown's own origin in the jaw.
        axes: (T, 3, 3) rows u (distal), v (facial), w (occlusal).
        box: (T, 2, 3) corners in the jaw beyond which a tooth touches neither crown nor gum.
        size: (T, 3) mesiodistal and buccolingual width, height from gum margin to the highest point.
        centre: (T, heights) the outline's centre along v, heights from -ROOT to OVER above the height.
        outline: (T, directions, heights) 1 / (|u| + |v|) of the outline's point about its centre; directions as
            `field.direction` counts them, the last one the first again.
        cosine: (T, directions, heights) between the outline's normal and the radius.
        occlusal: (T, side, side) height over u and v, both from -reach to reach.
        reach: (T,) half side of the occlusal table.
        rim: (T,) roundness of the edge between outline and chewing surface.
        gum: (T, 7) of the gum margin: its rise at the mesial, distal and lingual side, its level on the facial side
            above the origin; the gum's thickness there, its swelling per mm below, its rounding.
        measured: (T,) which of `solid` is the crown, -1 for the tables above.
        solid: (M, nu, nv, nw) float32 signed distance to measured crowns, samples SOLID_STEP apart, in their frames.
        low: (M, 3) the first sample of each.
    """

    origin: np.ndarray
    axes: np.ndarray
    box: np.ndarray
    size: np.ndarray
    centre: np.ndarray
    outline: np.ndarray
    cosine: np.ndarray
    occlusal: np.ndarray
    reach: np.ndarray
    rim: np.ndarray
    gum: np.ndarray
    measured: np.ndarray
    solid: np.ndarray
    low: np.ndarray


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
        maps: (9, nx, ny), in the order of the constants in `field`:

            - distance from the ridge line, positive towards lip and cheek,
            - distance from the ridge line to the facial wall at the gum margins,
            - height of the gum margins,
            - height of ridge and palate,
            - cosine of the slope of that height,
            - how far roots stand out under the gum, negative in the hollows between them,
            - how far the frena stand out in the vestibule,
            - irregular bumps of ridge, wall and palate,
            - distance from the outline of an artificial base, positive outside.
        along: (nx, ny) place along the ridge line, 0 at the midline, negative on the left.
        inside: (nx, ny) distance from the lingual gum line, 0 outside it.
        shelf: height of the base's upper rim; far below where there is none.
        floor: height of the lowest plane.
        back: y of the plane behind.
        papillae: the gum between the teeth.
        flare: how far the facial wall turns out to the fold of the lip, 0 ... 1.
    """

    corner: np.ndarray
    maps: np.ndarray
    along: np.ndarray
    inside: np.ndarray
    shelf: float
    floor: float
    back: float
    papillae: Papillae
    flare: float
