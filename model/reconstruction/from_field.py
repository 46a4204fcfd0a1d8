"""From a distance field to a surface: points are projected onto it, upsampled, and meshed."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Self

import numpy as np
import torch
from pydantic import ConfigDict
from pydantic.dataclasses import dataclass
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence

from model.geometry.cells import first_in_each_cell
from model.geometry.field import FieldPrediction
from model.geometry.neighbours import IndexedPoints, nearest_neighbours
from model.geometry.surface import in_large_components, smoothed, surface_of
from model.geometry.visible import viewing_cosines
from model.reconstruction.error_head import ErrorHead
from model.reconstruction.evidence import evidence_of
from model.reconstruction.radius_estimator import RadiusEstimator
from model.reconstruction.result import Confidence, Reconstruction
from scans.mesh import LABELS, Mesh
from scans.mesh_edit import compacted
from scans.sampling.sample_surface import sample_surface
from scans.vectors import tangents

# Query points at a time: on a CPU their features fit a core's cache, on a GPU (about 2 GB) a launch pays off.
CHUNK = {"cpu": 1 << 10}
CHUNK_OF_OTHERS = 1 << 17
SEED_STEP = 2  # every second seed point is projected; they lie 0.05 jaw radii apart, and all find the same surface
LOST = 0.2  # jaw radii; seed points whose unsigned distance is more after a projection are not projected again
PROBE = 0.01  # jaw radii to both sides of the surface, between which the field's slope is measured
PROBED = 4  # at every fourth point; the three after it, which lie near, have the same
SMOOTHING = 30  # rounds in which expected errors are averaged with their neighbours', over about 5 edges


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
        mirrored: whether the last projection is onto the mean of the field and that of the mirrored views (test-time
            augmentation).
        max_hidden_error: surface that no view sees is left out where its expected error is more; 0 keeps all. It needs
            an error head.
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
    max_hidden_error: float = 0.0  # as in models that were trained before it was there
    mirrored: bool = False  # likewise


def reconstruct_surfaces(
    field: Callable[[torch.Tensor], FieldPrediction],
    last_field: Callable[[torch.Tensor], FieldPrediction],
    seed_points: torch.Tensor,
    config: ReconstructionConfig,
    *,
    views: Sequence[np.ndarray],
    cameras: Sequence[np.ndarray],
    error_head: ErrorHead | None,
    radius_estimator: RadiusEstimator | None,
    radii: Sequence[float],
    points: int,
    rngs: Sequence[np.random.Generator],
) -> list[Callable[[], Reconstruction]]:
    """Project points onto the zero sets of B fields; then make a labelled mesh of each.

    Every second seed point is projected a few times (as in NDF, Chibane et al. 2020, algorithm 1), decimated to even
    density each time, and replaced by several points jittered along the surface, which are projected twice more and
    meshed. The result's points are sampled evenly on the mesh (Poisson disk), whatever the density of the projected
    ones.

    Args:
        field: query points (B, Q, 3) → predictions, without gradient.
        last_field: the same for the last projection, which decides where points lie.
        seed_points: (S, 3), on the device of `field`.
        views: B arrays (V, H, W) or (V, H, W, 3) uint8, of which the fields were made. cameras: B arrays (V, 23).
        error_head: estimates each point's error, if there is one.
        radius_estimator: improves the radii by the sizes of the crowns, if there is one.
        radii: B jaw radii in mm, predicted from the views.
        points: N.
        rngs: B sources of all randomness.

    Returns:
        B functions that do the rest on the CPU, in any thread, while the device goes on: each returns a reconstruction
        with mesh, normals, labels and radius. An untrained network may yield no surface: then `points` are some of the
        projected ones, without mesh, normals and labels.
    """
    seeds, upright, residuals, _ = _query(field, seed_points[::SEED_STEP].expand(len(radii), -1, -1))
    for _ in range(config.projection_rounds - 1):
        seeds = _thinned(seeds, residuals, config.decimation_cell)
        seeds, upright, residuals, _ = _query(field, seeds)
    projected, normals, distances = (column.cpu().numpy() for column in (seeds, upright, residuals))
    columns = (projected, normals, distances, rngs)
    jittered = [_jittered(*each, config=config) for each in zip(*columns, strict=True)]
    dense = pad_sequence([torch.from_numpy(each) for each in jittered], batch_first=True).to(seed_points.device)
    dense, *_ = _query(field, dense)
    dense, upright, *others = _query(last_field, dense)
    slopes = _slopes(field, dense[:, ::PROBED], upright[:, ::PROBED])
    slopes = slopes.repeat_interleave(PROBED, dim=1)[:, : dense.shape[1]]
    found = [column.cpu().numpy() for column in (dense, upright, *others, slopes)]

    def rest(case: int) -> Callable[[], Reconstruction]:
        own = OrientedPoints(*(column[case, : len(jittered[case])] for column in found))
        return lambda: _surface(
            own,
            projected[case],
            config,
            views[case],
            cameras[case],
            error_head,
            radius_estimator,
            radii[case],
            points,
            rngs[case],
        )

    return [rest(case) for case in range(len(radii))]


def _query(field: Callable[[torch.Tensor], FieldPrediction], points: torch.Tensor) -> list[torch.Tensor]:
    """Projections and unit normals (B, P, 3), unsigned distances and classes (B, P) of points (B, P, 3)."""
    parts = []
    for part in _chunks(points):
        found = field(part)
        normals, classes = normalize(found.normals, dim=-1), found.class_logits.argmax(dim=-1)
        parts.append((found.projected.float(), normals.float(), found.unsigned_distances.float(), classes))
    return [torch.cat(column, dim=1) for column in zip(*parts, strict=True)]


def _slopes(
    field: Callable[[torch.Tensor], FieldPrediction], points: torch.Tensor, normals: torch.Tensor
) -> torch.Tensor:
    """(B, P) by how much the signed distance rises through a surface at points (B, P, 3), as a fraction of the way."""
    outside, inside = (
        torch.cat([field(part).signed_distances.float() for part in _chunks(points + offset * normals)], dim=1)
        for offset in (PROBE, -PROBE)
    )
    return (outside - inside) / (2 * PROBE)


def _chunks(points: torch.Tensor) -> Sequence[torch.Tensor]:
    """Points (B, P, 3) in parts along P."""
    return points.split(max(1, CHUNK.get(points.device.type, CHUNK_OF_OTHERS) // len(points)), dim=1)


def _thinned(seeds: torch.Tensor, residuals: torch.Tensor, cell: float) -> torch.Tensor:
    """(B, T, 3), one a cell of the seed points (B, S, 3) that are not lost; some twice where a case has fewer."""
    kept = []
    for own, distances in zip(seeds.cpu().numpy(), residuals.cpu().numpy(), strict=True):
        near = own[distances < LOST]
        near = near if len(near) else own
        kept.append(near[first_in_each_cell(near, cell)])
    most = max(len(each) for each in kept)
    return torch.from_numpy(np.stack([np.resize(each, (most, 3)) for each in kept])).to(seeds.device)


def _jittered(
    seeds: np.ndarray,
    upright: np.ndarray,
    residuals: np.ndarray,
    rng: np.random.Generator,
    *,
    config: ReconstructionConfig,
) -> np.ndarray:
    """(P, 3) float32 points along the surface, about even in density; none if no seed point came near the surface.

    Normally distributed about the seed points. Those of one seed point are stratified, by direction and by distance:
    they leave fewer gaps than independent ones.
    """
    close = residuals < config.max_residual
    kept, upright = seeds[close], upright[close]
    if len(kept) == 0:
        return kept
    index = first_in_each_cell(kept, config.decimation_cell)
    shape = len(index), max(1, round(config.target_points / len(index)))
    strata = np.broadcast_to(np.arange(shape[1]), shape)
    angles = 2 * np.pi * (strata + rng.random((len(index), 1))) / shape[1]
    quantiles = (rng.permuted(strata, axis=1) + rng.random(shape)) / shape[1]
    distances = config.tangential_jitter * np.sqrt(-2 * np.log1p(-quantiles))  # Rayleigh's, of a normal distribution
    first, second = (each[:, None] for each in tangents(upright[index]))
    steps = distances[..., None] * (np.cos(angles)[..., None] * first + np.sin(angles)[..., None] * second)
    return (kept[index][:, None] + steps).reshape(-1, 3).astype(np.float32)


class OrientedPoints(NamedTuple):
    """What a field says of P points: (P, 3), (P, 3), and (P,) each."""

    points: np.ndarray
    normals: np.ndarray
    unsigned_distances: np.ndarray
    classes: np.ndarray
    slopes: np.ndarray

    def at(self, index: np.ndarray) -> Self:
        """Those of an index or mask."""
        return type(self)(*(column[index] for column in self))


def _surface(
    found: OrientedPoints,
    seeds: np.ndarray,
    config: ReconstructionConfig,
    pictures: np.ndarray,
    cameras: np.ndarray,
    error_head: ErrorHead | None,
    radius_estimator: RadiusEstimator | None,
    radius: float,
    points: int,
    rng: np.random.Generator,
) -> Reconstruction:
    """The mesh of projected points, and points sampled on it."""
    kept = found.at(found.unsigned_distances < config.max_distance)
    vertices, faces = _mesh(kept, config) if len(kept.points) else NOTHING
    if not len(faces):
        return Reconstruction(_sample(found.points if len(found.points) else seeds, points, rng), radius=radius)
    indexed = IndexedPoints.build_finite(torch.from_numpy(vertices))
    nearest = nearest_neighbours(indexed, IndexedPoints.build_finite(torch.from_numpy(kept.points))).numpy()
    own = kept.at(nearest)
    labels = LABEL_OF[own.classes]
    mesh = Mesh(vertices, faces, labels)
    cosines = viewing_cosines(vertices, faces, own.normals, cameras)
    support = np.linalg.norm(vertices - own.points, axis=1)
    known = cosines, own.unsigned_distances, support, own.slopes
    evidence = evidence_of(vertices, labels, *known, pictures, cameras)
    views_seen = (cosines > 0).sum(axis=0).astype(np.uint8)
    of_vertices = Confidence(views_seen, error_head(evidence) if error_head else None)
    used, faces = _without_unsure_surface(mesh.faces, of_vertices, config)
    left_out = 1 - len(faces) / len(mesh.faces)
    mesh, of_vertices, evidence = Mesh(vertices[used], faces, labels[used]), of_vertices.at(used), evidence[used]
    if not used.all():
        indexed = IndexedPoints.build_finite(torch.from_numpy(mesh.vertices))
    if radius_estimator:
        radius = radius_estimator(mesh.vertices, labels[used], radius)
    samples = sample_surface(mesh, points, rng)
    sampled = samples.points.astype(np.float32)
    at = nearest_neighbours(IndexedPoints.build_finite(torch.from_numpy(sampled)), indexed).numpy()
    return Reconstruction(
        sampled, samples.normals, samples.labels, mesh, radius, of_vertices.at(at), of_vertices, evidence, left_out
    )


def _without_unsure_surface(
    faces: np.ndarray, of_vertices: Confidence, config: ReconstructionConfig
) -> tuple[np.ndarray, np.ndarray]:
    """The mesh without surface that no view sees and that is expected to be wrong; all of it, if nothing would remain.

    What pictures don't show, a network closes as most of its training jaws are: it puts a floor under a base that has
    none. Such surface is far from any true one. The expected errors are smoothed along the surface, from 0 where it is
    seen, so that it ends at a calm border.

    Returns:
        (V,) bool, which vertices remain; (G, 3) faces among them.
    """
    count, expected = len(of_vertices.views_seen), of_vertices.expected_error
    if expected is None or not config.max_hidden_error:
        return compacted(faces, count)
    hidden = of_vertices.views_seen == 0
    errors = smoothed(np.where(hidden, expected, 0), faces, SMOOTHING)
    believed = ~hidden | (errors <= config.max_hidden_error)
    kept = faces[believed[faces].all(axis=1)]
    kept = kept[in_large_components(kept, count, config.min_component_fraction)]
    return compacted(kept if len(kept) else faces, count)


def _mesh(found: OrientedPoints, config: ReconstructionConfig) -> tuple[np.ndarray, np.ndarray]:
    trim, least = config.trim, config.min_component_fraction
    return surface_of(found.points, found.normals, config.voxel, trim=trim, min_component_fraction=least)


def _sample(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    return points[rng.choice(len(points), count, replace=count > len(points))]


LABEL_OF = np.array(LABELS, np.uint8)
NOTHING = np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32)
