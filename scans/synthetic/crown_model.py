"""A statistical shape model of real crowns: means, modes, and how poses and sizes vary.

Of SJTUzhou/3D-Teeth-Reconstruction-from-Five-Intra-oral-Images (see `crown_files`), made from the scans of about 130
patients. What its files mean was found by looking:

- Of the 4500 components of a mode, three in a row are x, y and z of one point: neighbours on the crown then move alike
  (they differ by 0.16 standard deviations; by axis, as strangers do).
- x runs to the patient's left (FDI 1x at -x), y from the crowns' tips to the gum (a central incisor is thin and wide at
  its least y), z to the front, in mm about the middle of the arch.
- Crowns are closed: points lie on the cut at the gum too. Normals are right but for their signs.
- Poses vary by translation along x, y and z, mm, then by rotation about them, radians; sizes by a factor.
"""

import heapq
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from scans.errors import UserError
from scans.vectors import dot, norm, ordered_sum, tangents, unit

TEETH = (*range(11, 18), *range(21, 28))
ROWS = {fdi: n for n, fdi in enumerate((*range(11, 18), *range(21, 28), *range(31, 38), *range(41, 48)))}
MODES = 40  # of 100; the rest hold under 2 % of the variance
NEIGHBOURS = 10  # of a point, of which its normal and the distance near it are made


@dataclass(frozen=True, slots=True)
class MeanCrown:
    """One tooth of the model, in the Teeth3DS frame; P points.

    Attributes:
        points: (P, 3) mm, where the mean crown stands in the mean arch.
        normals: (P, 3) outward.
        neighbours: (P, NEIGHBOURS) on the same side of the crown.
        modes: (MODES, P, 3) mm, one standard deviation each.
        plane: (2, P, NEIGHBOURS) weights of the ways to the neighbours that add up to two tangents.
        pose: (6, 6) lower Cholesky factor of the pose's covariance.
    """

    points: np.ndarray
    normals: np.ndarray
    neighbours: np.ndarray
    modes: np.ndarray
    plane: np.ndarray
    pose: np.ndarray


@dataclass(frozen=True, slots=True)
class CrownModel:
    """The model.

    Attributes:
        crowns: by FDI number.
        scale: (14, 14) lower Cholesky factor of the covariance of the sizes of TEETH.
    """

    crowns: dict[int, MeanCrown]
    scale: np.ndarray


@lru_cache(maxsize=1)
def read_model(folder: Path) -> CrownModel:
    """Read the model from the files of `crown_files`.

    Raises:
        UserError: a file is missing, or not what it should be.
    """
    normals = _array(folder / "Mu_normals.npy", (len(ROWS), None, 3))
    poses = _array(folder / "PoseCovMats.npy", (len(ROWS), 6, 6))
    scale = _array(folder / "ScaleCovMat.npy", (len(ROWS), len(ROWS)))
    upper = [ROWS[fdi] for fdi in TEETH]
    crowns = {}
    for fdi in TEETH:
        points = _array(folder / f"meanAlignedPG_{fdi}.npy", (normals.shape[1], 3))
        vectors = _array(folder / f"eigVec_{fdi}.npy", (3 * len(points), None))
        values = _array(folder / f"eigVal_{fdi}.npy", (vectors.shape[1],))
        modes = (vectors * np.sqrt(np.maximum(values, 0.0)))[:, :MODES].T.reshape(-1, len(points), 3)
        crowns[fdi] = _mean_crown(_turned(points), _turned(modes), _turned(normals[ROWS[fdi]]), poses[ROWS[fdi]])
    return CrownModel(crowns, _factor(scale[np.ix_(upper, upper)]))


def _array(path: Path, shape: tuple[int | None, ...]) -> np.ndarray:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: can't be read as a file of the crowns' model ({error}). Get it again, or delete it to have it "
            "downloaded"
        ) from None
    fits = array.ndim == len(shape) and all(n in (None, m) for n, m in zip(shape, array.shape, strict=True))
    if not fits or array.dtype.kind != "f" or not np.isfinite(array).all():
        raise UserError(f"{path}: expected finite numbers of shape {shape}, got {array.dtype} of {array.shape}")
    return array.astype(np.float64)


def _turned(vectors: np.ndarray) -> np.ndarray:
    """From the model's axes to Teeth3DS's: patient right at +x, incisors at -y, crowns to +z."""
    return np.stack([-vectors[..., 0], -vectors[..., 2], -vectors[..., 1]], axis=-1)


def _mean_crown(points: np.ndarray, modes: np.ndarray, normals: np.ndarray, pose: np.ndarray) -> MeanCrown:
    _, near = cKDTree(points).query(points, min(3 * NEIGHBOURS, len(points)))
    near = near[:, 1:]
    normals = _outward(points, unit(normals), near)
    # Neighbours across a thin edge belong to the other side: those of like normal come first.
    alike = dot(normals[near], normals[:, None]) > 0.3
    order = np.argsort(~alike, axis=1, kind="stable")[:, :NEIGHBOURS]
    neighbours = np.take_along_axis(near, order, axis=1)
    first, second = tangents(normals)
    ways = points[neighbours] - points[:, None]
    a, b = dot(ways, first[:, None]), dot(ways, second[:, None])
    aa, ab, bb = dot(a, a), dot(a, b), dot(b, b)
    determinant = np.maximum(aa * bb - ab * ab, 1e-12)[:, None]
    plane = np.stack([bb[:, None] * a - ab[:, None] * b, aa[:, None] * b - ab[:, None] * a]) / determinant
    return MeanCrown(points, normals, neighbours, modes, plane, _factor(pose))


def _outward(points: np.ndarray, normals: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Normals with the sign outward, spread from the highest point over the likest neighbours (Hoppe et al. 1992)."""
    near = near[:, :NEIGHBOURS]
    like = dot(normals[near], normals[:, None])
    cost = (1 - np.abs(like) + 0.3 * norm(points[near] - points[:, None])).tolist()
    others, flips = near.tolist(), np.where(like > 0, 1.0, -1.0).tolist()
    start = int(points[:, 2].argmax())
    sign = [0.0] * len(points)
    todo = [(0.0, start, 1.0 if normals[start, 2] > 0 else -1.0)]
    while todo:
        _, at, way = heapq.heappop(todo)
        if sign[at]:
            continue
        sign[at] = way
        for price, other, flip in zip(cost[at], others[at], flips[at], strict=True):
            if not sign[other]:
                heapq.heappush(todo, (price, other, way * flip))
    return normals * np.where(np.array(sign) == 0, 1.0, sign)[:, None]


def _factor(covariance: np.ndarray) -> np.ndarray:
    """The lower triangular factor of a covariance (Cholesky), in an order of additions that is always the same."""
    n = len(covariance)
    lower = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            rest = covariance[i, j] - (ordered_sum(lower[i, :j] * lower[j, :j]) if j else 0.0)
            lower[i, j] = np.sqrt(max(rest, 0.0)) if i == j else rest / max(lower[j, j], 1e-9)
    return lower
