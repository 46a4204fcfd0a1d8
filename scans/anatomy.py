"""What is normal: sizes, levels and inclinations of upper teeth, and the arch that they stand on.

Crown sizes and the arch are the population norms of a public statistical model of tooth crowns; inclinations
follow Andrews' six keys. Angles are in degrees, lengths in millimetres.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ToothNorm:
    """The mean tooth of one kind (1 central incisor ... 8 third molar).

    Attributes:
        size: mean mesiodistal and buccolingual width and crown height.
        spread: their standard deviations.
        level: height of the incisal edge or highest cusp over the occlusal plane.
        inclination: lean of the crown towards the cheek or lip.
        angulation: lean of the crown towards the midline.
    """

    size: tuple[float, float, float]
    spread: tuple[float, float, float]
    level: float
    inclination: float
    angulation: float


TEETH = {
    1: ToothNorm((8.3, 7.5, 9.0), (0.4, 0.5, 0.6), 0.0, 19.0, 2.5),
    2: ToothNorm((6.9, 6.5, 7.5), (0.5, 0.4, 0.6), -0.6, 17.0, 4.5),
    3: ToothNorm((7.9, 7.5, 8.6), (0.4, 0.4, 0.7), 0.3, 9.0, 6.0),
    4: ToothNorm((7.3, 9.3, 7.1), (0.3, 0.4, 0.7), -0.2, 2.0, 2.0),
    5: ToothNorm((7.0, 9.2, 5.9), (0.4, 0.3, 0.7), -0.5, 2.0, 2.0),
    6: ToothNorm((10.9, 11.2, 6.3), (0.3, 0.4, 0.6), -0.6, 3.0, 2.0),
    7: ToothNorm((9.7, 11.0, 6.9), (0.4, 0.3, 0.7), -1.0, 6.0, 0.0),
    8: ToothNorm((8.5, 10.0, 6.5), (0.6, 0.6, 0.8), -2.0, 10.0, -4.0),
}

# The line through the contact points, d millimetres behind the incisors at x beside the midline:
# d = a x⁶ + b x⁴ + c x². It is the norms' curve of incisal edges and buccal cusps, d = 2.28e-5 x⁴ + 0.0257 x², moved
# inwards by 0.4 (incisors) to 3.0 mm (molars).
CONTACT_LINE = (-2.07e-8, 5.17e-5, 0.0300)
