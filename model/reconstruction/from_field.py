"""From a vector field to a surface: points flow onto the jaw, multiply there, and are joined to a mesh."""

import numpy as np
import torch
from torch.nn.functional import normalize

from model.geometry.neighbours import IndexedPoints, nearest_neighbours
from model.geometry.surface import surface_of
from model.networks.field import FieldNetwork
from model.reconstruction.result import Reconstruction
from scans.mesh import LABELS, Mesh
from scans.sampling.sample_surface import sample_surface

ROUNDS = 3  # in which the first points flow onto the surface
MAX_RESIDUAL = 0.045  # first points that are still farther than this from the surface are given up
DECIMATION_CELL = 0.02  # edge of the cells of which each keeps one of the first points
SPREAD = 0.03  # standard deviation, along the surface, of the points that take their place
TARGET_POINTS = 35_000  # points that the surface is made of, about
ON_SURFACE = 0.014  # of these, those count whose distance to the surface is estimated to be less
VOXEL = 0.012  # edge of the mesh, about; half a millimetre
CHUNK = 1024  # points asked about at a time: what is computed of them fits a core's cache

# All lengths are in jaw radii.


@torch.inference_mode()
def reconstruct_surface(
    network: FieldNetwork,
    views: np.ndarray,
    view_mask: np.ndarray,
    cameras: np.ndarray,
    points: int,
    rng: np.random.Generator,
) -> Reconstruction:
    """Let points flow along the field and make a labelled mesh of where they end.

    The network's starting points, which lie where the training jaws have their surfaces, move by their offsets a few
    times (as in NDF, Chibane et al. 2020, algorithm 1); those that have not arrived are given up. The others are
    thinned to even density and replaced by several points beside each, which move twice more and are joined to a
    surface, from which the result's points are drawn evenly (blue noise), however the field gathered them.

    Args:
        network: in evaluation mode.
        views: (V, H, W) or (V, H, W, 3) uint8; what stands in absent places is never read.
        view_mask: (V,) bool.
        cameras: (V, 23), as in the shards.
        points: N.
        rng: the only source of chance.

    Returns:
        With mesh, normals, labels and radius. A network that has learnt nothing yet may make no surface: then `points`
        are some of those that flowed, and there is neither mesh nor normals nor labels.
    """
    device = next(network.parameters()).device
    batch = (torch.from_numpy(np.ascontiguousarray(array))[None].to(device) for array in (views, view_mask, cameras))
    seen = network.encode(*batch)

    def query(at: np.ndarray) -> tuple[np.ndarray, ...]:
        """Where points (P, 3) flow to, and normals (P, 3), distances (P,) and classes (P,) there."""
        parts = []
        for start in range(0, len(at), CHUNK):
            answer = network.query(seen, torch.from_numpy(at[start : start + CHUNK])[None].to(device))
            normals = normalize(answer.normals[0], dim=-1)
            parts.append((answer.projected[0], normals, answer.distances[0], answer.class_logits[0].argmax(dim=-1)))
        return tuple(torch.cat(column).float().cpu().numpy() for column in zip(*parts, strict=True))

    first = network.seed_points.cpu().numpy()
    for _ in range(ROUNDS):
        first, normals, distances, _ = query(first)
    arrived, upright = first[distances < MAX_RESIDUAL], normals[distances < MAX_RESIDUAL]
    radius = float(network.query(seen, network.seed_points[None, :1]).log_radius.exp())
    if len(arrived) == 0:
        return Reconstruction(_some(first, points, rng), radius=radius)
    kept = np.unique(np.floor(arrived / DECIMATION_CELL).astype(np.int64), axis=0, return_index=True)[1]
    kept = np.repeat(kept, max(1, round(TARGET_POINTS / len(kept))))
    beside = rng.normal(0, SPREAD, (len(kept), 3)).astype(np.float32)
    beside -= (beside * upright[kept]).sum(axis=1, keepdims=True) * upright[kept]  # along the surface
    around, *_ = query(arrived[kept] + beside)
    around, normals, distances, class_logits = query(around)
    on_surface = distances < ON_SURFACE
    around, normals, class_logits = around[on_surface], normals[on_surface], class_logits[on_surface].astype(np.int64)
    mesh = _mesh(around, normals, np.array(LABELS, np.uint8)[class_logits]) if on_surface.any() else None
    if mesh is None:
        return Reconstruction(_some(arrived, points, rng), radius=radius)
    samples = sample_surface(mesh, points, rng)
    return Reconstruction(samples.points.astype(np.float32), samples.normals, samples.labels, mesh, radius)


def _mesh(points: np.ndarray, normals: np.ndarray, labels: np.ndarray) -> Mesh | None:
    vertices, faces = surface_of(points, normals, VOXEL)
    if not len(faces):
        return None
    nearest_points = nearest_neighbours(
        IndexedPoints.build(torch.from_numpy(vertices)), IndexedPoints.build(torch.from_numpy(points))
    )
    return Mesh(vertices, faces, labels[nearest_points.numpy()])


def _some(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    return points[rng.choice(len(points), count, replace=count > len(points))]
