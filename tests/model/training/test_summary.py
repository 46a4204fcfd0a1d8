import weakref
from pathlib import Path

import numpy as np
import pytest

from model.cases.dataset import CaseDataset
from model.training import mean_shape as mean_shapes
from model.training.seed_points import find_seed_points
from model.training.summary import summarise
from scans.mesh import Mesh
from scans.preparing.normalise import center_and_radius, normalise
from scans.shards import png
from scans.shards.naming import shard_name
from scans.shards.prepared import PreparedCase, write_prepared
from scans.shards.views import ViewsCase, write_views

CASES, POINTS, VIEWS = 40, 64, 3


def cloud(number: int) -> np.ndarray:
    return np.random.default_rng(number).uniform(-0.5, 0.5, (POINTS, 3)).astype(np.float32)


@pytest.fixture
def cases(tmp_path: Path, tetrahedron: Mesh) -> CaseDataset:
    """Forty cases in four shards."""
    picture = png.encode_png(np.full((8, 8), 7, np.uint8))
    labels = np.zeros(POINTS, np.uint8)
    for folder in ("prepared", "views"):
        (tmp_path / folder).mkdir()
    for shard in range(4):
        numbers, name = range(10 * shard, 10 * shard + 10), shard_name("train", shard, 4)
        prepared = [
            PreparedCase(f"c{n:02d}", "train", cloud(n), cloud(n), labels, np.zeros(3), 30.0 + n, tetrahedron, "", {})
            for n in numbers
        ]
        write_prepared(tmp_path / "prepared" / name, prepared, POINTS, {})
        views = [ViewsCase(f"c{n:02d}", "train", [picture] * VIEWS, np.zeros((VIEWS, 2))) for n in numbers]
        write_views(tmp_path / "views" / name, views, (VIEWS, 2), {})
    return CaseDataset(tmp_path / "prepared", tmp_path / "views", "train")


def test_it_is_that_of_all_cases(cases: CaseDataset) -> None:
    summary = summarise(cases, 0)
    assert (summary.image_size, summary.views, summary.mean_shape.shape) == (8, VIEWS, (POINTS, 3))
    assert summary.mean_log_radius == pytest.approx(np.log(30.0 + np.arange(CASES)).mean())
    np.testing.assert_array_equal(summary.seed_points, find_seed_points(cloud(n) for n in range(CASES)))
    rng = np.random.default_rng(0)
    mean_shapes.choose_clouds(CASES, rng)
    clouds = [normalise(cloud(n), *center_and_radius(cloud(n))) for n in range(CASES)]
    expected = mean_shapes.mean_shape(clouds, POINTS, rng)
    np.testing.assert_array_equal(summary.mean_shape, expected)


def test_memory_and_reading_do_not_grow_with_the_cases(cases: CaseDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten thousand jaws: each cloud is read once, those of the mean shape are kept, and no image is decoded."""
    monkeypatch.setattr(mean_shapes, "CLOUDS", 5)
    reads: list[int] = []
    alive = most = decoded = 0
    points, decode = CaseDataset.points, png.decode_png

    def counted(array: np.ndarray) -> np.ndarray:
        nonlocal alive, most
        alive += 1
        most = max(most, alive)

        def gone() -> None:
            nonlocal alive
            alive -= 1

        weakref.finalize(array, gone)
        return array

    def read(self: CaseDataset, number: int) -> np.ndarray:
        reads.append(number)
        return counted(points(self, number))

    def decode_counted(data: bytes, source: str) -> np.ndarray:
        nonlocal decoded
        decoded += 1
        return decode(data, source)

    monkeypatch.setattr(CaseDataset, "points", read)
    monkeypatch.setattr("model.training.summary.normalise", lambda *args: counted(normalise(*args)))
    monkeypatch.setattr("model.cases.dataset.decode_png", decode_counted)
    summarise(cases, 0)
    assert reads == list(range(CASES))
    assert 5 <= most <= 5 + 3
    assert decoded == VIEWS, "of the first case, for their size"
