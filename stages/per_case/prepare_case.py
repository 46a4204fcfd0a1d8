"""One scan, from its raw files to a normalised mesh and a point cloud; done in a worker."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scans.cases.manifest import RawCase
from scans.errors import ScanError
from scans.shards.prepared import PreparedCase
from stages.params.tree import PrepareParams
from stages.runtime.workspace import SCANS

if TYPE_CHECKING:
    from scans.mesh import Mesh

NO_SPLIT = ""  # of a jaw outside the data set, whose frame is not jittered


def prepare_case(case: RawCase, split: str, source: str, prepare: PrepareParams) -> PreparedCase:
    """Read, clean, orient, sample and normalise one scan; its file names are relative to data/scans, or absolute."""
    # Imported here: a stage that finds all its shards done needs none of these slow imports.
    from scans.mesh_files.read import read_mesh
    from scans.preparing.cleaning import clean
    from scans.preparing.label_order import check_label_order
    from scans.preparing.normalise import center_and_radius, normalise
    from scans.preparing.poisson_surface import reconstruct
    from scans.sampling.sample_surface import sample_surface
    from scans.seeds import generator
    from scans.teeth3ds.layout import check_jaw, read_labels

    path = SCANS / case.mesh
    mesh = read_mesh(path)
    if case.labels is not None:
        if path.suffix.lower() == ".stl":
            raise ScanError(
                f"{SCANS / case.labels}: labels go by the order of vertices, and STL has none. Use the OBJ or PLY that "
                "the labels were made for, or take the labels away"
            )
        jaw, labels = read_labels(SCANS / case.labels, len(mesh.vertices))
        if jaw != case.jaw:
            raise ScanError(
                f'{SCANS / case.labels}: it says "jaw": "{jaw}", but the scan is taken for the {case.jaw} one. '
                "Check which jaw it is"
            )
        mesh = replace(mesh, labels=labels)
    if mesh.labels is not None:
        check_jaw(mesh.labels, case.jaw, SCANS / (case.labels or case.mesh))
        check_label_order(mesh, SCANS / (case.labels or case.mesh))
    mesh, cleaning = clean(mesh, path, prepare.min_component_fraction, prepare.max_removed_fraction)
    mesh, found = _into_frame(mesh, case, path)
    rng = generator(prepare.seed, case.id)
    if prepare.surface == "poisson":
        made_from = prepare.reconstruction
        mesh = reconstruct(mesh, path, rng, count=made_from.points, depth=made_from.depth)
        mesh, _ = clean(mesh, path, prepare.min_component_fraction, prepare.max_removed_fraction)
    samples = sample_surface(mesh, prepare.points, rng, prepare.sampling)
    center, radius = center_and_radius(samples.points)
    if split in prepare.frame_jitter.splits:
        jitter = generator(prepare.seed, f"{case.id}/framing")
        center = center + radius * prepare.frame_jitter.offset * jitter.uniform(-1, 1, 3)
        radius *= 1 + prepare.frame_jitter.scale * jitter.uniform(-1, 1)
    return PreparedCase(
        id=case.id,
        split=split,
        points=normalise(samples.points, center, radius),
        normals=samples.normals,
        labels=samples.labels,
        center=center,
        radius=radius,
        mesh=replace(mesh, vertices=normalise(mesh.vertices, center, radius)),
        source=source,
        cleaning=cleaning.as_dict() | found,
    )


def _into_frame(mesh: "Mesh", case: RawCase, path: Path) -> "tuple[Mesh, dict[str, Any]]":
    """A clean scan in Teeth3DS's frame, in millimetres; and what had to be found for that, under "orientation"."""
    from scans.preparing.frame import check_size, find_unit, rotation, to_millimetres, turn
    from scans.preparing.orientation import against_shape, check_labels, find_orientation

    found: dict[str, Any] = {}
    unit = case.millimetres_per_unit
    if isinstance(unit, str):
        unit = found["millimetres_per_unit"] = find_unit(mesh, path)
    mesh = to_millimetres(mesh, unit)
    check_size(mesh, path)
    if case.crowns == "auto":
        orientation = find_orientation(mesh, path)
        mesh = turn(mesh, orientation.rotation)
        check_labels(mesh, path, "its shape")
        found |= orientation.as_dict()
    else:
        if case.axes_are_the_users:
            found |= against_shape(mesh, case.crowns, case.incisors)
        mesh = turn(mesh, rotation(case.crowns, case.incisors))
        if case.axes_are_the_users:
            check_labels(mesh, path, "the axes that are named for it")
    return mesh, {"orientation": found} if found else {}
