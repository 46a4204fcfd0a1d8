"""The files of a jaw's points and surface, by the options that ask for them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

from model.metrics.plausibility import Fit
from scans.errors import UserError
from scans.mesh import Mesh
from stages.prediction.geometry_files import write_geometry
from stages.prediction.jaw import Jaw
from stages.prediction.options import Options

USUAL = {"points.ply", "points.glb", "mesh.ply", "mesh.stl", "mesh.glb", "reconstruction.npz"}


@pytest.fixture
def jaw() -> Jaw:
    """A level sheet of 20 mm, 800 faces, halves labelled 11 and 21; the expected error grows with x."""
    x, y = np.meshgrid(np.arange(21.0), np.arange(21.0), indexing="ij")
    vertices = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1).astype(np.float32)
    a = np.arange(441).reshape(21, 21)[:-1, :-1].ravel()
    faces = np.concatenate([np.stack([a, a + 21, a + 22], axis=1), np.stack([a, a + 22, a + 1], axis=1)])
    labels = np.where(vertices[:, 0] < 10, 11, 21).astype(np.uint8)
    mesh = Mesh(vertices, faces.astype(np.int32), labels)
    fit = Fit({0: 1.0}, 1.0, 0.0, {0: 0}, -0.5)
    columns = {"views_seen": np.full(441, 3, np.uint8), "expected_error_mm": vertices[:, 0] / 10}
    return Jaw(
        points=vertices, normals=None, labels=labels, mesh=mesh, columns=columns, vertex_columns=columns, teeth=(),
        radius_mm=20.0, radius_from="--radius", fit=fit, plausible=True, warnings=(),
    )  # fmt: skip


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_nothing_more_is_written_than_is_asked_for(jaw: Jaw, tmp_path: Path) -> None:
    assert write_geometry(tmp_path, "anna", jaw, Options()) == {}
    assert names(tmp_path) == USUAL


def test_each_option_adds_its_files_and_an_account(jaw: Jaw, tmp_path: Path) -> None:
    options = Options(formats=("stl", "3mf", "npz"), faces=300, solid=True, teeth=True)
    made = write_geometry(tmp_path, "anna", jaw, options)
    surfaces = {f"{name}.{form}" for name in ("mesh", "solid", "teeth/11", "teeth/21") for form in ("stl", "3mf")}
    assert names(tmp_path) == surfaces | {"reconstruction.npz"}
    faces = made["mesh"]["faces"]
    assert 200 < faces <= 300
    assert len(np.load(tmp_path / "reconstruction.npz")["faces"]) == faces
    for name, count in (("mesh", faces), ("solid", made["solid"]["faces"]), ("teeth/11", made["teeth"]["faces"][11])):
        assert len(trimesh.load_mesh(tmp_path / f"{name}.stl").faces) == count
    body = trimesh.load_mesh(tmp_path / "solid.stl")
    assert body.is_watertight
    assert body.volume == pytest.approx(made["solid"]["volume_mm3"], rel=1e-6)
    assert body.volume == pytest.approx(800, rel=1e-3)
    assert sum(made["teeth"]["faces"].values()) == faces


def test_how_far_to_trust_points_and_vertices_is_written_also_after_decimation(jaw: Jaw, tmp_path: Path) -> None:
    write_geometry(tmp_path, "anna", jaw, Options(faces=300))
    arrays = np.load(tmp_path / "reconstruction.npz")
    assert len(arrays["vertices"]) < 441 == len(arrays["points"])
    for name in ("", "vertex_"):
        at = arrays["vertices" if name else "points"]
        np.testing.assert_allclose(arrays[f"{name}expected_error_mm"], at[:, 0] / 10, atol=0.06)
        assert (arrays[f"{name}views_seen"] == 3).all()
    for name in ("points", "mesh"):
        found = trimesh.load(tmp_path / f"{name}.ply").metadata["_ply_raw"]["vertex"]["data"]
        np.testing.assert_allclose(found["expected_error_mm"], found["x"] / 10, atol=0.06)


def test_an_option_that_needs_a_surface_says_so(jaw: Jaw, tmp_path: Path) -> None:
    points = replace(jaw, mesh=None)
    assert write_geometry(tmp_path, "anna", points, Options()) == {}
    with pytest.raises(UserError, match="anna: no surface was reconstructed, so --solid can't be done"):
        write_geometry(tmp_path, "anna", points, Options(solid=True))
    assert jaw.mesh is not None
    unlabelled = replace(jaw, labels=None, mesh=replace(jaw.mesh, labels=None))
    with pytest.raises(UserError, match="anna: no teeth were told apart, so --teeth can't be done"):
        write_geometry(tmp_path, "anna", unlabelled, Options(teeth=True))
