"""Sizes of a jaw, as orthodontists and anatomists measure them: extents, arch, vault, crowns, and its normals.

They describe sets of jaws, such as synthetic ones beside scans; no data is made by them. Frame: millimetres, crowns to
+z, incisors at -y, the patient's right at +x.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from scans.mesh import GINGIVA, Mesh

TOP = 99.0  # percentile of the points' heights that is taken for the occlusal plane
MIDLINE = 3.0  # mm to either side, where the vault is looked at
NORMAL_BINS = 6
CROWN_SIZES = ("mesiodistal", "buccolingual", "height")
# The teeth of the arch from the last on the patient's right to the last on the left.
ARCH = (*range(18, 10, -1), *range(21, 29))


@dataclass(frozen=True, slots=True)
class Morphometry:
    """The sizes of one jaw, mm; None where it has no labels, or lacks the teeth that the size is taken between.

    Attributes:
        width, depth, height: extents along x, y and z.
        vault_depth: from the occlusal plane, the height that 99 % of the surface lie below, to the palate: the median
            over cells of 1 mm of the highest point, within 3 mm of the middle and in the middle third from front to
            back. None where no surface is there.
        arch_width: between the centres of the first molars' crowns, seen from above.
        canine_width: between those of the canines.
        arch_depth: along y, from the front of the foremost incisor to the middle of the first molars' centres.
        gingiva_fraction: of the surface, that which is no tooth.
        normals: fractions of the surface by the z component of its normals, in six equal steps from −1 to 1; a sphere
            has a sixth in each.
        crowns: by FDI number mesiodistal and buccolingual width and height of the visible crown: its extents along the
            arch, across it and along z. The arch runs horizontally from the centre of the tooth before to that of the
            tooth behind.
    """

    width: float
    depth: float
    height: float
    vault_depth: float | None
    arch_width: float | None
    canine_width: float | None
    arch_depth: float | None
    gingiva_fraction: float | None
    normals: tuple[float, ...]
    crowns: dict[int, tuple[float, float, float]]


def measure(mesh: Mesh, points: np.ndarray, normals: np.ndarray, labels: np.ndarray) -> Morphometry:
    """Measure a jaw.

    Args:
        mesh: in millimetres.
        points: (N, 3) evenly on its surface, with `normals` (N, 3) and `labels` (N,) FDI, all 0 where it has none.
    """
    width, depth, height = np.ptp(mesh.vertices, axis=0).tolist()
    labelled = mesh.labels is not None and bool(labels.any())
    crowns = {fdi: mesh.vertices[mesh.labels == fdi] for fdi in ARCH} if labelled else {}
    crowns = {fdi: own for fdi, own in crowns.items() if len(own)}
    centres = {fdi: own.mean(axis=0) for fdi, own in crowns.items()}
    counts = np.histogram(normals[:, 2], NORMAL_BINS, (-1 - 1e-6, 1 + 1e-6))[0]
    return Morphometry(
        width,
        depth,
        height,
        _vault_depth(points),
        _between(centres, 16, 26),
        _between(centres, 13, 23),
        _arch_depth(crowns, centres),
        float((labels == GINGIVA).mean()) if labelled else None,
        tuple((counts / len(normals)).tolist()),
        crown_sizes(crowns),
    )


def _vault_depth(points: np.ndarray) -> float | None:
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low + high) / 2
    near = (np.abs(points - middle) <= [MIDLINE, (high - low)[1] / 6, np.inf]).all(axis=1)
    if not near.any():
        return None
    cells = np.floor(points[near, :2]).astype(np.int64)
    _, cell = np.unique(cells, axis=0, return_inverse=True)
    tops = np.full(cell.max() + 1, -np.inf)
    np.maximum.at(tops, cell.ravel(), points[near, 2])
    return float(np.percentile(points[:, 2], TOP) - np.median(tops))


def _between(centres: dict[int, np.ndarray], right: int, left: int) -> float | None:
    if right not in centres or left not in centres:
        return None
    return float(np.linalg.norm((centres[right] - centres[left])[:2]))


def _arch_depth(crowns: dict[int, np.ndarray], centres: dict[int, np.ndarray]) -> float | None:
    fronts = [float(crowns[fdi][:, 1].min()) for fdi in (11, 21) if fdi in crowns]
    if not fronts or not {16, 26} <= set(centres):
        return None
    return float((centres[16] + centres[26])[1] / 2 - min(fronts))


def crown_sizes(crowns: dict[int, np.ndarray], *, tails: float = 0.0) -> dict[int, tuple[float, float, float]]:
    """By FDI number mesiodistal and buccolingual width and height of crowns (see `Morphometry`), in their points' unit.

    Args:
        crowns: by FDI number, in the order of `ARCH`, (N, 3) points on each.
        tails: fraction of a crown's points at either end that an extent leaves out, for some may have a wrong label.

    Returns:
        nothing where there is but one crown, for it tells no direction of the arch.
    """
    sizes = {}
    order = list(crowns)
    centres = {fdi: own.mean(axis=0) for fdi, own in crowns.items()}
    for place, fdi in enumerate(order) if len(order) > 1 else ():
        before, behind = order[max(place - 1, 0)], order[min(place + 1, len(order) - 1)]
        along = (centres[behind] - centres[before])[:2]
        along /= np.linalg.norm(along)
        x, y, z = crowns[fdi].T
        axes = np.stack([along[0] * x + along[1] * y, along[0] * y - along[1] * x, z])
        low, high = np.quantile(axes, [tails, 1 - tails], axis=1)
        mesiodistal, buccolingual, height = map(float, high - low)
        sizes[fdi] = (mesiodistal, buccolingual, height)
    return sizes


def summarise(jaws: Sequence[Morphometry]) -> dict[str, Any]:
    """Mean and standard deviation of each size over the jaws that have it, and how many these are.

    Returns:
        By the name of the size `{"mean", "deviation", "jaws"}`, or None where no jaw has it; a list of six of these
        under `normals`; under `crowns`, by FDI number as text, those of CROWN_SIZES.
    """
    found: dict[str, Any] = {}
    for field in fields(Morphometry):
        values = [getattr(jaw, field.name) for jaw in jaws]
        match field.name:
            case "normals":
                found["normals"] = [_spread(column) for column in zip(*values, strict=True)]
            case "crowns":
                sizes = {fdi: [own[fdi] for own in values if fdi in own] for fdi in ARCH}
                found["crowns"] = {
                    str(fdi): dict(zip(CROWN_SIZES, map(_spread, zip(*own, strict=True)), strict=True))
                    for fdi, own in sizes.items()
                    if own
                }
            case name:
                found[name] = _spread([value for value in values if value is not None])
    return found


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    if not len(values):
        return None
    return {"mean": float(np.mean(values)), "deviation": float(np.std(values)), "jaws": len(values)}
