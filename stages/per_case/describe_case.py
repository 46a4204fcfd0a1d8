"""A jaw as a comparison of sets sees it: its views and its sizes; done in a worker."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scans.cases.manifest import RawCase
from scans.errors import ScanError
from stages.params.tree import PrepareParams, RenderParams
from stages.per_case.prepare_case import NO_SPLIT, prepare_case
from stages.per_case.render_case import rig_of, shading_of

if TYPE_CHECKING:
    import numpy as np

    from scans.morphometry import Morphometry


@dataclass(frozen=True)
class Task:
    """A jaw to describe; its files are named absolutely."""

    case: RawCase
    prepare: PrepareParams
    render: RenderParams


@dataclass(frozen=True)
class Described:
    """A jaw's views (V, H, W) uint8, grey, by the rig's cameras without jitter, and its sizes."""

    id: str
    views: "np.ndarray"
    sizes: "Morphometry"


def describe_case(task: Task) -> Described | str:
    """Prepare a jaw as `prepare` does, render and measure it. Returns the reason where it can't be used."""
    from renderers.render import render_views
    from scans.morphometry import measure
    from scans.preparing.normalise import denormalise

    render = task.render.model_copy(update={"style": "grey"})  # few real scans have the labels that colours need
    try:
        case = prepare_case(task.case, NO_SPLIT, "", task.prepare)
        mesh = case.mesh
        views = render_views(
            mesh.vertices,
            mesh.faces,
            rig_of(render),
            shading_of(render, case.id),
            backend="numba",
            samples=render.samples,
        )
    except ScanError as error:
        return str(error)
    in_mm = replace(mesh, vertices=denormalise(mesh.vertices, case.center, case.radius))
    points = denormalise(case.points, case.center, case.radius)
    return Described(case.id, views, measure(in_mm, points, case.normals, case.labels))
