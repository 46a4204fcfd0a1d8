import dataclasses

import numpy as np
import pytest
import torch

from model.cases.batch import Batch
from model.cases.case import Case
from model.geometry.field import FieldPrediction
from model.geometry.neighbours import IndexedPoints
from model.geometry.surface_distance import SPACING
from model.losses.field import FAR, RELATIVE, FieldTarget, QueryConfig, field_targets, field_terms
from model.losses.field import sample_queries as sample
from scans.mesh import LABELS

QUERIES = QueryConfig(
    count=2000, nearest_spread=0.004, farthest_spread=0.08, seed_fraction=0.2, seed_jitter=0.025, projected_fraction=0.5
)


def sheet(labels: int = 11) -> Case:
    """A square of points of edge 1 in the plane z = 0, facing up."""
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, 120), np.linspace(-0.5, 0.5, 120))
    points = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)]).astype(np.float32)
    normals = np.tile(np.float32([0, 0, 1]), (len(points), 1))
    empty = np.zeros((1, 8, 8), np.uint8)
    return Case("sheet", empty, np.ones(1, bool), points, 40.0, None, normals, np.full(len(points), labels, np.uint8))


def sampled() -> tuple[torch.Tensor, torch.Tensor]:
    """(1800, 3) query points, and (200, 3) seeds that are to be projected."""
    seed_points = torch.tensor([[0.0, 0.0, 0.2]])
    batch = Batch.collate([sheet()])
    queries, seeds = sample(batch.points, seed_points, QUERIES, torch.Generator().manual_seed(0))
    return queries[0], seeds[0]


def targets(case: Case, points: torch.Tensor) -> FieldTarget:
    """Without the batch axis."""
    batch = Batch.collate([case])
    found = field_targets(batch, IndexedPoints.build_each(batch.points), points[None])
    return FieldTarget(*(column[0] for column in found))


def test_targets_of_a_plane() -> None:
    points, _ = sampled()
    truth = targets(sheet(), points)
    torch.testing.assert_close(truth.signed_distances, points[:, 2], atol=1e-6, rtol=0)
    beside = (points[:, :2].abs() - 0.5).clamp_min(0).norm(dim=1)  # beyond the sheet's border
    expected = torch.hypot(truth.signed_distances, (beside - SPACING).clamp_min(0))
    torch.testing.assert_close(truth.unsigned_distances, expected, atol=0.004, rtol=0)  # true points are 0.0084 apart
    assert (truth.classes == LABELS.index(11)).all()
    torch.testing.assert_close(truth.normals, torch.tensor([0.0, 0, 1]).expand(1800, 3))


def test_queries_lie_at_all_distances_and_about_the_seed_points() -> None:
    points, projected = sampled()
    assert points.shape == (1800, 3)
    assert projected.shape == (200, 3)
    distance = points[:1600, 2].abs()
    assert (distance < 0.004).float().mean() > 0.15
    assert (distance > 0.05).float().mean() > 0.05
    seeds = torch.cat([points[1600:], projected])
    assert ((seeds - torch.tensor([0.0, 0, 0.2])).abs() <= 0.025 + 1e-6).all()


def test_a_case_without_labels_teaches_none() -> None:
    assert (targets(sheet(labels=0), sampled()[0]).classes == -1).all()


def test_each_case_of_a_batch_has_its_own_targets() -> None:
    points = sampled()[0][None]
    lower = dataclasses.replace(sheet(), points=sheet().points - np.float32([0, 0, 0.1]))
    unlabelled = sheet(labels=0)
    batch = Batch.collate([sheet(), lower, unlabelled])
    found = field_targets(batch, IndexedPoints.build_each(batch.points), points.expand(3, -1, -1))
    torch.testing.assert_close(found.signed_distances[1], found.signed_distances[0] + 0.1, atol=1e-6, rtol=0)
    assert (found.classes[:2] == LABELS.index(11)).all()
    assert (found.classes[2] == -1).all()


def test_a_case_that_was_read_without_its_surface_is_refused() -> None:
    case = sheet()
    bare = Case(case.id, case.views, case.view_mask, case.points, case.radius)
    with pytest.raises(ValueError, match="no normals or labels"):
        targets(bare, sampled()[0])


def test_terms_by_hand() -> None:
    truth = FieldTarget(
        signed_distances=torch.tensor([[0.08, -0.005]]),
        normals=torch.tensor([[[0, 0, 1.0], [0, 0, 1.0]]]),
        unsigned_distances=torch.tensor([[0.08, 0.005]]),
        classes=torch.tensor([[1, -1]]),
    )
    answer = FieldPrediction(
        points=torch.zeros(1, 2, 3),
        signed_distances=torch.tensor([[0.08, 0.01]]),
        normals=torch.tensor([[[0, 0, 7.0], [3.0, 0, 0]]]),
        unsigned_distances=torch.tensor([[0.08, 0.035]]),
        class_logits=torch.zeros(1, 2, len(LABELS)),
    )
    terms = field_terms(answer, truth, torch.tensor([44.0]).log(), torch.tensor([40.0]))
    assert terms["signed_distance"].item() == pytest.approx((0.015 / FAR + RELATIVE * 0.015 / 0.015) / 2)
    sure, wrong = np.log1p(np.exp(-8)), 0.5 * np.log1p(np.exp(1))  # the second lies half as far as counts in full
    assert terms["sign"].item() == pytest.approx((sure + wrong) / 2, rel=1e-4)
    assert terms["unsigned_distance"].item() == pytest.approx((0 + 0.03 / FAR) / 2)
    assert terms["normal"].item() == pytest.approx((0 + 1) / 2)
    assert terms["label"].item() == pytest.approx(np.log(len(LABELS)) / 2)
    assert terms["radius"].item() == pytest.approx(np.log(1.1), rel=1e-4)


def test_a_point_is_projected_onto_the_tangent_plane() -> None:
    points = torch.tensor([[[1.0, 1, 1]]])
    answer = FieldPrediction(points, torch.tensor([[0.2]]), torch.tensor([[[0.0, 3.0, 0]]]), *2 * [torch.zeros(1, 1)])
    torch.testing.assert_close(answer.projected, torch.tensor([[[1, 0.8, 1]]]))
