"""A chart of one value per upper tooth, as in dental charts: incisors above, patient's right on the left."""

from collections.abc import Mapping

import numpy as np
from markupsafe import Markup

from scans.anatomy import CONTACT_LINE, TEETH
from scans.mesh import UPPER_FDI

# Light to dark; what is printed on it is black, then white.
_LIGHT, _DARK = np.array([222, 235, 247]), np.array([140, 20, 60])
_WHITE_FROM = 0.65


def arch_chart(values: Mapping[int, float], worst: float, what: str) -> Markup:
    """SVG of a mean upper arch with FDI number and value of each tooth; a tooth without a value is an empty outline.

    Args:
        values: by FDI number.
        worst: the value that has the darkest colour.
        what: name of the metric and its row, for the description.
    """
    parts = []
    for fdi, (x, y, angle) in _places().items():
        width, depth, _ = TEETH[fdi % 10].size
        value = values.get(fdi)
        shade = 0.0 if value is None else min(max(value / worst, 0.0), 1.0)
        colour = "none" if value is None else "rgb({:.0f} {:.0f} {:.0f})".format(*(_LIGHT + shade * (_DARK - _LIGHT)))
        shown = "" if value is None else f"{value:.2f}"
        ink = "#fff" if shade > _WHITE_FROM else "#111"
        outward = np.array([np.cos(angle), np.sin(angle)]) * (depth / 2 + 2.6)
        parts.append(
            f"<g><title>{fdi}: {shown or 'no case'}</title>"
            f'<ellipse cx="{x:.2f}" cy="{y:.2f}" rx="{depth / 2:.2f}" ry="{width / 2:.2f}" fill="{colour}" '
            f'stroke="currentColor" stroke-width=".25" transform="rotate({np.degrees(angle):.1f} {x:.2f} {y:.2f})"/>'
            f'<text x="{x:.2f}" y="{y + 0.9:.2f}" fill="{ink}">{shown}</text>'
            f'<text class="fdi" x="{x + outward[0]:.2f}" y="{y + outward[1] + 0.8:.2f}">{fdi}</text></g>'
        )
    label = Markup("{} on the upper arch: {}").format(
        what, ", ".join(f"{fdi}: {value:.2f}" for fdi, value in sorted(values.items()) if fdi in UPPER_FDI)
    )
    return Markup(f'<svg class="arch" role="img" aria-label="{label}" viewBox="-41 -11 82 69">{"".join(parts)}</svg>')


def _places() -> dict[int, tuple[float, float, float]]:
    """x (the patient's right is negative), y (backwards) in mm and the outward direction (rad) of each upper tooth.

    They stand side by side along the mean curve of the contact points.
    """
    x = np.linspace(0, 33, 3301)
    sixth, fourth, square = CONTACT_LINE
    y = sixth * x**6 + fourth * x**4 + square * x**2
    along = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    places, start = {}, 0.0
    for kind, norm in TEETH.items():
        k = min(int(np.searchsorted(along, start + norm.size[0] / 2)), len(x) - 2)
        start += norm.size[0]
        slope = (y[k + 1] - y[k]) / (x[k + 1] - x[k])
        for quadrant, side in ((10, -1), (20, 1)):
            places[quadrant + kind] = (side * x[k], y[k], float(np.arctan2(-1, side * slope)))
    return places
