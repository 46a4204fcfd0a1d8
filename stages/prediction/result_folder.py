"""Writes the results of `predict` for a jaw: points, surface, images, and prediction.json with their provenance."""

import hashlib
import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scans.cases.naming import readable
from scans.errors import UserError
from scans.shards.prepared import PreparedCase
from stages.prediction.confidence import EXPECTED_ERROR, means
from stages.prediction.geometry_files import write_geometry
from stages.prediction.jaw import Jaw
from stages.prediction.picture_folder import Pictures
from stages.prediction.trained import Trained

if TYPE_CHECKING:
    from model.reconstruction.result import Reconstruction
    from stages.prediction.options import Options

ACCOUNT = "prediction.json"  # marks a folder of results, and lists its files; other folders are never replaced
PACKAGES = ("tenview", "torch", "timm", "numpy", "opencv-python-headless")
FRAME = "millimetres, crowns to +z, incisors at -y, patient right (FDI 1x) at +x, origin at the jaw's centre"
SCAN_FRAME = "the scan's millimetres, turned: crowns to +z, incisors at -y, patient right (FDI 1x) at +x"


def check_replaceable(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier prediction as it was written, for its content is deleted.

    Raises:
        UserError: it is no folder of results, or holds a file that `predict` did not write, or that was changed since.
    """
    inside = folder.rglob("*") if folder.is_dir() else [folder]
    files = sorted(path for path in inside if path.is_symlink() or not path.is_dir())
    if not folder.exists() or not files:
        return
    try:
        written = dict(json.loads((folder / ACCOUNT).read_bytes())["outputs"])
    except (OSError, ValueError, TypeError, KeyError):
        raise UserError(f"{folder}: there is something else than a prediction. Use another --out") from None
    for path in files:
        name = str(path.relative_to(folder))
        if name == ACCOUNT:
            continue
        if path.is_symlink() or written.get(name) != hashlib.sha256(path.read_bytes()).hexdigest():
            what = "was changed since" if name in written else "is not of that prediction"
            raise UserError(
                f"{folder}: there is an earlier prediction, but {readable(name)} {what}, and would be deleted. "
                "Move it, or use another --out"
            )


def write_case(
    folder: Path,
    pictures: Pictures,
    jaw: Jaw,
    made: "Reconstruction",
    truth: PreparedCase | None,
    trained: Trained,
    options: "Options",
) -> dict[str, Any]:
    """Write all files of a jaw into `folder`.

    Args:
        made: the jaw in the normalised frame. truth: the prepared scan if the pictures were rendered from one.

    Returns:
        what prediction.json says.
    """
    meshes = write_geometry(folder, pictures.case, jaw, options)
    _write_preview(folder, pictures, jaw, made, trained)
    error = None
    if truth is not None:
        _write_views(folder / "views", pictures)
        error = _write_error(folder, pictures, made, truth)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    render = trained.params.render.model_dump_json()
    content: dict[str, Any] = {
        "case": pictures.case,
        "plausible": jaw.plausible,
        "warnings": jaw.warnings,
        "fit": asdict(jaw.fit),
        "limits": asdict(trained.calibration.limits) if trained.calibration else None,
        "frame": FRAME if truth is None else SCAN_FRAME,
        "orientation": truth.cleaning.get("orientation") if truth is not None else None,
        "radius_mm": jaw.radius_mm,
        "radius_from": jaw.radius_from,
        "points": len(made.points),
        "seed": options.seed,
        "error": error,
        "confidence": means(jaw.columns) | {"left_out_fraction": made.left_out},
        "teeth": [asdict(tooth) for tooth in jaw.teeth],
        "absent_views": [number for number, there in enumerate(pictures.view_mask.tolist()) if not there],
        "model": {
            "weights_sha256": trained.weights_sha256,
            "params_digest": trained.params_digest,
            "network": asdict(trained.network.config),
        },
        "render_params_digest": hashlib.sha256(render.encode()).hexdigest(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "inputs": pictures.files,
        "outputs": {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
    }
    if meshes:
        content["meshes"] = meshes
    (folder / ACCOUNT).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return content


def _write_preview(folder: Path, pictures: Pictures, jaw: Jaw, made: "Reconstruction", trained: Trained) -> None:
    import numpy as np

    from renderers.rasteriser.shading import Shading
    from scans.shards.png import encode_png
    from stages.per_case.render_case import shading_of
    from stages.prediction.preview import (
        PAPER,
        distance_colours,
        distance_scale,
        outlined,
        point_pictures,
        preview,
        surface_pictures,
    )

    shading = shading_of(trained.params.render, pictures.case)
    if made.mesh is not None and isinstance(shading, Shading):
        shown = surface_pictures(made.mesh, pictures.cameras, shading)
    else:
        shown = point_pictures(made.points, pictures.cameras)
    over = outlined(pictures.views, shown)
    over[~pictures.view_mask] = PAPER
    rows = {
        f"{pictures.case}: pictures": pictures.views,
        "reconstruction": shown,
        "its outline over the pictures": over,
    }
    errors = jaw.columns.get(EXPECTED_ERROR)
    if errors is not None:
        rows["expected error"] = point_pictures(made.points, pictures.cameras, distance_colours(errors))
    sheet = preview(rows)
    if errors is not None:
        sheet = np.concatenate([sheet, distance_scale(sheet.shape[1])])
    (folder / "preview.png").write_bytes(encode_png(sheet))


def _write_views(folder: Path, pictures: Pictures) -> None:
    """Write the rendered pictures in the form that `predict` reads."""
    from renderers.rigs.transforms import transforms_json
    from scans.cameras import cameras_from_array
    from scans.shards.png import encode_png

    folder.mkdir()
    names = [f"view_{number:02d}.png" for number in range(len(pictures.views))]
    for name, view, there in zip(names, pictures.views, pictures.view_mask, strict=True):
        if there:
            (folder / name).write_bytes(encode_png(view))
    transforms = transforms_json(cameras_from_array(pictures.cameras), names)
    (folder / "transforms.json").write_text(json.dumps(transforms, indent=1) + "\n", encoding="utf-8")


def _write_error(folder: Path, pictures: Pictures, made: "Reconstruction", truth: PreparedCase) -> dict[str, float]:
    """Write error.ply and error.png, the points coloured by their distance to the scan, and the scan as scan.ply.

    The scan lies as the reconstruction does, so that the two can be laid over each other.

    Returns:
        the metrics.
    """
    import numpy as np

    from model.metrics.distances import compare, metrics
    from scans.mesh import Mesh
    from scans.mesh_files.writers import encode_points, encode_surface
    from scans.preparing.normalise import denormalise
    from scans.shards.png import encode_png
    from stages.prediction.preview import distance_colours, distance_scale, point_pictures, preview

    comparison = compare(made.points, truth.points.astype(np.float32))
    distance_mm = np.asarray(comparison.pred_to_gt) * truth.radius
    colours = distance_colours(distance_mm)
    points = denormalise(made.points, truth.center, truth.radius)
    data = encode_points(points, "ply", colours=colours, properties={"distance_mm": distance_mm.astype(np.float32)})
    (folder / "error.ply").write_bytes(data)
    vertices = denormalise(np.asarray(truth.mesh.vertices), truth.center, truth.radius)
    scan = Mesh(vertices, truth.mesh.faces, truth.mesh.labels)
    (folder / "scan.ply").write_bytes(encode_surface(scan, "ply"))
    shown = point_pictures(made.points, pictures.cameras, colours)
    sheet = preview({f"{pictures.case}: pictures": pictures.views, "distance to the scan": shown})
    (folder / "error.png").write_bytes(encode_png(np.concatenate([sheet, distance_scale(sheet.shape[1])])))
    return metrics(comparison, truth.radius)
