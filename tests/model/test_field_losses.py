import numpy as np
import pytest
import torch

from model.case import Case
from model.field import Answer
from model.field_losses import FAR, RELATIVE, SPACING, Queries, draw_queries, field_terms
from model.neighbours import Cloud
from scans.mesh import LABELS


def sheet(labels: int = 11) -> Case:
    """A square of points of edge 1 in the plane z = 0, facing up."""
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, 120), np.linspace(-0.5, 0.5, 120))
    points = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)]).astype(np.float32)
    normals = np.tile(np.float32([0, 0, 1]), (len(points), 1))
    empty = np.zeros((1, 8, 8), np.uint8)
    return Case("sheet", empty, np.ones(1, bool), points, 40.0, None, normals, np.full(len(points), labels, np.uint8))


def queries(case: Case, count: int = 2000) -> Queries:
    starts = np.array([[0.0, 0.0, 0.2]], np.float32)
    truth = Cloud.of(torch.from_numpy(case.points))
    return draw_queries(case, truth, starts, count, np.random.default_rng(0))


def test_queries_know_their_height_and_distance() -> None:
    drawn = queries(sheet())
    torch.testing.assert_close(drawn.heights, drawn.points[:, 2], atol=1e-6, rtol=0)
    beside = (drawn.points[:, :2].abs() - 0.5).clamp_min(0).norm(dim=1)  # beyond the sheet's border
    expected = torch.hypot(drawn.heights, (beside - SPACING).clamp_min(0))
    torch.testing.assert_close(drawn.distances, expected, atol=0.004, rtol=0)  # true points are 0.0084 apart
    assert (drawn.classes == LABELS.index(11)).all()
    torch.testing.assert_close(drawn.normals, torch.tensor([0.0, 0, 1]).expand(2000, 3))


def test_queries_lie_at_all_distances_and_where_reconstruction_starts() -> None:
    drawn = queries(sheet())
    distance = drawn.points[:1600, 2].abs()
    assert (distance < 0.004).float().mean() > 0.15
    assert (distance > 0.05).float().mean() > 0.05
    begun = drawn.points[1600:]
    assert ((begun - torch.tensor([0.0, 0, 0.2])).abs() <= 0.025 + 1e-6).all()


def test_a_case_without_labels_teaches_none() -> None:
    assert (queries(sheet(labels=0)).classes == -1).all()


def test_a_case_that_was_read_without_its_surface_is_refused() -> None:
    case = sheet()
    bare = Case(case.id, case.views, case.present, case.points, case.radius)
    with pytest.raises(ValueError, match="case sheet has no normals or labels"):
        queries(bare)


def test_terms_by_hand() -> None:
    asked = Queries(
        points=torch.zeros(1, 2, 3),
        heights=torch.tensor([[0.08, -0.005]]),
        normals=torch.tensor([[[0, 0, 1.0], [0, 0, 1.0]]]),
        distances=torch.tensor([[0.08, 0.005]]),
        classes=torch.tensor([[1, -1]]),
    )
    answer = Answer(
        heights=torch.tensor([[0.08, 0.01]]),
        normals=torch.tensor([[[0, 0, 7.0], [3.0, 0, 0]]]),
        distances=torch.tensor([[0.08, 0.035]]),
        classes=torch.zeros(1, 2, len(LABELS)),
        log_radius=torch.tensor([np.log(44.0)], dtype=torch.float32),
    )
    terms = field_terms(answer, asked, torch.tensor([40.0]))
    assert terms["height"].item() == pytest.approx((0.015 / FAR + RELATIVE * 0.015 / 0.015) / 2)
    sure, wrong = np.log1p(np.exp(-8)), 0.5 * np.log1p(np.exp(1))  # the second lies half as far as counts in full
    assert terms["side"].item() == pytest.approx((sure + wrong) / 2, rel=1e-4)
    assert terms["distance"].item() == pytest.approx((0 + 0.03 / FAR) / 2)
    assert terms["normal"].item() == pytest.approx((0 + 1) / 2)
    assert terms["label"].item() == pytest.approx(np.log(len(LABELS)) / 2)
    assert terms["radius"].item() == pytest.approx(np.log(1.1), rel=1e-4)


def test_an_answers_offset_leads_to_the_plane() -> None:
    answer = Answer(torch.tensor([[0.2]]), torch.tensor([[[0.0, 3.0, 0]]]), *3 * [torch.zeros(1, 1)])
    torch.testing.assert_close(answer.offsets, torch.tensor([[[0.0, -0.2, 0]]]))
