import pytest
import torch
from torch.nn.functional import grid_sample

from model.networks.bilinear import bilinear


@pytest.mark.parametrize(("height", "width"), [(7, 9), (1, 3), (1, 1)])
def test_maps_are_sampled_as_pytorch_does(height: int, width: int) -> None:
    chance = torch.Generator().manual_seed(0)
    maps = torch.rand(2, 3, height, width, 4, generator=chance, requires_grad=True)
    place = (3 * torch.rand(2, 3, 50, 2, generator=chance) - 1.5).requires_grad_()  # a third lies outside
    sampled = bilinear(maps, place)
    theirs = grid_sample(
        maps.flatten(0, 1).permute(0, 3, 1, 2), place.flatten(0, 1)[:, None], padding_mode="border", align_corners=False
    )
    theirs = theirs[:, :, 0].transpose(1, 2).view_as(sampled)
    torch.testing.assert_close(sampled, theirs)
    weights = torch.rand(theirs.shape, generator=chance)
    mine = torch.autograd.grad((weights * sampled).sum(), (maps, place))
    of_maps, of_place = torch.autograd.grad((weights * theirs).sum(), (maps, place))
    torch.testing.assert_close(mine, (of_maps, of_place), rtol=1e-4, atol=1e-4)
    (alone,) = torch.autograd.grad((weights * bilinear(maps, place.detach())).sum(), maps)  # as in a training
    torch.testing.assert_close(alone, of_maps, rtol=1e-4, atol=1e-4)


def test_a_place_that_is_not_a_number_does_no_harm() -> None:
    sampled = bilinear(torch.rand(1, 1, 4, 4, 2), torch.tensor([torch.nan, torch.inf]).view(1, 1, 1, 2))
    assert sampled.isfinite().all()
