import base64

import numpy as np
import pytest

from stages.pages.scene import Layer, Name, estimated_normals, pack, spacing


def numbers(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype)


def grid(side: int) -> Layer:
    """A flat square of side² vertices with two faces a cell, and the x of each as its value."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side)))
    corners = np.arange(side * side).reshape(side, side)
    a, b, c, d = corners[:-1, :-1], corners[:-1, 1:], corners[1:, 1:], corners[1:, :-1]
    faces = np.concatenate([np.stack(each, axis=-1).reshape(-1, 3) for each in ((a, b, c), (a, c, d))])
    return Layer("square", "#ffffff", np.stack([x, y, 0 * x], axis=1), None, faces, {"x": x})


def test_positions_come_back_within_the_step_of_16_bits() -> None:
    points = np.random.default_rng(0).normal(size=(50, 3))
    packed = pack([Layer("p", "#000000", points, points, values={"v": np.linspace(-1, 2, 50)})], 1e6, "A")
    layer = packed["layers"][0]
    found = numbers(layer["positions"], "<i2").reshape(-1, 3) / 32767 * packed["extent"]
    assert np.abs(found - points).max() <= packed["extent"] / 32767
    values = numbers(layer["values"]["v"], "u1")
    assert (values.min(), values.max()) == (0, 255), "clipped, not wrapped around"


def test_large_clouds_are_thinned_to_the_size_and_the_same_way_each_time() -> None:
    points = np.random.default_rng(0).uniform(size=(10_000, 3))
    layer = Layer("p", "#000000", points, points, values={"v": points[:, 0]})
    first, again = (pack([layer], 20_000, "A") for _ in range(2))
    assert first == again
    assert pack([layer], 20_000, "B") != first
    kept = first["layers"][0]
    assert 19_000 < sum(map(len, (kept["positions"], kept["normals"], kept["values"]["v"]))) <= 20_010
    # Each point keeps its own value.
    x = numbers(kept["positions"], "<i2").reshape(-1, 3)[:, 0] / 32767 * first["extent"]
    assert np.abs(x - numbers(kept["values"]["v"], "u1") / 255).max() < 0.003


def test_a_large_mesh_becomes_coarser_without_a_hole() -> None:
    layer = grid(60)
    packed = pack([layer], 40_000, "A")["layers"][0]
    points = numbers(packed["positions"], "<i2").reshape(-1, 3) / 32767
    faces = numbers(packed["faces"], "<u4").reshape(-1, 3)
    assert len(points) < len(layer.points)
    assert len(packed["positions"]) + len(packed["faces"]) < 40_000
    a, b, c = (points[faces[:, corner]] for corner in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2
    low, high = points.min(axis=0)[:2], points.max(axis=0)[:2]
    assert area == pytest.approx(np.prod(high - low), rel=0.02)


def test_normals_of_a_plane_stand_on_it() -> None:
    flat = np.random.default_rng(0).uniform(size=(200, 3)) * [1, 1, 0]
    assert np.abs(estimated_normals(flat)[:, 2]).min() > 0.999


def test_spacing_is_the_distance_to_the_nearest_other_point() -> None:
    assert spacing(np.array([[0, 0, 0], [1, 0, 0], [4, 0, 0.0]])).tolist() == [1, 1, 3]


def test_each_vertex_keeps_its_own_colour_however_coarse_the_mesh() -> None:
    square = grid(60)
    tint = np.where(square.points[:, :1] < 0.5, [255, 0, 0], [0, 0, 255]).astype(np.uint8)
    layer = Layer("square", "#ffffff", square.points, None, square.faces, tint=tint)
    for size in (1e6, 40_000):
        packed = pack([layer], size, "A", [Name("11", np.array([0.5, 1 / 3, 0]), np.array([0, 0, 1.0]))])
        found = numbers(packed["layers"][0]["tint"], "u1").reshape(-1, 3)
        x = numbers(packed["layers"][0]["positions"], "<i2").reshape(-1, 3)[:, 0] / 32767
        assert (found[x < 0.45] == [255, 0, 0]).all()
        assert (found[x > 0.55] == [0, 0, 255]).all()
        assert packed["names"] == [{"text": "11", "at": [0.5, 0.3333, 0.0], "outward": [0.0, 0.0, 1.0]}]
    cloud = Layer("p", "#ffffff", square.points, square.points, tint=tint)
    few = pack([cloud], 3000, "A")["layers"][0]
    assert len(numbers(few["tint"], "u1")) == len(numbers(few["positions"], "<i2")) < 3 * len(square.points)
