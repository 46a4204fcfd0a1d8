import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.losses.field import QueryConfig
from model.networks.checkpoint import load_checkpoint, save_checkpoint
from model.networks.field import FieldConfig, FieldNetwork
from model.reconstruction.from_field import ReconstructionConfig
from renderers.rigs.rigs import ring_rig
from scans.cameras import camera_array
from scans.errors import UserError

KWARGS: dict[str, Any] = {
    "encoder": "test_efficientnet", "image_size": 32, "width": 16, "heads": 2, "channels": 4, "view_width": 8,
    "seed_points": 5,
    "queries": QueryConfig(
        count=64, nearest_spread=0.004, farthest_spread=0.08, seed_fraction=0.2, seed_jitter=0.025,
        projected_fraction=0.5,
    ),
    "reconstruction": ReconstructionConfig(
        projection_rounds=3, max_residual=0.045, decimation_cell=0.02, tangential_jitter=0.03, target_points=28_000,
        max_distance=0.014, voxel=0.012, trim=1.6, min_component_fraction=0.005,
    ),
}  # fmt: skip


def cameras() -> torch.Tensor:
    """(10, 23)"""
    rig = ring_rig(ring_views=9, elevation=20, distance=3.0, field_of_view=40, image_size=32, order=tuple(range(10)))
    return torch.from_numpy(camera_array(rig))


@pytest.fixture
def network() -> FieldNetwork:
    torch.manual_seed(0)
    return FieldNetwork(FieldConfig(**KWARGS)).eval()


def test_shapes(network: FieldNetwork) -> None:
    views = torch.randint(0, 256, (2, 10, 32, 32), dtype=torch.uint8)
    view_mask = torch.ones(2, 10, dtype=torch.bool)
    answer, log_radius = network(views, view_mask, cameras().expand(2, -1, -1), torch.rand(2, 7, 3))
    assert answer.signed_distances.shape == answer.unsigned_distances.shape == (2, 7)
    assert answer.normals.shape == answer.projected.shape == (2, 7, 3)
    assert answer.class_logits.shape == (2, 7, 33)
    assert log_radius.shape == (2,)
    assert (answer.unsigned_distances > 0).all()


def test_the_order_of_the_views_does_not_matter(network: FieldNetwork) -> None:
    views, points = torch.randint(0, 256, (1, 10, 32, 32), dtype=torch.uint8), torch.rand(1, 7, 3) - 0.5
    view_mask = torch.ones(1, 10, dtype=torch.bool)
    order = torch.randperm(10)
    straight, _ = network(views, view_mask, cameras()[None], points)
    mixed, _ = network(views[:, order], view_mask, cameras()[None, order], points)
    torch.testing.assert_close(mixed.signed_distances, straight.signed_distances, atol=1e-5, rtol=1e-4)


def test_absent_views_are_never_looked_at(network: FieldNetwork) -> None:
    views, points = torch.randint(0, 256, (1, 10, 32, 32), dtype=torch.uint8), torch.rand(1, 7, 3) - 0.5
    view_mask = torch.arange(10)[None] < 4
    masked, _ = network(views, view_mask, cameras()[None], points)
    alone, _ = network(views[:, :4], view_mask[:, :4], cameras()[None, :4], points)
    torch.testing.assert_close(masked.signed_distances, alone.signed_distances, atol=1e-6, rtol=1e-5)


def test_cases_do_not_see_each_other(network: FieldNetwork) -> None:
    views, points = torch.randint(0, 256, (2, 10, 32, 32), dtype=torch.uint8), torch.rand(2, 7, 3) - 0.5
    view_mask = torch.ones(2, 10, dtype=torch.bool)
    both, _ = network(views, view_mask, cameras().expand(2, -1, -1), points)
    second, _ = network(views[1:], view_mask[1:], cameras()[None], points[1:])
    torch.testing.assert_close(both.signed_distances[1:], second.signed_distances, atol=1e-6, rtol=1e-5)


def test_seeds_are_first_projected(network: FieldNetwork) -> None:
    views, points = torch.randint(0, 256, (1, 10, 32, 32), dtype=torch.uint8), torch.rand(1, 7, 3) - 0.5
    view_mask = torch.ones(1, 10, dtype=torch.bool)
    still, _ = network(views, view_mask, cameras()[None], points)
    found, _ = network(views, view_mask, cameras()[None], points[:, :4], points[:, 4:])
    assert torch.equal(still.points, points)
    assert torch.equal(found.points[:, :4], points[:, :4])
    torch.testing.assert_close(found.points[:, 4:], still.projected[:, 4:])
    there, _ = network(views, view_mask, cameras()[None], found.points)
    torch.testing.assert_close(found.signed_distances, there.signed_distances)


def test_few_points_are_answered_as_many_are(network: FieldNetwork) -> None:
    """Fewer than a map's pixels, the first layer is computed for each point."""
    views, view_mask = torch.randint(0, 256, (1, 10, 32, 32), dtype=torch.uint8), torch.ones(1, 10, dtype=torch.bool)
    points = torch.rand(1, 300, 3) - 0.5  # the finest map has 16 x 16 pixels
    many, _ = network(views, view_mask, cameras()[None], points)
    few, _ = network(views, view_mask, cameras()[None], points[:, :200])
    torch.testing.assert_close(few.class_logits, many.class_logits[:, :200], rtol=1e-4, atol=1e-5)
    features = network.encode(views, view_mask, cameras()[None], prepare=False)
    assert features.maps.shape == (1, 10, 16, 16, network.config.channels)


def test_the_radius_starts_as_the_training_mean(network: FieldNetwork) -> None:
    network.set_priors(torch.rand(5, 3), mean_log_radius=3.7)
    views = torch.randint(0, 256, (1, 10, 32, 32), dtype=torch.uint8)
    _, log_radius = network(views, torch.ones(1, 10, dtype=torch.bool), cameras()[None], torch.zeros(1, 1, 3))
    torch.testing.assert_close(log_radius, torch.tensor([3.7]))


def test_it_knows_where_a_crop_stands(network: FieldNetwork) -> None:
    """Two crops of equal size from one camera are told apart by the fused vector, not only by projection."""
    views, points = torch.randint(0, 256, (1, 10, 32, 32), dtype=torch.uint8), torch.rand(1, 7, 3) - 0.5
    moved = cameras()[None].clone()
    moved[..., 18] += 16  # cx
    features = [network.encode(views, torch.ones(1, 10, dtype=torch.bool), each) for each in (cameras()[None], moved)]
    assert not torch.equal(features[0].fused, features[1].fused)
    assert not torch.equal(*(network.query(each, points).signed_distances for each in features))


def test_a_checkpoint_of_an_earlier_version_has_the_grids_channels_first(network: FieldNetwork, tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    save_checkpoint(network, path, params_digest="", history=[])
    state = load_file(path)
    description = json.loads(path.with_suffix(".json").read_text())
    earlier = state["feature_grid.grid"].permute(3, 0, 1, 2)[None].contiguous()
    for grid in (earlier, earlier[:0]):
        save_file(state | {"feature_grid.grid": grid}, path)
        description["weights_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_suffix(".json").write_text(json.dumps(description))
        if len(grid):
            loaded, _ = load_checkpoint(path)
            assert all(torch.equal(value, network.state_dict()[name]) for name, value in loaded.state_dict().items())
        else:
            with pytest.raises(UserError, match="has the shape"):
                load_checkpoint(path)


def test_wrong_shapes_are_refused(network: FieldNetwork) -> None:
    views, view_mask = torch.zeros(1, 10, 32, 32), torch.ones(1, 10, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"cameras of shape"):
        network(views, view_mask, cameras()[None, :9], torch.zeros(1, 1, 3))
    with pytest.raises(ValueError, match="at least one view"):
        network(views, ~view_mask, cameras()[None], torch.zeros(1, 1, 3))
