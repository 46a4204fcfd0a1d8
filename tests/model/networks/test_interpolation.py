import pytest
import torch
from torch.nn.functional import grid_sample

from model.networks import interpolation
from model.networks.interpolation import bilinear, trilinear


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
    assert trilinear(torch.rand(3, 3, 3, 2), torch.tensor([[torch.nan, 0, torch.inf]])).isfinite().all()


def test_samples_are_added_to_a_base() -> None:
    chance = torch.Generator().manual_seed(0)
    maps, base = (torch.rand(*shape, 4, generator=chance) for shape in ((2, 3, 5, 5), (2, 3, 50)))
    place, pull = 2 * torch.rand(2, 3, 50, 2, generator=chance) - 1, torch.rand(2, 3, 50, 4, generator=chance)
    inputs = maps.requires_grad_(), base.clone().requires_grad_()
    expected = inputs[1] + bilinear(maps, place)
    theirs = torch.autograd.grad((pull * expected).sum(), inputs)
    ours = bilinear(maps, place, base=inputs[1].flatten().view_as(base))  # a view
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(torch.autograd.grad((pull * ours).sum(), inputs), theirs)
    assert torch.equal(inputs[1], base), "a gradient may need it"
    with torch.inference_mode():
        added = bilinear(maps, place, base=base)
    assert added.data_ptr() == base.data_ptr(), "no second array of this size"
    torch.testing.assert_close(added, expected)


@pytest.mark.parametrize("contiguous", [True, False])
@pytest.mark.parametrize("cells", [(5, 7, 9), (1, 3, 2)])
def test_a_grid_is_sampled_as_pytorch_does(cells: tuple[int, int, int], contiguous: bool) -> None:
    chance = torch.Generator().manual_seed(0)
    grid = torch.rand(4, *cells, generator=chance).permute(1, 2, 3, 0)
    grid = (grid.contiguous() if contiguous else grid).requires_grad_()
    place = (3 * torch.rand(50, 3, generator=chance) - 1.5).requires_grad_()  # a third lies outside
    channels_first = grid.permute(3, 0, 1, 2)[None]
    theirs = grid_sample(channels_first, place[None, :, None, None], padding_mode="border", align_corners=False)
    theirs = theirs[0, :, :, 0, 0].T
    weights = torch.rand(theirs.shape, generator=chance)
    of_grid, of_place = torch.autograd.grad((weights * theirs).sum(), (grid, place))
    torch.testing.assert_close(trilinear(grid, place), theirs)
    mine = torch.autograd.grad((weights * trilinear(grid, place)).sum(), (grid, place))
    torch.testing.assert_close(mine, (of_grid, of_place), rtol=1e-4, atol=1e-4)
    sampled = trilinear(grid, place.detach())  # as in a training
    torch.testing.assert_close(sampled, theirs)
    (alone,) = torch.autograd.grad((weights * sampled).sum(), grid)
    torch.testing.assert_close(alone, of_grid, rtol=1e-4, atol=1e-4)


def test_maps_and_coordinates_of_other_cases_are_refused() -> None:
    maps, place = torch.zeros(1, 2, 4, 4, 3), torch.zeros(1, 2, 5, 2)
    for wrong in ((maps, place[:, :1], None), (maps, place, torch.zeros(1, 2, 6, 3))):
        with pytest.raises(ValueError, match="expected maps"):
            bilinear(*wrong)


def test_few_points_on_a_cpu_are_compiled_even_if_the_weights_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpolation, "grid_sample", None)
    assert bilinear(torch.zeros(1, 2, 4, 4, 3, requires_grad=True), torch.zeros(1, 2, 5, 2)).requires_grad
    assert trilinear(torch.zeros(4, 4, 3, 2, requires_grad=True), torch.zeros(5, 3)).requires_grad
