from pathlib import Path

import numpy as np
import pytest

from model.dataset import load_cases
from scans.errors import UserError
from scans.mesh import Mesh
from scans.png import encode_png
from scans.shards.naming import shard_name
from scans.shards.prepared import PreparedCase, write_prepared
from scans.shards.views import ViewsCase, write_views


def prepared(path: Path, ids: list[str], mesh: Mesh) -> None:
    points = np.arange(12, dtype=np.float32).reshape(4, 3)
    cases = [
        PreparedCase(name, "train", points + n, points, np.zeros(4, np.uint8), np.zeros(3), 40.0 + n, mesh, "", {})
        for n, name in enumerate(ids)
    ]
    write_prepared(path, cases, 4, {})


def views(path: Path, ids: list[str]) -> None:
    png = encode_png(np.full((8, 8), 7, np.uint8))
    write_views(path, [ViewsCase(name, "train", [png] * 3, np.zeros((3, 2))) for name in ids], (3, 2), {})


@pytest.fixture
def folders(tmp_path: Path, tetrahedron: Mesh) -> tuple[Path, Path]:
    for name in ("prepared", "views"):
        (tmp_path / name).mkdir()
    for number, ids in enumerate((["a", "b"], ["c"])):
        name = shard_name("train", number, 2)
        prepared(tmp_path / "prepared" / name, ids, tetrahedron)
        views(tmp_path / "views" / name, ids)
    return tmp_path / "prepared", tmp_path / "views"


def test_cases_come_in_the_shards_order(folders: tuple[Path, Path]) -> None:
    cases = load_cases(*folders, "train")
    assert [case.id for case in cases] == ["a", "b", "c"]
    assert [case.radius for case in cases] == [40.0, 41.0, 40.0]
    assert cases[1].views.shape == (3, 8, 8)
    assert (cases[1].views == 7).all()
    np.testing.assert_array_equal(cases[1].points, np.arange(12).reshape(4, 3) + 1)
    assert load_cases(*folders, "test") == []


def test_shards_that_are_about_other_cases_are_refused(folders: tuple[Path, Path]) -> None:
    views(folders[1] / shard_name("train", 1, 2), ["d"])
    with pytest.raises(UserError, match=r"train-00001-of-00002.parquet: other cases than in .*dvc repro"):
        load_cases(*folders, "train")


def test_a_missing_view_shard_is_noticed(folders: tuple[Path, Path]) -> None:
    for path in folders[1].iterdir():
        path.unlink()
    views(folders[1] / shard_name("train", 0, 1), ["a", "b"])
    with pytest.raises(UserError, match="not as many train shards"):
        load_cases(*folders, "train")


def test_a_broken_picture_is_named_with_its_case_and_view(folders: tuple[Path, Path]) -> None:
    cases = [ViewsCase("c", "train", [b"no png"] * 3, np.zeros((3, 2)))]
    write_views(folders[1] / shard_name("train", 1, 2), cases, (3, 2), {})
    with pytest.raises(UserError, match="case c, view 0"):
        load_cases(*folders, "train")
