import torch

from model.networks.volume import EXTENT, GAIN, FeatureVolume


def test_a_point_finds_what_stands_at_its_place() -> None:
    volume = FeatureVolume(channels=2, width=4)
    with torch.no_grad():
        volume.grid.zero_()
        volume.grid[0, 0, :, :, 24:] = 1 / GAIN  # x > 0
        volume.grid[0, 1, 18:] = 1 / GAIN  # z > 0
        volume.scale.weight.zero_()
        volume.scale.bias.copy_(torch.tensor([0.0, 2.0]))
    points = torch.tensor([[[0.5, 0, -0.5], [-0.5, 0, 0.5], [9.0, 9.0, 9.0]]])
    found = volume(points, torch.zeros(1, 4))
    torch.testing.assert_close(found, torch.tensor([[[1.0, 0], [0, 3], [1, 3]]]))


def test_features_between_cells_are_interpolated() -> None:
    volume = FeatureVolume(channels=1, width=4)
    with torch.no_grad():
        x = (torch.arange(48) + 0.5) / 48 * 2 - 1
        volume.grid.copy_(x.expand_as(volume.grid) / GAIN)
        volume.scale.weight.zero_()
        volume.scale.bias.zero_()
    points = torch.tensor([[[0.333, 0.1, 0.2]]])
    torch.testing.assert_close(volume(points, torch.zeros(1, 4)), torch.tensor([[[0.333 / EXTENT[0]]]]))
