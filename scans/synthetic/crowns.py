"""The outlines of upper crowns: each tooth's sides, root and crown, as the table of radii that `field` reads.

A crown lives in its own frame: u runs distally, v to the lip or cheek, w to the occlusal side, the origin on the long
axis at the height of the gum margin. Outlines come from a profile (for each height the half widths to mesial, distal,
facial and lingual) and a cross-section (a superellipse of two exponents), with the relief of the faces added.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy.interpolate import PchipInterpolator

from scans.elementary import atan2, exp, power
from scans.synthetic import ranges
from scans.synthetic.field import OVER, ROOT
from scans.synthetic.patient import Tooth
from scans.synthetic.relief import relief

HEIGHTS = 72  # rows of an outline
DIRECTIONS = 96  # round it

# Outlines: at fractions of the crown height, half widths in units of half the mesiodistal width (mesial, distal), and
# the facial and lingual contours in units of the buccolingual width. Below 0 lies the root.
_OUTLINES = {
    "central": (
        (-0.8, -0.3, 0.0, 0.15, 0.35, 0.55, 0.75, 0.90, 1.00, 1.15),
        (0.50, 0.66, 0.75, 0.82, 0.905, 0.965, 1.0, 0.995, 0.97, 0.95),
        (0.50, 0.65, 0.74, 0.81, 0.905, 0.975, 1.0, 0.97, 0.92, 0.88),
        (0.36, 0.44, 0.475, 0.50, 0.475, 0.425, 0.345, 0.265, 0.205, 0.12),
        (-0.36, -0.45, -0.49, -0.50, -0.43, -0.26, -0.10, -0.005, 0.045, 0.06),
    ),
    "lateral": (
        (-0.8, -0.3, 0.0, 0.15, 0.35, 0.55, 0.75, 0.90, 1.00, 1.15),
        (0.50, 0.64, 0.73, 0.80, 0.90, 0.97, 1.0, 0.98, 0.93, 0.88),
        (0.50, 0.64, 0.73, 0.80, 0.91, 0.985, 0.99, 0.92, 0.83, 0.75),
        (0.36, 0.44, 0.475, 0.50, 0.475, 0.425, 0.345, 0.265, 0.205, 0.12),
        (-0.36, -0.45, -0.49, -0.50, -0.42, -0.25, -0.10, -0.005, 0.045, 0.06),
    ),
    "canine": (
        (-0.8, -0.3, 0.0, 0.20, 0.40, 0.58, 0.75, 0.90, 1.00, 1.15),
        (0.52, 0.64, 0.71, 0.81, 0.91, 0.985, 1.0, 0.95, 0.88, 0.80),
        (0.52, 0.64, 0.71, 0.82, 0.94, 1.0, 0.985, 0.92, 0.85, 0.78),
        (0.38, 0.44, 0.465, 0.50, 0.485, 0.44, 0.365, 0.285, 0.225, 0.14),
        (-0.38, -0.45, -0.48, -0.50, -0.45, -0.35, -0.22, -0.09, -0.02, 0.03),
    ),
    "premolar": (
        (-0.9, -0.3, 0.0, 0.20, 0.42, 0.58, 0.75, 0.90, 1.00, 1.15),
        (0.52, 0.63, 0.70, 0.82, 0.95, 1.0, 0.99, 0.94, 0.89, 0.82),
        (0.52, 0.63, 0.70, 0.82, 0.95, 1.0, 0.985, 0.93, 0.88, 0.81),
        (0.36, 0.42, 0.445, 0.495, 0.498, 0.475, 0.435, 0.385, 0.345, 0.28),
        (-0.36, -0.41, -0.435, -0.475, -0.50, -0.495, -0.465, -0.42, -0.38, -0.31),
    ),
    "molar": (
        (-1.0, -0.3, 0.0, 0.20, 0.42, 0.60, 0.78, 0.90, 1.00, 1.15),
        (0.60, 0.70, 0.765, 0.87, 0.965, 1.0, 0.985, 0.95, 0.91, 0.84),
        (0.60, 0.70, 0.765, 0.87, 0.965, 1.0, 0.98, 0.94, 0.90, 0.83),
        (0.38, 0.43, 0.455, 0.495, 0.495, 0.475, 0.44, 0.41, 0.375, 0.31),
        (-0.38, -0.42, -0.44, -0.475, -0.50, -0.495, -0.465, -0.43, -0.395, -0.33),
    ),
}
_KINDS = {1: "central", 2: "lateral", 3: "canine", 4: "premolar", 5: "premolar", 6: "molar", 7: "molar", 8: "molar"}


class Section(NamedTuple):
    """The shape of a crown's cross-section.

    Attributes:
        facial: exponent of the outline's superellipse on the facial side.
        lingual: the same on the lingual side.
        taper: narrowing towards lingual, per half depth.
        skew: shift to distal per mm towards lingual (the molars' rhombus).
        rim: mm over which the occlusal rim is rounded.
        centre: where between the lingual and the facial contour the outline is widest.
    """

    facial: float
    lingual: float
    taper: float
    skew: float
    rim: float
    centre: float


# Relief and blending with the neighbours add to a crown's widths, the rounding of edges takes from its height: what to
# make it from so that it measures its size.
_NET = {
    "central": (0.975, 0.975, 1.03),
    "lateral": (0.98, 0.97, 1.03),
    "canine": (0.985, 0.975, 1.025),
    "premolar": (1.0, 0.98, 1.02),
    "molar": (0.99, 0.99, 1.0),
}

_SECTIONS = {
    "central": Section(2.8, 2.0, 0.30, 0.0, 0.55, 0.60),
    "lateral": Section(2.4, 2.0, 0.27, 0.03, 0.55, 0.60),
    "canine": Section(2.1, 2.0, 0.16, 0.04, 0.60, 0.58),
    "premolar": Section(2.3, 2.2, 0.07, 0.05, 0.75, 0.50),
    "molar": Section(2.9, 2.6, 0.02, 0.10, 0.85, 0.50),
}


class Outline(NamedTuple):
    """The sides of a tooth; see `tables.Crowns`.

    Attributes:
        centre: (HEIGHTS,) along v.
        inverse: (DIRECTIONS + 1, HEIGHTS) of the radius, in the L1 norm.
        cosine: (DIRECTIONS + 1, HEIGHTS) between normal and radius.
        rim: roundness of the edge to the chewing surface.
    """

    centre: np.ndarray
    inverse: np.ndarray
    cosine: np.ndarray
    rim: float


def shape_of(tooth: Tooth) -> int:
    """The kind of tooth whose anatomy a tooth has: that of first molars where it is a second deciduous molar."""
    return 6 if tooth.form == "deciduous" and tooth.kind == 5 else tooth.kind


def net_size(tooth: Tooth) -> np.ndarray:
    """(3,) mesiodistal and buccolingual width and height, mm, of the plain outline under a tooth's crown."""
    return np.array(tooth.size) * _NET[_KINDS[shape_of(tooth)]]


def outline(tooth: Tooth, rng: np.random.Generator) -> Outline:
    """Draw the sides of a tooth."""
    name = _KINDS[shape_of(tooth)]
    section = _SECTIONS[name]
    mesial, distal, facial, lingual, centre = (column[None, :] for column in _profile(tooth, name, rng).T)
    # The directions of `field.direction`, by which the tables are read.
    step = np.linspace(0, 4, DIRECTIONS + 1)[:, None]
    y = np.where(step <= 2, step - 1, 3 - step)
    x = np.where(step <= 2, 1, -1) * (1 - np.abs(y))
    angle = atan2(y, x)
    angle[-1] = angle[0] + 2 * math.pi
    length = np.sqrt(x * x + y * y)
    x, y = x / length, y / length
    square = rng.normal(0, ranges.SQUARE, 2)
    blend = 0.5 + 0.5 * y
    exponent = section.lingual + square[1] + (section.facial + square[0] - section.lingual - square[1]) * blend
    exponent = np.maximum(exponent, 1.7) + np.zeros_like(centre)
    taper = section.taper + rng.normal(0, 0.04)
    deep = np.where(y > 0, facial, lingual)
    across = np.abs(x + section.skew * y)
    # How far lingual the outline is narrows it, and depends on its width: one step from the plain one is near enough.
    side = np.where(x < 0, mesial, distal)
    radius = _radius(across / side, np.abs(y) / deep, exponent)
    off = np.clip(radius * y / deep, -1, 1)
    radius = _radius(across / (side * (1 + taper * off * np.where(y > 0, 0.35, 1.0))), np.abs(y) / deep, exponent)
    t = np.linspace(-ROOT, net_size(tooth)[2] + OVER, HEIGHTS)[None, :]
    radius = radius + relief(tooth, shape_of(tooth), angle, t, radius, rng)
    if tooth.form == "prepared":
        radius = _ground(radius, t, rng)
    radius = np.maximum(radius, 0.25)
    slope = np.gradient(np.concatenate([radius[-2:-1], radius, radius[1:2]]), axis=0)[1:-1]
    slope /= np.gradient(np.concatenate([angle[-2:-1] - 2 * math.pi, angle, angle[1:2] + 2 * math.pi]), axis=0)[1:-1]
    rise = np.gradient(radius, t[0, 1] - t[0, 0], axis=1)
    cosine = 1 / np.sqrt(1 + (slope / radius) ** 2 + np.minimum(rise**2, 1.0))
    rim = section.rim * rng.uniform(0.7, 1.3)
    inverse = 1 / (radius * (np.abs(x) + np.abs(y)))
    return Outline(centre[0], inverse, np.maximum(cosine, 0.4), rim)


def _profile(tooth: Tooth, name: str, rng: np.random.Generator) -> np.ndarray:
    """(HEIGHTS, 5): half widths mesial, distal, facial, lingual, and the centre along v, in mm."""
    at, mesial, distal, facial, lingual = (np.asarray(row) for row in _OUTLINES[name])
    wide, deep, high = net_size(tooth)
    t = np.clip(np.linspace(-ROOT, high + OVER, HEIGHTS) / high, at[0], at[-1])
    neck = 1 + rng.normal(0, ranges.NECK) * np.clip(1 - at / 0.6, 0, 1.5)
    if tooth.form == "peg":
        neck = neck * np.clip(1.12 - 0.62 * at, 0.35, 1.2)
    belly = rng.normal(0, ranges.BELLY, 2) * exp(-(((at - 0.35) / 0.25) ** 2))[:, None]
    if tooth.form == "deciduous":  # bulging above a narrow neck
        belly = belly + 0.03 * exp(-(((at - 0.2) / 0.15) ** 2))[:, None]
    edge: float | np.ndarray = 0.0
    if tooth.kind <= 3:  # incisal edges differ in thickness, which the lingual face gives
        edge = (rng.uniform(*ranges.EDGE_THICK) - 1) * 0.16 * np.clip((at - 0.5) / 0.4, 0, 1)
    sides = PchipInterpolator(at, np.stack([mesial * neck, distal * neck], axis=1))(t) * wide / 2
    faces = PchipInterpolator(at, np.stack([facial + belly[:, 0], lingual - belly[:, 1] - edge], axis=1))(t) * deep
    front, back = faces[:, 0], faces[:, 1]
    centre = back + (front - back) * _SECTIONS[name].centre
    return np.stack([sides[:, 0], sides[:, 1], front - centre, centre - back, centre], axis=1)


def _radius(across: np.ndarray, along: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """The radius of a superellipse in a direction of which these are the components by the half widths."""
    return 1 / power(power(across + 1e-9, exponent) + power(along + 1e-9, exponent), 1 / exponent)


def _ground(radius: np.ndarray, t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The sides of a tooth prepared for a crown: a cone above a shoulder near the gum margin."""
    shoulder, taper, level = rng.uniform(0.1, 0.9), math.radians(rng.uniform(2, 14)), rng.uniform(-0.3, 1.2)
    neck = radius[:, np.argmin(np.abs(t[0] - level))][:, None]
    above = np.clip((t - level) / 0.4, 0, 1)
    cone = neck - above * shoulder - taper * np.maximum(t - level, 0)
    return np.where(t > level, np.minimum(cone, radius - above * rng.uniform(0.5, 1.0)), radius)
