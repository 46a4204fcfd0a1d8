import numpy as np
import pytest
import torch

from model.geometry.neighbours import (
    IndexedPoints,
    nearest_neighbours,
    nearest_neighbours_excluding_self,
    nearest_neighbours_of_batch,
)


def cloud(points: object) -> IndexedPoints:
    return IndexedPoints.build(torch.as_tensor(np.asarray(points), dtype=torch.float32))


def squares(a: IndexedPoints, b: IndexedPoints) -> torch.Tensor:
    """(N, M) squared distances of all pairs."""
    return ((a.points[:, None] - b.points[None]) ** 2).sum(dim=-1)


def shapes() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    sphere = rng.normal(size=(700, 3))
    return {
        "random": rng.normal(size=(1000, 3)),
        "one point": np.zeros((1, 3)),
        "two points": np.array([[0.0, 0, 0], [1, 0, 0]]),
        "a leaf and one": rng.normal(size=(17, 3)),
        "all equal": np.full((600, 3), 0.25),
        "ten clumps": rng.normal(size=(10, 3))[rng.integers(0, 10, 800)],
        "noisy clumps": rng.normal(size=(10, 3))[rng.integers(0, 10, 800)] + 1e-7 * rng.normal(size=(800, 3)),
        "collinear": np.linspace(-1, 1, 900)[:, None] * [1.0, 0, 0],
        "grid": np.stack(np.meshgrid(*[np.arange(9.0)] * 3), axis=-1).reshape(-1, 3) / 4 - 1,
        "sphere": sphere / np.linalg.norm(sphere, axis=1, keepdims=True),
        "its centre": 1e-6 * rng.normal(size=(500, 3)),
        "far away": rng.normal(size=(300, 3)) + 1e4,
    }


@pytest.mark.parametrize("queries", shapes())
@pytest.mark.parametrize("targets", shapes())
def test_nearest_is_the_brute_force_minimum(queries: str, targets: str) -> None:
    a, b = cloud(shapes()[queries]), cloud(shapes()[targets])
    index = nearest_neighbours(a, b)
    assert index.dtype == torch.int64
    every = squares(a, b)
    assert torch.equal(every[torch.arange(len(index)), index], every.min(dim=1).values)


@pytest.mark.parametrize("name", [name for name in shapes() if name != "one point"])
def test_nearest_other_leaves_out_the_point_itself(name: str) -> None:
    a = cloud(shapes()[name])
    index = nearest_neighbours_excluding_self(a)
    every = squares(a, a).fill_diagonal_(torch.inf)
    assert torch.equal(every[torch.arange(len(index)), index], every.min(dim=1).values)
    assert (index != torch.arange(len(index))).all()


def test_indices_name_places_in_the_clouds_as_given() -> None:
    a = cloud([[0, 0, 0.1], [5, 0, 0]])
    b = cloud([[4, 0, 0], [9, 9, 9], [0, 0, 0]])
    assert nearest_neighbours(a, b).tolist() == [2, 0]
    assert nearest_neighbours(b, a).tolist() == [1, 1, 0]


def test_double_points_and_gradients_are_taken_and_no_gradient_comes_back() -> None:
    points = torch.rand(50, 3, dtype=torch.float64, requires_grad=True)
    assert nearest_neighbours(IndexedPoints.build(points), IndexedPoints.build(points)).tolist() == list(range(50))


@pytest.mark.parametrize("shape", [(0, 3), (4, 2), (3,), (2, 4, 3)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(N, 3\)"):
        IndexedPoints.build(torch.zeros(shape))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_points_that_are_not_finite_are_refused(value: float) -> None:
    points = torch.zeros(40, 3)
    points[7, 1] = value
    with pytest.raises(ValueError, match="NaN or infinity"):
        IndexedPoints.build(points)


def test_a_single_point_has_no_other() -> None:
    with pytest.raises(ValueError, match="single point"):
        nearest_neighbours_excluding_self(cloud([[0, 0, 0]]))


def test_of_several_equally_near_points_the_first_is_named() -> None:
    rng = np.random.default_rng(0)
    few = rng.integers(-2, 3, (700, 3))  # 125 places, so that each holds several points
    a, b = cloud(rng.integers(-2, 3, (300, 3))), cloud(few)
    every = squares(a, b)
    first = torch.where(every == every.min(dim=1, keepdim=True).values, torch.arange(700), 700).min(dim=1).values
    assert torch.equal(nearest_neighbours(a, b), first)
    every = squares(b, b).fill_diagonal_(torch.inf)
    first = torch.where(every == every.min(dim=1, keepdim=True).values, torch.arange(700), 700).min(dim=1).values
    assert torch.equal(nearest_neighbours_excluding_self(b), first)


def test_cases_of_a_batch_are_searched_in_their_own_targets() -> None:
    generator = torch.Generator().manual_seed(0)
    queries = torch.rand(3, 40, 3, generator=generator)
    targets = [IndexedPoints.build(torch.rand(size, 3, generator=generator)) for size in (30, 7, 100)]
    found = nearest_neighbours_of_batch(queries, targets)
    for case, target in enumerate(targets):
        assert torch.equal(found[case], nearest_neighbours(IndexedPoints.build(queries[case]), target))
    queries[1, 3] = torch.nan
    assert 0 <= nearest_neighbours_of_batch(queries, targets)[1, 3] < 7
