from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.cases.case import Case
from model.cases.dataset import CaseDataset, collate
from scans.errors import UserError
from scans.mesh import Mesh
from scans.shards.naming import shard_name
from scans.shards.png import encode_png
from scans.shards.prepared import PreparedCase, write_prepared
from scans.shards.views import ViewsCase, write_views


def prepared(path: Path, ids: list[str], mesh: Mesh) -> None:
    points = np.arange(12, dtype=np.float32).reshape(4, 3)
    cases = [
        PreparedCase(name, "train", points + n, points, np.zeros(4, np.uint8), np.zeros(3), 40.0 + n, mesh, "", {})
        for n, name in enumerate(ids)
    ]
    write_prepared(path, cases, 4, {})


def views(path: Path, ids: list[str], metadata: dict[str, Any] | None = None) -> None:
    png = encode_png(np.full((8, 8), 7, np.uint8))
    write_views(path, [ViewsCase(name, "train", [png] * 3, np.zeros((3, 2))) for name in ids], (3, 2), metadata or {})


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
    cases = CaseDataset(*folders, "train")
    assert [case.id for case in cases] == ["a", "b", "c"]
    assert [case.radius for case in cases] == [40.0, 41.0, 40.0]
    assert cases[1].views.shape == (3, 8, 8)
    assert (cases[1].views == 7).all()
    np.testing.assert_array_equal(cases[1].points, np.arange(12).reshape(4, 3) + 1)
    assert list(CaseDataset(*folders, "test")) == []


def test_shards_that_are_about_other_cases_are_refused(folders: tuple[Path, Path]) -> None:
    views(folders[1] / shard_name("train", 1, 2), ["d"])
    with pytest.raises(UserError, match=r"train-00001-of-00002.parquet: other cases than in .*dvc repro"):
        CaseDataset(*folders, "train")


def test_shards_of_two_crops_are_refused(folders: tuple[Path, Path]) -> None:
    assert CaseDataset(*folders, "train").crop == "none"
    views(folders[1] / shard_name("train", 1, 2), ["c"], {"views": {"crop": "silhouette"}})
    with pytest.raises(UserError, match=r"cropped and whole train views. Run `dvc repro`"):
        CaseDataset(*folders, "train")


def test_a_missing_view_shard_is_noticed(folders: tuple[Path, Path]) -> None:
    for path in folders[1].iterdir():
        path.unlink()
    views(folders[1] / shard_name("train", 0, 1), ["a", "b"])
    with pytest.raises(UserError, match="not as many train shards"):
        CaseDataset(*folders, "train")


def test_a_broken_picture_is_named_with_its_case_and_view(folders: tuple[Path, Path]) -> None:
    cases = [ViewsCase("c", "train", [b"no png"] * 3, np.zeros((3, 2)))]
    write_views(folders[1] / shard_name("train", 1, 2), cases, (3, 2), {})
    with pytest.raises(UserError, match="case c, view 0"):
        list(CaseDataset(*folders, "train"))


def identities(batch: list[Case]) -> list[tuple[str, float, int]]:
    return [(case.id, float(case.points[0, 0]), int(case.views[0, 0, 0])) for case in batch]


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_workers_see_what_one_process_sees(folders: tuple[Path, Path], method: str) -> None:
    import torch
    from torch.utils.data import DataLoader

    cases = CaseDataset(*folders, "train")
    expected = identities([cases[number] for number in (2, 0, 1)])  # and files are open when the workers start
    order = torch.utils.data.SubsetRandomSampler([0, 1, 2], torch.Generator().manual_seed(1))
    alone = [identities(batch) for batch in DataLoader(cases, 2, sampler=order, collate_fn=list)]
    order.generator.manual_seed(1)
    loader = DataLoader(cases, 2, sampler=order, collate_fn=identities, num_workers=2, multiprocessing_context=method)
    assert list(loader) == alone
    assert sorted(chain.from_iterable(alone)) == sorted(expected)


def test_a_batch_has_views_cameras_points_and_radii(folders: tuple[Path, Path]) -> None:
    cases = CaseDataset(*folders, "train")
    batch = collate([cases[1], cases[0]])
    assert batch["id"] == ["b", "a"]
    assert batch["views"].shape == (2, 3, 8, 8)
    assert batch["cameras"].shape == (2, 3, 2)
    np.testing.assert_array_equal(batch["points"][1], np.arange(12).reshape(4, 3))
    assert batch["radius"].tolist() == [41.0, 40.0]


def test_a_worker_s_batch_is_the_same_and_comes_in_one_block(folders: tuple[Path, Path]) -> None:
    from torch.utils.data import DataLoader

    cases = CaseDataset(*folders, "train")
    (whole, rest) = DataLoader(cases, 2, num_workers=1, collate_fn=collate)
    expected = collate([cases[0], cases[1]])
    assert whole.keys() == expected.keys()
    assert whole["id"] == ["a", "b"]
    tensors = {name: tensor for name, tensor in whole.items() if name != "id"}
    for name, tensor in tensors.items():
        assert tensor.dtype == expected[name].dtype
        np.testing.assert_array_equal(tensor, expected[name])
    assert len({tensor.untyped_storage().data_ptr() for tensor in tensors.values()}) == 1
    whole["points"][:] = 9  # its block is its own
    np.testing.assert_array_equal(rest["points"][0], cases[2].points)


def test_a_block_is_filled_anew_when_its_batch_is_gone_and_not_before(folders: tuple[Path, Path]) -> None:
    from torch.utils.data import DataLoader

    cases = CaseDataset(*folders, "train")
    loader = DataLoader(cases, 1, sampler=[0, 1, 2] * 6, num_workers=1, collate_fn=collate)
    kept, places = [], set()
    for number, batch in enumerate(loader):
        np.testing.assert_array_equal(batch["points"][0], cases[number % 3].points)
        places.add(batch["points"].data_ptr())
        if number < 3:
            kept.append(batch["points"])
    assert len(places) <= 3 + 5  # kept, at work, waiting (2), here, and just given up
    for number, points in enumerate(kept):
        np.testing.assert_array_equal(points[0], cases[number].points)


def test_more_shards_than_may_be_open(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.cases.dataset.OPEN_SHARDS", 1)
    cases = CaseDataset(*folders, "train")
    assert [cases[number].id for number in (0, 2, 1, 2)] == ["a", "c", "b", "c"]
    assert cases[-1].id == "c"
    with pytest.raises(IndexError):
        cases[3]


def test_a_case_is_one_s_own_to_change(folders: tuple[Path, Path]) -> None:
    cases = CaseDataset(*folders, "train")
    cases[0].points[:] = 9
    cases[0].views[:] = 9
    assert identities([cases[0]]) == [("a", 0.0, 7)]


def test_points_and_view_counts_need_no_images(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    name = shard_name("train", 1, 2)
    png = encode_png(np.zeros((8, 8), np.uint8))
    write_views(folders[1] / name, [ViewsCase("c", "train", [png, None, png], np.zeros((3, 2)))], (3, 2), {})
    monkeypatch.setattr("model.cases.dataset.decode_png", None)  # would fail if it were called
    cases = CaseDataset(*folders, "train")
    assert cases.view_counts().tolist() == [3, 3, 2]
    assert cases.radii.tolist() == [40.0, 41.0, 40.0]
    np.testing.assert_array_equal(cases.points(1), np.arange(12).reshape(4, 3) + 1)
    with pytest.raises(TypeError):
        cases[0]
