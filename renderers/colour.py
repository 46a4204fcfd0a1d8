"""How a jaw looks by chance: tones and gloss of teeth and gingiva, and where the light comes from.

For networks that must face photographs: what differs from mouth to mouth and from camera to camera should tell them
nothing. The ranges are wide around the sRGB tones of dental shade guides and of healthy gingiva; they are not measured.
"""

import math

import numpy as np

from renderers.rasteriser.shading import ColourShading

_TEETH = (0.78, 0.69, 0.50)  # linear RGB
_GINGIVA = (0.52, 0.16, 0.15)


def random_look(chance: np.random.Generator, *, light: float, background: int) -> ColourShading:
    """A look drawn by chance.

    Args:
        chance: Where all of it is drawn from.
        light: Middle of the light's intensity, as for `Shading`; the drawn one is within a third of it. Teeth are
            brighter than `Shading`'s grey, so half of it goes into the light.
        background: Grey value of the picture where there is no jaw.

    Returns:
        Tones within a sixth of the middle ones in brightness and in each channel; roughness from wet (0.25) to
        dry (0.7); a light up to 35 degrees beside the camera; an ambient light of 0.05 to 0.25.
    """
    aside, turn = math.radians(35) * math.sqrt(chance.uniform()), chance.uniform(0, 2 * math.pi)
    direction = (math.sin(aside) * math.cos(turn), math.sin(aside) * math.sin(turn), math.cos(aside))
    return ColourShading(
        teeth=_toned(_TEETH, chance),
        gingiva=_toned(_GINGIVA, chance),
        teeth_roughness=chance.uniform(0.25, 0.7),
        gingiva_roughness=chance.uniform(0.25, 0.7),
        direction=direction,
        light=0.5 * light * chance.uniform(2 / 3, 4 / 3),
        ambient=chance.uniform(0.05, 0.25),
        background=background,
    )


def _toned(color: tuple[float, float, float], chance: np.random.Generator) -> tuple[float, float, float]:
    """A colour, brighter or darker and of another hue."""
    brightness, *hue = chance.uniform(5 / 6, 7 / 6, 4)
    red, green, blue = (min(channel * brightness * factor, 1.0) for channel, factor in zip(color, hue, strict=True))
    return red, green, blue
