"""What a jaw's page shows, from results as `tenview predict` leaves them."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scans.mesh import Mesh
from scans.mesh_files.writers import encode_surface
from stages.app import pages
from stages.app.jobs import Case
from stages.app.view import _small, tooth_name, write_view
from tests.stages.app.earlier import put

ACCOUNT: dict[str, Any] = {
    "plausible": False,
    "warnings": ["jaw.stl: odd", "view_00.png: its background is [3], and the model has seen 255 (0 to 255)"],
    "fit": {"silhouette_iou": 0.5},
    "limits": {"silhouette_iou": 0.9},
    "radius_from": "the network",
    "absent_views": [3, 4],
    "inputs": {},
    "error": None,
}


def made(tmp_path: Path, tetrahedron: Mesh, arrays: dict[str, np.ndarray], **account: object) -> tuple[Path, Case]:
    """A case whose reconstruction is the tetrahedron, 20 mm wide."""
    folder = put(
        tmp_path, "1", state="done", files={"jaw/view_00.png": "IMG_1.png"}, is_scan=bool(account.get("error"))
    )
    out = folder / "out/jaw"
    out.mkdir(parents=True)
    (folder / "jaw").mkdir()
    Image.new("L", (500, 250), 200).save(folder / "jaw/view_00.png")
    (out / "prediction.json").write_text(json.dumps(ACCOUNT | account))
    points = (tetrahedron.vertices * 20).astype(np.float32)
    surface = {"vertices": points, "faces": tetrahedron.faces, "vertex_labels": tetrahedron.labels}
    np.savez(out / "reconstruction.npz", points=points, **surface, **arrays)
    if account.get("error"):
        moved = Mesh(points + np.array([0.0, 0.0, 1.0]), tetrahedron.faces, None)
        (out / "scan.ply").write_bytes(encode_surface(moved, "ply"))
    return folder, Case(**json.loads((folder / "case.json").read_text()))


def view_of(folder: Path, case: Case) -> dict[str, Any]:
    write_view(folder, case)
    return json.loads((folder / "view.json").read_text())


def test_pictures_give_a_jaw_with_its_teeth_and_words_about_it(tmp_path: Path, tetrahedron: Mesh) -> None:
    folder, case = made(tmp_path, tetrahedron, {})
    view = view_of(folder, case)
    assert [(tooth["fdi"], tooth["name"]) for tooth in view["teeth"]] == [
        ("11", "upper right central incisor"),
        ("21", "upper left central incisor"),
    ]
    assert view["teeth"][0]["colour"] != view["teeth"][1]["colour"]
    assert [name["text"] for name in view["scene"]["names"]] == ["11", "21"]
    assert view["scene"]["extent"] <= 1, "it fits the 3D view"
    assert view["legends"] == {}
    figures = dict(view["figures"])
    assert figures["Size"] == "20 mm wide, 20 mm from front to back, 20 mm high"
    assert figures["Missing views"] == "3, 4: what only these show is guessed"
    assert "the model’s own are taken" in figures["Cameras"]
    assert figures["Outlines"].endswith("overlap by 50 %; right ones by 90 % or more")
    assert view["warnings"][1].startswith("IMG_1.png (view 0): its background")
    ((number, picture),) = view["pictures"]
    with Image.open(io.BytesIO(base64.b64decode(picture.partition(",")[2]))) as small:
        assert (number, small.size) == (0, (224, 112))
    report = pages.report(case, folder)
    assert "Don’t trust this jaw" in report
    assert "IMG_1.png (view 0): its background" in report


def test_a_scan_is_laid_over_the_jaw_with_the_distance_of_the_two(tmp_path: Path, tetrahedron: Mesh) -> None:
    folder, case = made(
        tmp_path, tetrahedron, {}, error={"chamfer_mm": 1.0, "accuracy_mm": 0.75, "completeness_mm": 1.25}
    )
    view = view_of(folder, case)
    jaw, scan = view["scene"]["layers"]
    assert (jaw["name"], jaw["shown"], scan["name"], scan["shown"]) == ("reconstruction", True, "your scan", False)
    for layer in (jaw, scan):  # 1 mm apart, and the colours end at 2 mm
        assert set(base64.b64decode(layer["values"]["distance"])) == {128}
    assert list(view["legends"]) == ["distance"]
    report = pages.report(case, folder)
    assert "lies 0.75 mm from the scan on average, and the scan 1.25 mm" in report
    assert "Chamfer, mm" in report


def test_what_was_guessed_is_shown_where_it_is_told(tmp_path: Path, tetrahedron: Mesh) -> None:
    arrays = {
        "vertex_expected_error_mm": np.array([0, 1, 2, 3], np.float32),
        "vertex_views_seen": np.array([0, 2, 4, 10], np.uint8),
    }
    teeth = [{"fdi": 11, "state": "guessed", "expected_error_mm": 0.5}, {"fdi": 21, "state": "seen"}]
    folder, case = made(tmp_path, tetrahedron, arrays, teeth=teeth)
    view = view_of(folder, case)
    values = view["scene"]["layers"][0]["values"]
    assert list(base64.b64decode(values["expected"])) == [0, 128, 255, 255]
    assert list(base64.b64decode(values["seen"])) == [255, 128, 0, 0]
    assert list(view["legends"]) == ["expected", "seen"]
    assert [tooth["trust"] for tooth in view["teeth"]] == ["guessed, expected error 0.50 mm", "seen"]


@pytest.mark.parametrize(("fdi", "name"), [(18, "upper right third molar"), (23, "upper left canine")])
def test_teeth_have_names_in_words(fdi: int, name: str) -> None:
    assert tooth_name(fdi) == name


def test_sixteen_bits_a_pixel_are_shown_as_they_are(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 128 * 257, np.uint16)).save(tmp_path / "view_00.png")
    with Image.open(io.BytesIO(base64.b64decode(_small(tmp_path / "view_00.png").partition(",")[2]))) as small:
        assert small.getpixel((4, 4)) == (128, 128, 128, 255)
