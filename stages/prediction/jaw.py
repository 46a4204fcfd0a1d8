"""A reconstructed jaw in millimetres, with what tells how far to trust it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scans.errors import UserError
from stages.prediction.calibration import POINTS
from stages.prediction.confidence import Tooth, account_of_teeth, columns
from stages.prediction.doubts import doubts, without_teeth

if TYPE_CHECKING:
    import numpy as np

    from model.metrics.plausibility import Fit
    from model.reconstruction.result import Reconstruction
    from scans.mesh import Mesh
    from scans.shards.prepared import PreparedCase
    from stages.prediction.picture_folder import Pictures
    from stages.prediction.trained import Trained


@dataclass(frozen=True, slots=True)
class Jaw:
    """A reconstructed jaw: crowns to +z, incisors at -y, patient right (FDI 1x) at +x; the origin is in its middle.

    Attributes:
        points: (N, 3) float32, mm.
        normals: (N, 3) float32, unit length; None if the network predicts no surface.
        labels: (N,) uint8, FDI number of each point, 0 = gingiva; None if the network predicts none.
        mesh: the surface in mm; None if the network predicts points alone.
        columns: how far to trust each point, by name: `views_seen`, (N,) uint8, how many views see it, and
            `expected_error_mm`, (N,) float32, the expected distance to the true surface. What the model can't tell is
            not there. vertex_columns: the same of the mesh's vertices.
        teeth: how far to trust each tooth.
        radius_mm: largest distance from the middle. radius_from: where that is from, for pictures have no scale.
        fit: to its pictures. plausible: whether the fit is within the model's limits; None if it has none.
        warnings: what is unusual about the pictures, and what speaks against the result.
    """

    points: "np.ndarray"
    normals: "np.ndarray | None"
    labels: "np.ndarray | None"
    mesh: "Mesh | None"
    columns: "dict[str, np.ndarray]"
    vertex_columns: "dict[str, np.ndarray]"
    teeth: Sequence[Tooth]
    radius_mm: float
    radius_from: str
    fit: "Fit"
    plausible: bool | None
    warnings: tuple[str, ...]


def reconstruct(
    pictures: "Pictures",
    trained: "Trained",
    *,
    points: int,
    seed: int,
    radius: float | None,
    truth: "PreparedCase | None" = None,
) -> "tuple[Jaw, Reconstruction]":
    """The jaw of its pictures.

    Args:
        points: number of points. seed: of their sampling.
        radius: the jaw's radius in mm, if known.
        truth: the prepared scan if the pictures were rendered from one; the jaw then lies over it.

    Returns:
        the jaw in mm; the same in the normalised frame.

    Raises:
        UserError: the network can't use the rig, or the jaw's size is unknown.
    """
    import numpy as np

    from model.metrics.plausibility import fit
    from scans.mesh import Mesh
    from scans.preparing.normalise import denormalise

    if reason := trained.network.check_rig(len(pictures.views)):
        raise UserError(f"{pictures.case}: {reason}. Set render.rig")
    made = trained.network.reconstruct(pictures.views, pictures.view_mask, pictures.cameras, points, seed)
    dense = _for_fit(made, points, pictures, trained, seed)
    found = fit(dense, pictures.views, pictures.view_mask, pictures.cameras)
    limits = trained.calibration.limits if trained.calibration else None
    scale, origin = _radius(made.radius, truth, trained, radius)
    middle = np.zeros(3) if truth is None else truth.center
    mesh: Mesh | None = None
    if made.mesh is not None:
        vertices = denormalise(np.asarray(made.mesh.vertices), middle, scale)
        mesh = Mesh(vertices, made.mesh.faces, made.mesh.labels)
    jaw = Jaw(
        points=denormalise(made.points, middle, scale),
        normals=made.normals,
        labels=made.labels,
        mesh=mesh,
        columns=columns(made.confidence, scale),
        vertex_columns=columns(made.vertex_confidence, scale),
        teeth=account_of_teeth(made, scale),
        radius_mm=scale,
        radius_from=origin,
        fit=found,
        plausible=limits.allow(found) if limits else None,
        warnings=(*pictures.warnings, *(doubts(found, limits) if limits else []), *without_teeth(made.labels)),
    )
    return jaw, made


def _for_fit(made: "Reconstruction", points: int, pictures: "Pictures", trained: "Trained", seed: int) -> "np.ndarray":
    """(N, 3) at least as many points as the limits were found with: the silhouettes of fewer have gaps."""
    import numpy as np

    from scans.sampling.sample_surface import sample_surface

    if points >= POINTS:
        return made.points
    if made.mesh is not None:
        return sample_surface(made.mesh, POINTS, np.random.default_rng(seed)).points
    return trained.network.reconstruct(pictures.views, pictures.view_mask, pictures.cameras, POINTS, seed).points


def _radius(
    predicted: float | None, truth: "PreparedCase | None", trained: "Trained", known: float | None
) -> tuple[float, str]:
    """Millimetres per unit, and where they come from."""
    if known is not None:
        return known, "--radius"
    if truth is not None:
        return truth.radius, "the scan"
    if predicted is not None:
        return predicted, "the network"
    if trained.calibration is not None:
        return trained.calibration.radius_mm, "the mean of the training jaws"
    raise UserError("predict: the jaw's size is unknown. Give --radius in mm, or run `tenview evaluate` for the mean")
