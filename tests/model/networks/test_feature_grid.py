import torch

from model.networks.feature_grid import EXTENT, GAIN, FeatureGrid


def test_points_get_the_features_of_their_cell() -> None:
    grid = FeatureGrid(channels=2, width=4)
    with torch.no_grad():
        grid.grid.zero_()
        grid.grid[:, :, 24:, 0] = 1 / GAIN  # x > 0
        grid.grid[18:, :, :, 1] = 1 / GAIN  # z > 0
        grid.scale.weight.zero_()
        grid.scale.bias.copy_(torch.tensor([0.0, 2.0]))
    points = torch.tensor([[[0.5, 0, -0.5], [-0.5, 0, 0.5], [9.0, 9.0, 9.0]]])
    found = grid(points, torch.zeros(1, 4))
    torch.testing.assert_close(found, torch.tensor([[[1.0, 0], [0, 3], [1, 3]]]))


def test_features_between_cells_are_interpolated() -> None:
    grid = FeatureGrid(channels=1, width=4)
    with torch.no_grad():
        x = (torch.arange(48) + 0.5) / 48 * 2 - 1
        grid.grid.copy_(x[:, None].expand_as(grid.grid) / GAIN)
        grid.scale.weight.zero_()
        grid.scale.bias.zero_()
    points = torch.tensor([[[0.333, 0.1, 0.2]], [[-0.5, 0.1, 0.2]]])
    expected = torch.tensor([[[0.333 / EXTENT[0]]], [[-0.5 / EXTENT[0]]]])
    torch.testing.assert_close(grid(points, torch.zeros(2, 4)), expected)


def test_weights_and_gradient_are_contiguous() -> None:
    grid = FeatureGrid(channels=3, width=4)
    assert grid.grid.is_contiguous(), "else it is copied for each query, and in each step of AdamW"
    grid(torch.zeros(1, 2, 3), torch.zeros(1, 4)).sum().backward()
    assert grid.grid.grad is not None
    assert grid.grid.grad.is_contiguous()


def test_no_points_have_no_features() -> None:
    assert FeatureGrid(channels=3, width=4)(torch.zeros(2, 0, 3), torch.zeros(2, 4)).shape == (2, 0, 3)
