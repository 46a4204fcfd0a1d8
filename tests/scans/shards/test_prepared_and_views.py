import hashlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from scans.errors import UserError
from scans.mesh import Mesh
from scans.shards.prepared import PreparedCase, read_meshes, read_prepared, write_prepared
from scans.shards.table import read_columns, read_metadata
from scans.shards.views import ViewsCase, read_views, write_views


@pytest.fixture
def case(tetrahedron: Mesh) -> PreparedCase:
    points = np.arange(15, dtype=np.float32).reshape(5, 3) / 16
    return PreparedCase(
        "A1", "train", points, points[::-1], np.array([0, 11, 12, 21, 28], np.uint8), np.array([1.0, 2.0, -90.5]),
        41.25, tetrahedron, "abc", {"specks": 2},
    )  # fmt: skip


def png(value: int) -> bytes:
    return cv2.imencode(".png", np.full((4, 6), value, np.uint8))[1].tobytes()


@pytest.fixture
def views_file(tmp_path: Path) -> Path:
    path = tmp_path / "train-00000-of-00001.parquet"
    rows = [ViewsCase(f"c{n}", "train", [png(n), png(n + 1)], np.full((2, 3), n + 0.5)) for n in range(10)]
    write_views(path, rows, (2, 3), {"views": {"shape": [2, 4, 6]}})
    return path


def test_a_prepared_case_comes_back_as_it_was(tmp_path: Path, case: PreparedCase) -> None:
    path = tmp_path / "a.parquet"
    unlabelled = replace(case, id="A2", mesh=replace(case.mesh, labels=None))
    write_prepared(path, [case, unlabelled], 5, {"unit": "jaw radii"})
    first, second = read_prepared(path)
    np.testing.assert_array_equal(first.points, case.points)
    np.testing.assert_array_equal(first.normals, case.normals)
    np.testing.assert_array_equal(first.labels, case.labels)
    np.testing.assert_array_equal(first.center, case.center)
    np.testing.assert_array_equal(first.mesh.vertices, case.mesh.vertices)
    np.testing.assert_array_equal(first.mesh.faces, case.mesh.faces)
    np.testing.assert_array_equal(first.mesh.labels, case.mesh.labels)
    assert (first.id, first.split, first.radius, first.source) == ("A1", "train", 41.25, "abc")
    assert first.cleaning == {"specks": 2}
    assert second.mesh.labels is None
    assert read_metadata(path) == {"unit": "jaw radii"}
    assert [(case_id, split) for case_id, split, _ in read_meshes(path)] == [("A1", "train"), ("A2", "train")]


def test_metadata_may_grow_while_cases_are_written(tmp_path: Path, case: PreparedCase) -> None:
    metadata: dict[str, dict[str, str]] = {"refused": {}}

    def cases():
        yield case
        metadata["refused"]["B"] = "no faces"

    write_prepared(tmp_path / "a.parquet", cases(), 5, metadata)
    assert read_metadata(tmp_path / "a.parquet") == {"refused": {"B": "no faces"}}


def test_the_same_cases_give_the_same_bytes(tmp_path: Path, case: PreparedCase) -> None:
    digests = set()
    for name in ("a.parquet", "b.parquet"):
        write_prepared(tmp_path / name, [case] * 20, 5, {"unit": "jaw radii"})
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_views_come_back_as_they_were(views_file: Path) -> None:
    rows = list(read_views(views_file))
    assert [row.id for row in rows] == [f"c{n}" for n in range(10)]
    assert list(rows[3].views) == [png(3), png(4)]
    np.testing.assert_array_equal(rows[3].cameras, np.full((2, 3), 3.5))


FLAT = ("points", "normals", "labels", "center")


@pytest.fixture
def prepared_file(tmp_path: Path, case: PreparedCase) -> Path:
    """Two cases, the second without vertex labels."""
    path = tmp_path / "prepared.parquet"
    unlabelled = replace(case, id="A2", points=case.points + 1, mesh=replace(case.mesh, labels=None))
    write_prepared(path, [case, unlabelled], 5, {})
    return path


def test_hugging_face_reads_all_without_our_code(
    views_file: Path, prepared_file: Path, case: PreparedCase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    def load(path: Path) -> "datasets.Dataset":
        return datasets.load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))

    views = load(views_file)
    image = views[3]["views"][1]
    assert (image.size, image.mode) == ((6, 4), "L")
    np.testing.assert_array_equal(np.array(image), np.full((4, 6), 4))
    assert views[3]["cameras"] == [3.5] * 6

    prepared = load(prepared_file)
    for row in (prepared[0], prepared.with_format("numpy")[0]):
        for name in FLAT:
            np.testing.assert_array_equal(np.reshape(row[name], getattr(case, name).shape), getattr(case, name))
        np.testing.assert_array_equal(np.reshape(row["vertices"], (-1, 3)), case.mesh.vertices)
        np.testing.assert_array_equal(np.reshape(row["faces"], (-1, 3)), case.mesh.faces)
        np.testing.assert_array_equal(row["vertex_labels"], case.mesh.labels)
    assert prepared[1]["vertex_labels"] is None
    np.testing.assert_array_equal(np.reshape(prepared[1]["points"], (-1, 3)), case.points + 1)


def test_pandas_reads_all(views_file: Path, prepared_file: Path, case: PreparedCase) -> None:
    import pandas

    first, second = (row for _, row in pandas.read_parquet(prepared_file).iterrows())
    for name in FLAT:
        np.testing.assert_array_equal(np.reshape(first[name], getattr(case, name).shape), getattr(case, name))
    np.testing.assert_array_equal(np.reshape(first["faces"], (-1, 3)), case.mesh.faces)
    assert second["vertex_labels"] is None
    views = pandas.read_parquet(views_file)
    assert [view["bytes"] for view in views.loc[3, "views"]] == [png(3), png(4)]
    np.testing.assert_array_equal(views.loc[3, "cameras"], [3.5] * 6)


def test_duckdb_reads_all(views_file: Path, prepared_file: Path, case: PreparedCase) -> None:
    import duckdb

    first, second = duckdb.sql(
        f"SELECT points, normals, labels, center, radius, faces, vertex_labels FROM '{prepared_file}' ORDER BY id"
    ).fetchall()
    for value, name in zip(first, FLAT, strict=False):
        np.testing.assert_array_equal(np.reshape(value, getattr(case, name).shape), getattr(case, name))
    assert first[4] == case.radius
    np.testing.assert_array_equal(np.reshape(first[5], (-1, 3)), case.mesh.faces)
    assert second[6] is None
    ((views, cameras),) = duckdb.sql(f"SELECT views, cameras FROM '{views_file}' WHERE id = 'c3'").fetchall()
    assert [view["bytes"] for view in views] == [png(3), png(4)]
    assert list(cameras) == [3.5] * 6


def test_each_row_can_be_read_alone(views_file: Path) -> None:
    import pyarrow.parquet

    assert pyarrow.parquet.ParquetFile(views_file).num_row_groups == 10


def test_a_damaged_shard_is_named(views_file: Path) -> None:
    whole = views_file.read_bytes()
    for broken in (b"", whole[:-10], b"PAR1" * 10):
        views_file.write_bytes(broken)
        with pytest.raises(UserError, match=r"train-00000-of-00001.parquet.*dvc repro"):
            list(read_views(views_file))


def test_columns_that_are_damaged_or_missing_are_told(tmp_path: Path, case: PreparedCase) -> None:
    path = tmp_path / "a.parquet"
    write_prepared(path, [case], 5, {})
    with pytest.raises(UserError, match=r"a\.parquet: a foreign shard, without views"):
        read_columns(path, ["id", "views"])
    content = bytearray(path.read_bytes())
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    content[4:footer] = bytes(footer - 4)
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.parquet: a damaged shard"):
        read_columns(path, ["id", "points", "normals"])
