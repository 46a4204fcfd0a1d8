"""Random appearance (domain randomisation): tones and gloss of teeth and gingiva, and the direction of the light.

For networks that must cope with photographs, whose colours vary between mouths and between cameras. The ranges are
wide around the sRGB tones of dental shade guides and of healthy gingiva; they are not measured.
"""

import math

import numpy as np

from renderers.rasteriser.shading import ColourShading
from scans.elementary import cos, sin

_TEETH = (0.78, 0.69, 0.50)  # linear RGB
_GINGIVA = (0.52, 0.16, 0.15)


def random_look(rng: np.random.Generator, *, light: float, background: int) -> ColourShading:
    """Draw the appearance of a case.

    Args:
        light: Middle of the light's intensity, as for `Shading`; the drawn one is within a third of half of it, for
            teeth are brighter than `Shading`'s grey.
        background: Grey value of the picture where there is no jaw.

    Returns:
        Tones within a sixth of the middle ones in brightness and in each channel; roughness from wet (0.25) to
        dry (0.7); a light up to 35 degrees beside the camera; an ambient light of 0.05 to 0.25.
    """
    aside, turn = math.radians(35) * math.sqrt(rng.uniform()), rng.uniform(0, 2 * math.pi)
    direction = (float(sin(aside) * cos(turn)), float(sin(aside) * sin(turn)), float(cos(aside)))
    return ColourShading(
        teeth=_toned(_TEETH, rng),
        gingiva=_toned(_GINGIVA, rng),
        teeth_roughness=rng.uniform(0.25, 0.7),
        gingiva_roughness=rng.uniform(0.25, 0.7),
        direction=direction,
        light=0.5 * light * rng.uniform(2 / 3, 4 / 3),
        ambient=rng.uniform(0.05, 0.25),
        background=background,
    )


def _toned(colour: tuple[float, float, float], rng: np.random.Generator) -> tuple[float, float, float]:
    """A colour of randomly changed brightness and channels."""
    brightness, *hue = rng.uniform(5 / 6, 7 / 6, 4)
    red, green, blue = (min(channel * brightness * factor, 1.0) for channel, factor in zip(colour, hue, strict=True))
    return red, green, blue
