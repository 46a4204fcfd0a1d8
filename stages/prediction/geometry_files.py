"""Writes the points and surfaces of a jaw: the one place that knows what their files hold."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scans.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from scans.mesh import Mesh
    from stages.prediction.jaw import Jaw
    from stages.prediction.options import Options

OF_A_SURFACE = "take a model that makes surfaces with labels, such as the pretrained one"


def write_geometry(folder: Path, case: str, jaw: "Jaw", options: "Options") -> dict[str, Any]:
    """Write points.*, mesh.*, reconstruction.npz, and what else of the surface the options want.

    Args:
        case: the jaw's name.

    Returns:
        an account of what was made of the surface by an option, by name; nothing without one.

    Raises:
        UserError: an option needs a surface or labels, and there are none.
    """
    from scans.mesh_files.writers import POINT_FORMATS, encode_points
    from stages.prediction.preview import tooth_colours

    made: dict[str, Any] = {}
    mesh = _surface(case, jaw, options, made)
    own = _vertex_columns(jaw, mesh)
    colours = None if jaw.labels is None else tooth_colours(jaw.labels)
    for form in options.formats:
        if form in POINT_FORMATS:
            data = encode_points(
                jaw.points, form, normals=jaw.normals, labels=jaw.labels, colours=colours, properties=jaw.columns
            )
            (folder / f"points.{form}").write_bytes(data)
        if form == "npz":
            (folder / "reconstruction.npz").write_bytes(_npz(jaw, mesh, own))
    if mesh is not None:
        _write_surface(folder, "mesh", mesh, options.formats, own)
    if options.solid and mesh is not None:
        made["solid"] = _write_solid(folder, mesh, options.formats)
    if options.teeth and mesh is not None:
        made["teeth"] = _write_teeth(folder / "teeth", mesh, options.formats)
    return made


def _surface(case: str, jaw: "Jaw", options: "Options", made: dict[str, Any]) -> "Mesh | None":
    """The jaw's surface with at most `options.faces` faces."""
    wanted = {"--faces": options.faces is not None, "--solid": options.solid, "--teeth": options.teeth}
    if jaw.mesh is None and (named := [option for option, there in wanted.items() if there]):
        raise UserError(f"{case}: no surface was reconstructed, so {named[0]} can't be done; {OF_A_SURFACE}")
    if options.teeth and (jaw.mesh is None or jaw.mesh.labels is None):
        raise UserError(f"{case}: no teeth were told apart, so --teeth can't be done; {OF_A_SURFACE}")
    if options.faces is None or jaw.mesh is None:
        return jaw.mesh
    from scans.modelling.decimate import decimated

    mesh, note = decimated(jaw.mesh, options.faces)
    made["mesh"] = _account(mesh, [note] if note else [])
    return mesh


def _vertex_columns(jaw: "Jaw", mesh: "Mesh | None") -> "dict[str, np.ndarray]":
    """How far to trust each vertex of the jaw's surface, or of what decimation has made of it: as the nearest one."""
    if jaw.mesh is None or mesh is None or mesh is jaw.mesh:
        return jaw.vertex_columns
    from scipy.spatial import cKDTree

    nearest = cKDTree(jaw.mesh.vertices).query(mesh.vertices)[1]
    return {name: values[nearest] for name, values in jaw.vertex_columns.items()}


def _write_surface(
    folder: Path,
    name: str,
    mesh: "Mesh",
    formats: Sequence[str],
    properties: "Mapping[str, np.ndarray] | None" = None,
) -> None:
    from scans.mesh_files.writers import SURFACE_FORMATS, encode_surface
    from stages.prediction.preview import tooth_colours

    colours = None if mesh.labels is None else tooth_colours(mesh.labels)
    for form in formats:
        if form in SURFACE_FORMATS:
            (folder / f"{name}.{form}").write_bytes(encode_surface(mesh, form, colours, properties))


def _write_solid(folder: Path, mesh: "Mesh", formats: Sequence[str]) -> dict[str, Any]:
    from scans.modelling.parts import volume
    from scans.modelling.solid import solid

    body, said = solid(mesh)
    _write_surface(folder, "solid", body, formats)
    return _account(body, said) | {"volume_mm3": volume(body)}


def _write_teeth(folder: Path, mesh: "Mesh", formats: Sequence[str]) -> dict[str, Any]:
    from scans.modelling.teeth import teeth

    folder.mkdir()
    crowns, said = teeth(mesh)
    for number, crown in crowns.items():
        _write_surface(folder, str(number), crown, formats)
    return {"faces": {number: len(crown.faces) for number, crown in crowns.items()}, "notes": said}


def _account(mesh: "Mesh", notes: list[str]) -> dict[str, Any]:
    return {"vertices": len(mesh.vertices), "faces": len(mesh.faces), "notes": notes}


def _npz(jaw: "Jaw", mesh: "Mesh | None", vertex_columns: "Mapping[str, np.ndarray]") -> bytes:
    import numpy as np

    arrays: dict[str, Any] = {"points": jaw.points, "normals": jaw.normals, "labels": jaw.labels, **jaw.columns}
    if mesh is not None:
        arrays |= {"vertices": mesh.vertices.astype(np.float32), "faces": mesh.faces, "vertex_labels": mesh.labels}
        arrays |= {f"vertex_{name}": values for name, values in vertex_columns.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{name: array for name, array in arrays.items() if array is not None})
    return buffer.getvalue()
