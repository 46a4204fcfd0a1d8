import numpy as np
import pytest

from model.geometry.surface import smoothed
from model.geometry.surface import surface_of as surface


def surface_of(points: np.ndarray, normals: np.ndarray, voxel: float) -> tuple[np.ndarray, np.ndarray]:
    return surface(points, normals, voxel, trim=1.6, min_component_fraction=0.005)


def sphere(count: int, rng: np.random.Generator) -> np.ndarray:
    points = rng.standard_normal((count, 3))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def test_points_of_a_sphere_give_it_back() -> None:
    normals = sphere(20_000, np.random.default_rng(0))
    vertices, faces = surface_of(0.5 * normals, normals, 0.03)
    np.testing.assert_allclose(np.linalg.norm(vertices, axis=1), 0.5, atol=0.004)
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()  # closed


def test_a_sheet_stays_open() -> None:
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(-0.5, 0.5, (20_000, 2)), np.zeros(20_000)]).astype(np.float32)
    vertices, faces = surface_of(points, np.tile(np.float32([0, 0, 1]), (20_000, 1)), 0.02)
    np.testing.assert_allclose(vertices[:, 2], 0, atol=0.001)
    assert np.abs(vertices[:, :2]).max() < 0.5 + 0.035
    corners = vertices[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (across[:, 2] > 0).all()
    assert across[:, 2].sum() / 2 == pytest.approx(1, rel=0.15)


def test_the_two_sides_of_a_thin_plate_stay_apart() -> None:
    rng = np.random.default_rng(0)
    flat = rng.uniform(-0.5, 0.5, (40_000, 2))
    side = np.where(np.arange(40_000) % 2, 1.0, -1.0)
    points = np.column_stack([flat, 0.03 * side]).astype(np.float32)
    normals = np.column_stack([np.zeros((40_000, 2)), side]).astype(np.float32)
    vertices, _ = surface_of(points, normals, 0.02)
    np.testing.assert_allclose(np.abs(vertices[:, 2]), 0.03, atol=0.004)
    assert (vertices[:, 2] > 0).any()
    assert (vertices[:, 2] < 0).any()


def test_specks_are_left_out() -> None:
    rng = np.random.default_rng(0)
    large, small = sphere(20_000, rng), sphere(300, rng)
    points = np.concatenate([0.5 * large, 0.03 * small + np.float32([0.8, 0, 0])])
    vertices, _ = surface_of(points, np.concatenate([large, small]), 0.03)
    assert vertices[:, 0].max() < 0.6


def test_a_single_point_gives_no_more_than_a_patch_about_it() -> None:
    vertices, faces = surface_of(np.zeros((1, 3), np.float32), np.float32([[0, 0, 1]]), 0.02)
    assert 0 < len(faces) < 20
    assert np.abs(vertices).max() < 0.04


def test_smoothing_averages_with_the_neighbours() -> None:
    faces, values = np.array([[0, 1, 2], [1, 3, 2]]), np.array([12, 0, 0, 0])
    np.testing.assert_array_equal(smoothed(values, faces, 0), values)
    np.testing.assert_allclose(smoothed(values, faces, 1), [4, 3, 3, 0])
    np.testing.assert_allclose(smoothed(values, faces, 2), [10 / 3, 2.5, 2.5, 2])
