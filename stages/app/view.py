"""The content of a jaw's page: the 3D scene, what was found, the errors where there was a scan, and the pictures."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from scipy.spatial import cKDTree

from scans.files import atomic_file
from scans.mesh import GINGIVA, Mesh
from scans.mesh_files.read import read_mesh
from stages.app.jobs import OUT, VIEW, Case
from stages.app.words import in_users_names, notices
from stages.pages.data_uri import data_uri
from stages.pages.scene import EXPECTED_ERROR, WORST_SHOWN_MM, Layer, Name, estimated_normals, legend_in_mm, pack
from stages.prediction.picture_folder import CAMERAS
from stages.prediction.preview import tooth_colours
from stages.prediction.result_folder import ACCOUNT
from stages.prediction.view_names import view_number

SCENE_BYTES = 8e6
MANY_VIEWS = 4
SIDE = 224  # pixels of a picture beside the 3D view
SURFACE, SCAN = "#e0a458", "#aab4c3"
SHEETS = {
    "preview.png": "The pictures as the model sees them, the jaw from the same cameras, and its outline over them",
    "error.png": "Distance of the reconstruction to the scan",
}
KINDS = (
    *("central incisor", "lateral incisor", "canine", "first premolar"),
    *("second premolar", "first molar", "second molar", "third molar"),
)
OF_MODEL = "no transforms.json, so the model’s own are taken, as the guide on the first page shows them"
LEGENDS = {
    "distance": legend_in_mm("distance to the other"),
    "expected": EXPECTED_ERROR,
    "seen": {"name": "views that see it", "low": f"{MANY_VIEWS} or more", "high": "none: guessed"},
}


def write_view(folder: Path, case: Case) -> None:
    """Write view.json of a jaw that `tenview predict` has finished."""
    out = folder / OUT
    account = json.loads((out / ACCOUNT).read_text(encoding="utf-8"))
    with np.load(out / "reconstruction.npz") as file:
        arrays = {name: file[name] for name in file.files}
    scan = read_mesh(out / "scan.ply") if (out / "scan.ply").is_file() else None
    _, labels = _labelled(arrays)
    fdi = [] if labels is None else [int(label) for label in np.unique(labels) if label != GINGIVA]
    scene = _scene(arrays, scan, case.id, fdi)
    coloured_by = {value for layer in scene["layers"] for value in layer["values"]}
    content = {
        "warnings": [in_users_names(text, folder, case.files) for text in account["warnings"]],
        "notices": notices(case, folder),
        "plausible": account["plausible"],
        "overlap": round(100 * account["fit"]["silhouette_iou"]),
        "scene": scene,
        "legends": {value: legend for value, legend in LEGENDS.items() if value in coloured_by},
        "teeth": _teeth(fdi, account.get("teeth", [])),
        "figures": _figures(account, arrays, case),
        "errors": account["error"] or {},
        "pictures": _pictures(folder, case, account["absent_views"]),
        "sheets": [
            {"title": title, "picture": data_uri((out / name).read_bytes())}
            for name, title in SHEETS.items()
            if (out / name).is_file()
        ],
    }
    with atomic_file(folder / VIEW) as path:
        path.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")


def tooth_name(fdi: int) -> str:
    """The name of an upper tooth in words, by its FDI number."""
    return f"upper {'right' if fdi // 10 == 1 else 'left'} {KINDS[fdi % 10 - 1]}"


def _teeth(fdi: list[int], trusted: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Number, name and colour of each tooth, and how far it can be trusted where the account says so."""
    known = {tooth["fdi"]: tooth for tooth in trusted}
    return [
        {
            "fdi": str(each),
            "name": tooth_name(each),
            "colour": "#{:02x}{:02x}{:02x}".format(*tooth_colours(np.array([each]))[0]),
            "trust": _in_words(known[each]) if each in known else "",
        }
        for each in fdi
    ]


def _in_words(tooth: dict[str, Any]) -> str:
    error = tooth.get("expected_error_mm")
    return tooth["state"] if error is None else f"{tooth['state']}, expected error {error:.2f} mm"


def _labelled(arrays: dict[str, np.ndarray]) -> "tuple[np.ndarray, np.ndarray | None]":
    """Places and FDI labels of the surface's vertices, or of the points where there is no surface."""
    if "vertices" in arrays:
        return arrays["vertices"], arrays.get("vertex_labels")
    return arrays["points"], arrays.get("labels")


def _scene(arrays: dict[str, np.ndarray], scan: Mesh | None, case_id: str, fdi: list[int]) -> dict[str, Any]:
    places, labels = _labelled(arrays)
    middle = (places.min(axis=0) + places.max(axis=0)) / 2
    radius = np.linalg.norm(places - middle, axis=1).max()

    def normalised(points: np.ndarray) -> np.ndarray:
        return (points - middle) / radius

    tint = None if labels is None else tooth_colours(labels)
    values = _trust(arrays)
    if scan is not None:
        values["distance"] = _distance(places, scan.vertices)
    faces = arrays.get("faces")
    normals = arrays.get("normals")
    if faces is not None:
        normals = None  # they follow from the faces
    elif normals is None:
        normals = estimated_normals(places)
    layers = [Layer("reconstruction", SURFACE, normalised(places), normals, faces, values, True, tint)]
    if scan is not None:
        missed = {"distance": _distance(scan.vertices, arrays["points"])}
        layers.append(Layer("your scan", SCAN, normalised(scan.vertices), None, scan.faces, missed, shown=False))
    names = []
    for each in fdi:
        crown = normalised(places[labels == each])
        at = crown.mean(axis=0)
        outward = at * [1, 1, 0] + [0, 0, np.linalg.norm(at[:2])]  # from the arch's middle, and to the crowns
        names.append(Name(str(each), at + np.array([0, 0, 0.06]), outward / max(np.linalg.norm(outward), 1e-9)))
    return pack(layers, SCENE_BYTES, case_id, names)


def _trust(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """How sure the model is of each place, as colours of the 3D view, where `tenview predict` tells it."""
    prefix = "vertex_" if "vertices" in arrays else ""
    expected, seen = arrays.get(f"{prefix}expected_error_mm"), arrays.get(f"{prefix}views_seen")
    values = {}
    if expected is not None:
        values["expected"] = expected / WORST_SHOWN_MM
    if seen is not None:
        values["seen"] = 1 - seen / MANY_VIEWS
    return values


def _distance(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N,) distance of points to the nearest of the others in mm, as the colours of the 3D view take it."""
    return cKDTree(others).query(points)[0] / WORST_SHOWN_MM


def _figures(account: dict[str, Any], arrays: dict[str, np.ndarray], case: Case) -> list[tuple[str, str]]:
    """What is told of the reconstruction in a line each: title and text."""
    fit, limits = account["fit"]["silhouette_iou"], account["limits"]
    usual = f"; right ones by {100 * limits['silhouette_iou']:.0f} % or more" if limits else ""
    low, high = arrays["points"].min(axis=0), arrays["points"].max(axis=0)
    wide, deep, tall = high - low
    figures = [
        ("Outlines", f"its own and those of the pictures overlap by {100 * fit:.0f} %{usual}"),
        ("Size", f"{wide:.0f} mm wide, {deep:.0f} mm from front to back, {tall:.0f} mm high"),
        ("Scale", f"from {account['radius_from']}"),
        ("Points", f"{len(arrays['points']):,}"),
    ]
    if "faces" in arrays:
        figures.append(("Surface", f"{len(arrays['faces']):,} triangles on {len(arrays['vertices']):,} vertices"))
    if not case.is_scan:
        figures.append(("Cameras", CAMERAS if CAMERAS in account["inputs"] else OF_MODEL))
    if absent := account["absent_views"]:
        figures.append(("Missing views", f"{', '.join(map(str, absent))}: what only these show is guessed"))
    return figures


def _pictures(folder: Path, case: Case, absent: list[int]) -> list[tuple[int, str]]:
    """The pictures by view number, small; those that were rendered from a scan where there was one."""
    from_scan = (folder / OUT / "views").glob("view_*.png")
    paths = from_scan if case.is_scan else (folder / path for path in case.files if not path.endswith(".json"))
    numbered = sorted((number, path) for path in paths if (number := view_number(path.name)) is not None)
    offset = 1 if numbered and numbered[0][0] == 1 and not case.is_scan and 0 not in absent else 0
    return [(number - offset, _small(path)) for number, path in numbered]


def _small(path: Path) -> str:
    with Image.open(path) as image:
        image.draft("RGB", (SIDE, SIDE))  # a large JPEG is decoded at a fraction of its size
        picture = ImageOps.exif_transpose(image)
    if picture.mode.startswith("I"):  # 16 bits a pixel, which Pillow would clip
        picture = Image.fromarray((np.asarray(picture) / 257).astype(np.uint8))
    picture = picture.convert("RGBA")
    picture.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return data_uri(buffer.getvalue())
