"""Renders the views of a scan, to measure a reconstruction against it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scans.cases.folder import labels_beside, no_labels
from scans.cases.naming import readable
from scans.errors import UserError
from stages.params.tree import Params
from stages.per_case.prepare_case import NO_SPLIT, prepare_case
from stages.per_case.render_case import cropped, shading_of
from stages.prediction.options import Axes
from stages.prediction.picture_folder import Pictures
from stages.runtime.store import file_digest

if TYPE_CHECKING:
    from scans.cameras import Camera
    from scans.shards.prepared import PreparedCase


def picture_scan(
    path: Path, name: str, axes: Axes, params: Params, rig: "Sequence[Camera]"
) -> "tuple[Pictures, PreparedCase]":
    """Clean, sample and normalise a scan as `prepare` does, and render the rig's views of it as `render` does.

    Args:
        name: of the case.
        params, rig: of the model that is to see the pictures.

    Raises:
        UserError: the scan can't be used; `style: colour` needs labels.
    """
    import numpy as np

    from renderers.render import render_views
    from scans.cameras import camera_array

    if not path.is_file():
        raise UserError(f"{path}: no such file. Name a scan: OBJ, PLY, STL, OFF, VTP or GLB")
    labels = labels_beside(path)
    warnings = []
    if labels and (reason := no_labels(labels)):
        warnings.append(f"{readable(labels.name)} is left out: {reason}")
        labels = None
    raw = axes.raw_case(name, path, labels)
    case = prepare_case(raw, NO_SPLIT, file_digest(path), params.prepare)
    mesh = case.mesh
    cameras = cropped(rig, params.render, mesh.vertices)
    shading = shading_of(params.render, case.id)
    views = render_views(
        mesh.vertices, mesh.faces, cameras, shading, backend="numba", samples=params.render.samples, labels=mesh.labels
    )
    view_mask = np.ones(len(cameras), bool)
    pictures = Pictures(case.id, views, view_mask, camera_array(cameras), {path.name: case.source}, warnings)
    return pictures, case
