import numpy as np
import pytest
import torch

from model.losses.repulsion import repulsion


def test_repulsion_by_hand() -> None:
    line = torch.zeros(1, 6, 3)
    line[0, :, 0] = torch.arange(6) * 0.01
    # Each of six points has the other five for neighbours; ten gaps of 0.01 lie below 0.015, by 0.005 each.
    value = repulsion(line, points=6, rng=np.random.default_rng(0))
    assert value.item() == pytest.approx(10 * 0.005 / 30)


def test_repulsion_is_that_of_all_pairs_and_pushes_apart() -> None:
    cloud = torch.rand(2, 300, 3, generator=torch.Generator().manual_seed(0)) * 0.1
    cloud.requires_grad_()
    value = repulsion(cloud, points=300, rng=np.random.default_rng(0))
    every = torch.cdist(cloud.detach(), cloud.detach(), compute_mode="donot_use_mm_for_euclid_dist")
    nearest = every.sort(dim=2).values[:, :, 1:6]
    torch.testing.assert_close(value.detach(), (0.015 - nearest).clamp(min=0).mean(dim=(1, 2)))
    value.sum().backward()
    moved = cloud.detach() - 0.1 * cloud.grad
    assert (repulsion(moved, points=300, rng=np.random.default_rng(0)) < value.detach()).all()


def test_coinciding_points_have_a_finite_gradient() -> None:
    cloud = torch.zeros(1, 20, 3, requires_grad=True)
    value = repulsion(cloud, points=20, rng=np.random.default_rng(0))
    value.sum().backward()
    assert value.item() == pytest.approx(0.015)
    assert torch.isfinite(cloud.grad).all()
    with pytest.raises(ValueError, match="more than 5 points, got 4"):
        repulsion(cloud, points=4, rng=np.random.default_rng(0))
