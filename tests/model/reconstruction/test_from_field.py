"""From a field to a surface, with a field that is known: a ball's."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from model.geometry.field import FieldPrediction
from model.networks.field import FieldConfig, FieldNetwork, ViewFeatures
from model.reconstruction.evidence import COLUMNS
from model.reconstruction.from_field import LOST, _jittered, _thinned
from model.reconstruction.result import Reconstruction
from scans.mesh import LABELS
from tests.model.networks.test_field import KWARGS, cameras

RADIUS = 0.5


class Ball(FieldNetwork):
    """Answers as a perfect network would about a ball whose upper half is tooth 11."""

    def query(self, features: ViewFeatures, points: torch.Tensor) -> FieldPrediction:
        del features
        length = points.norm(dim=-1)
        class_logits = points.new_zeros(*points.shape[:2], len(LABELS))
        class_logits[..., LABELS.index(11)] = points[..., 2]
        return FieldPrediction(points, length - RADIUS, 2 * points, (length - RADIUS).abs(), class_logits)


@pytest.fixture(scope="module")
def ball() -> FieldNetwork:
    torch.manual_seed(0)
    network = Ball(FieldConfig(**KWARGS | {"seed_points": 20_000})).eval()
    network.set_priors(torch.rand(20_000, 3) - 0.5, 3.7)
    return network


def reconstruct(network: FieldNetwork, points: int = 3000) -> Reconstruction:
    views = np.zeros((10, 32, 32), np.uint8)
    return network.reconstruct(views, np.ones(10, bool), cameras().numpy(), points)


def test_points_are_projected_onto_the_surface_and_meshed_with_labels(ball: FieldNetwork) -> None:
    made = reconstruct(ball)
    assert made.mesh is not None
    assert made.points.shape == (3000, 3)
    np.testing.assert_allclose(np.linalg.norm(made.mesh.vertices, axis=1), RADIUS, atol=0.003)
    np.testing.assert_allclose(np.linalg.norm(made.points, axis=1), RADIUS, atol=0.003)
    edges = np.sort(made.mesh.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    assert (
        np.unique(edges, axis=0, return_counts=True)[1] == 2
    ).mean() > 0.999  # closed, but for where points are rare
    assert made.labels is not None
    clear = np.abs(made.points[:, 2]) > 0.02
    np.testing.assert_array_equal(made.labels[clear], np.where(made.points[clear, 2] > 0, 11, 0))
    assert made.normals is not None
    assert ((made.normals * made.points).sum(axis=1) > 0.95 * RADIUS).all()
    assert made.radius == pytest.approx(np.exp(3.7), rel=1e-6)
    assert made.confidence is not None
    assert made.confidence.expected_error is None, "no error head is fitted yet"
    top, bottom = made.points[:, 2] > 0.498, made.points[:, 2] < -0.49
    assert made.confidence.views_seen[top].min() >= 1, "by the camera above"
    assert made.confidence.views_seen[bottom].max() == 0, "the ring stands 20 degrees above the horizon"
    assert made.vertex_confidence is not None
    assert len(made.vertex_confidence.views_seen) == len(made.mesh.vertices) == len(made.evidence)
    slopes = made.evidence[:, COLUMNS.index("mean slope of the field nearby")]
    np.testing.assert_allclose(slopes, 1, atol=1e-3, err_msg="a distance rises by as much as the way")


class DistrustsLow:
    """Stands in for an error head: expects `low` below the equator, where no view sees the ball, and 0 above it."""

    def __init__(self, low: float) -> None:
        self.low = low

    def __call__(self, evidence: np.ndarray) -> np.ndarray:
        below = evidence[:, COLUMNS.index("height")] < 0
        return np.where(below, self.low, 0.0).astype(np.float32)


def test_hidden_surface_of_a_large_expected_error_is_left_out(
    ball: FieldNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = reconstruct(ball)
    limited = replace(ball.config, reconstruction=replace(ball.config.reconstruction, max_hidden_error=0.03))
    monkeypatch.setattr(ball, "config", limited)
    monkeypatch.setattr(ball, "error_head", DistrustsLow(0.02))
    assert reconstruct(ball).left_out == 0, "no more than the limit"
    monkeypatch.setattr(ball, "error_head", DistrustsLow(0.3))
    made = reconstruct(ball)
    assert made.mesh is not None
    assert made.vertex_confidence is not None
    hidden = made.vertex_confidence.views_seen == 0
    assert made.left_out == pytest.approx(1 - len(made.mesh.faces) / len(whole.mesh.faces))
    assert 0.05 < made.left_out < 0.2
    assert whole.mesh.vertices[:, 2].min() < -0.49
    assert made.mesh.vertices[:, 2].min() > -0.45, "the bottom is gone"
    assert (made.vertex_confidence.views_seen > 0).sum() > 0.99 * (whole.vertex_confidence.views_seen > 0).sum()
    assert made.points[:, 2].min() >= made.mesh.vertices[:, 2].min() - 1e-6
    assert len(made.evidence) == len(made.mesh.vertices) == len(made.mesh.labels) == len(hidden)
    assert made.points.shape == (3000, 3)


def test_a_surface_that_would_all_be_left_out_stays(ball: FieldNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    limited = replace(ball.config, reconstruction=replace(ball.config.reconstruction, max_hidden_error=0.03))
    monkeypatch.setattr(ball, "config", limited)
    monkeypatch.setattr(ball, "error_head", lambda evidence: np.full(len(evidence), 9.0, np.float32))
    views, nowhere = np.zeros((1, 32, 32), np.uint8), cameras().numpy()[:1].copy()
    nowhere[:, 3] += 100  # so far to the side that it sees nothing of the ball
    made = ball.reconstruct(views, np.ones(1, bool), nowhere, 3000)
    assert made.mesh is not None
    assert made.left_out == 0


class Lopsided(FieldNetwork):
    """Sees the ball too far on the right of whatever pictures it is shown; its right half is tooth 11, its left 21."""

    def query(self, features: ViewFeatures, points: torch.Tensor) -> FieldPrediction:
        del features
        from_middle = points - points.new_tensor([0.05, 0.0, 0.0])
        length = from_middle.norm(dim=-1)
        class_logits = points.new_zeros(*points.shape[:2], len(LABELS))
        class_logits[..., LABELS.index(11)] = points[..., 0]
        class_logits[..., LABELS.index(21)] = -points[..., 0]
        return FieldPrediction(points, length - RADIUS, 2 * from_middle, (length - RADIUS).abs(), class_logits)


def test_the_mean_with_mirrored_views_has_no_error_that_prefers_a_side() -> None:
    config = FieldConfig(**KWARGS | {"seed_points": 20_000})
    network = Lopsided(config).eval()
    network.set_priors(torch.rand(20_000, 3, generator=torch.Generator().manual_seed(0)) - 0.5, 3.7)
    network.error_head = None
    plain = reconstruct(network)
    network.config = replace(config, reconstruction=replace(config.reconstruction, mirrored=True, max_distance=0.1))
    made = reconstruct(network)
    assert plain.mesh is not None
    assert made.mesh is not None
    low, high = plain.mesh.vertices[:, 0].min(), plain.mesh.vertices[:, 0].max()
    assert (low + high) / 2 == pytest.approx(0.05, abs=0.003)
    low, high = made.mesh.vertices[:, 0].min(), made.mesh.vertices[:, 0].max()
    assert (low + high) / 2 == pytest.approx(0.0, abs=0.003)
    assert made.labels is not None
    clear = np.abs(made.points[:, 0]) > 0.02
    np.testing.assert_array_equal(made.labels[clear], np.where(made.points[clear, 0] > 0, 11, 21))


def test_the_radius_is_estimated_from_the_crowns_of_the_mesh(
    ball: FieldNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[np.ndarray, np.ndarray, float]] = []

    def estimator(points: np.ndarray, labels: np.ndarray, radius: float) -> float:
        told.append((points, labels, radius))
        return 31.5

    monkeypatch.setattr(ball, "radius_estimator", estimator)
    made = reconstruct(ball)
    assert made.radius == 31.5
    ((points, labels, radius),) = told
    assert made.mesh is not None
    np.testing.assert_array_equal(points, made.mesh.vertices)
    np.testing.assert_array_equal(labels, made.mesh.labels)
    assert radius == pytest.approx(np.exp(3.7), rel=1e-6)


def test_any_number_of_points_the_same_each_time(ball: FieldNetwork) -> None:
    assert reconstruct(ball, 70_000).points.shape == (70_000, 3)
    np.testing.assert_array_equal(reconstruct(ball).points, reconstruct(ball).points)


def test_a_network_that_has_learnt_nothing_answers_without_a_surface() -> None:
    torch.manual_seed(0)
    network = FieldNetwork(FieldConfig(**KWARGS)).eval()
    with torch.no_grad():
        network.head.bias[4] = 5.0  # everything is far from the surface
    made = reconstruct(network)
    assert made.points.shape == (3000, 3)
    assert np.isfinite(made.points).all()
    assert made.mesh is None
    assert made.normals is None


def test_seed_points_that_are_lost_or_share_a_cell_are_not_projected_again() -> None:
    near = torch.tensor([[0.011, 0, 0], [0.012, 0, 0], [0.031, 0, 0], [0.5, 0, 0]])
    far = torch.tensor([[0.5, 0, 0], [0.6, 0, 0], [0.7, 0, 0], [0.8, 0, 0]])
    residuals = torch.tensor([[0.0, 0.0, LOST / 2, 2 * LOST], [2 * LOST] * 4])
    thinned = _thinned(torch.stack([near, far]), residuals, 0.02)
    first = near[[0, 2]]
    torch.testing.assert_close(thinned[0], torch.cat([first, first]))  # as many as the other case has
    torch.testing.assert_close(thinned[1], far)  # of nothing but lost ones, all


def test_every_second_seed_point_is_projected(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    network = Ball(FieldConfig(**KWARGS | {"seed_points": 2001})).eval()
    network.set_priors(torch.rand(2001, 3, generator=torch.Generator().manual_seed(0)) - 0.5, 3.7)
    query = network.query
    monkeypatch.setattr(network, "query", lambda features, points: asked.append(points) or query(features, points))
    reconstruct(network)
    assert torch.equal(asked[0][0], network.seed_points[::2])


def test_points_about_a_seed_point_lie_in_its_tangent_plane_in_all_directions() -> None:
    config = replace(FieldConfig(**KWARGS).reconstruction, target_points=4000, tangential_jitter=0.1)
    normals = np.array([[0, 0, 1], [0.6, 0, 0.8]], np.float32)
    seeds = np.array([[0, 0, 0], [1, 0, 0]], np.float32)
    points = _jittered(seeds, normals, np.zeros(2), np.random.default_rng(0), config=config)
    steps = points.reshape(2, 2000, 3) - seeds[:, None]
    np.testing.assert_allclose((steps * normals[:, None]).sum(axis=-1), 0, atol=1e-6)
    np.testing.assert_allclose(steps.mean(axis=1), 0, atol=0.005)
    np.testing.assert_allclose((steps**2).sum(axis=-1).mean(axis=1), 2 * 0.1**2, rtol=0.01)  # normal in the plane
    angles = np.sort(np.arctan2(steps[0, :, 1], steps[0, :, 0]))
    assert np.diff(angles).max() < 2 * 2 * np.pi / 2000  # one in each stratum
