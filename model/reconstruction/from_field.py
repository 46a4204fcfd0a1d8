"""From a distance field to a surface: points are projected onto it, upsampled, and meshed."""

from collections.abc import Callable

import numpy as np
import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch.nn.functional import normalize

from model.geometry.field import FieldPrediction
from model.geometry.neighbours import IndexedPoints, nearest_neighbours
from model.geometry.surface import surface_of
from model.reconstruction.result import Reconstruction
from scans.mesh import LABELS, Mesh
from scans.sampling.sample_surface import sample_surface

# Query points at a time: on a CPU their features fit a core's cache, on a GPU (about 0.5 GB) a launch pays off.
CHUNK = {"cpu": 1 << 10}
CHUNK_OF_OTHERS = 1 << 15


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ReconstructionConfig:
    """How a surface is made of a distance field. Lengths are in jaw radii.

    Attributes:
        projection_rounds: how often the seed points are projected onto the surface.
        max_residual: seed points whose unsigned distance is still more are dropped.
        decimation_cell: edge of the cells of which each keeps one of the others.
        tangential_jitter: standard deviation, along the surface, of the points that replace each of these.
        target_points: about how many points the surface is made of.
        max_distance: of these, points whose unsigned distance is more are dropped.
        voxel: edge of the meshing grid, and about the length of the mesh's edges.
        trim: voxels; vertices farther than this from every point are removed as extrapolation.
        min_component_fraction: components with fewer faces than this fraction of the largest one's are removed.
    """

    projection_rounds: int
    max_residual: float
    decimation_cell: float
    tangential_jitter: float
    target_points: int
    max_distance: float
    voxel: float
    trim: float
    min_component_fraction: float


def reconstruct_surface(
    field: Callable[[torch.Tensor], FieldPrediction],
    seed_points: torch.Tensor,
    config: ReconstructionConfig,
    *,
    radius: float,
    points: int,
    rng: np.random.Generator,
) -> Reconstruction:
    """Project points onto the zero set of a field and make a labelled mesh of them.

    The seed points are projected a few times (as in NDF, Chibane et al. 2020, algorithm 1), decimated to even density,
    and replaced by several points jittered along the surface, which are projected twice more and meshed. The result's
    points are sampled evenly on the mesh (Poisson disk), whatever the density of the projected ones.

    Args:
        field: query points (1, Q, 3) → predictions, without gradient.
        seed_points: (S, 3), on the device of `field`.
        radius: predicted jaw radius in mm, passed through.
        points: N.
        rng: source of all randomness.

    Returns:
        With mesh, normals, labels and radius. An untrained network may yield no surface: then `points` are some of the
        projected ones, without mesh, normals and labels.
    """
    device = seed_points.device
    chunk = CHUNK.get(device.type, CHUNK_OF_OTHERS)

    def query(at: np.ndarray) -> tuple[np.ndarray, ...]:
        """Projections (P, 3), unit normals (P, 3), unsigned distances (P,) and classes (P,) of points (P, 3)."""
        parts = []
        for start in range(0, len(at), chunk):
            found = field(torch.from_numpy(at[start : start + chunk])[None].to(device))
            normals = normalize(found.normals[0], dim=-1)
            classes = found.class_logits[0].argmax(dim=-1)
            parts.append((found.projected[0], normals, found.unsigned_distances[0], classes))
        return tuple(torch.cat(column).float().cpu().numpy() for column in zip(*parts, strict=True))

    seeds = seed_points.cpu().numpy()
    for _ in range(config.projection_rounds):
        seeds, normals, residuals, _ = query(seeds)
    close = residuals < config.max_residual
    kept, upright = seeds[close], normals[close]
    if len(kept) == 0:
        return Reconstruction(_sample(seeds, points, rng), radius=radius)
    cells = np.floor(kept / config.decimation_cell).astype(np.int64)
    index = np.unique(cells, axis=0, return_index=True)[1]
    index = np.repeat(index, max(1, round(config.target_points / len(index))))
    jitter = rng.normal(0, config.tangential_jitter, (len(index), 3)).astype(np.float32)
    jitter -= (jitter * upright[index]).sum(axis=1, keepdims=True) * upright[index]  # along the surface
    dense, *_ = query(kept[index] + jitter)
    dense, normals, residuals, classes = query(dense)
    on_surface = residuals < config.max_distance
    dense, normals, labels = dense[on_surface], normals[on_surface], LABEL_OF[classes[on_surface].astype(np.int64)]
    mesh = _mesh(dense, normals, labels, config) if on_surface.any() else None
    if mesh is None:
        return Reconstruction(_sample(kept, points, rng), radius=radius)
    samples = sample_surface(mesh, points, rng)
    return Reconstruction(samples.points.astype(np.float32), samples.normals, samples.labels, mesh, radius)


def _mesh(points: np.ndarray, normals: np.ndarray, labels: np.ndarray, config: ReconstructionConfig) -> Mesh | None:
    vertices, faces = surface_of(
        points, normals, config.voxel, trim=config.trim, min_component_fraction=config.min_component_fraction
    )
    if not len(faces):
        return None
    nearest = nearest_neighbours(
        IndexedPoints.build(torch.from_numpy(vertices)), IndexedPoints.build(torch.from_numpy(points))
    )
    return Mesh(vertices, faces, labels[nearest.numpy()])


def _sample(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    return points[rng.choice(len(points), count, replace=count > len(points))]


LABEL_OF = np.array(LABELS, np.uint8)
