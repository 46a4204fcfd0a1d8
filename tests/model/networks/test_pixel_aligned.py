import torch

from model.networks.pixel_aligned import PixelAligned


def cameras() -> torch.Tensor:
    """(1, 2, 23): both look down along -z from a height of 3, the second is turned by 90 degrees about that axis."""
    upright, turned = torch.eye(4), torch.eye(4)
    turned[:2, :2] = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    rows = []
    for transform in (upright, turned):
        transform[2, 3] = 3.0
        rows.append(torch.cat([transform.flatten(), torch.tensor([24.0, 24, 8, 8, 16, 16, 0])]))
    return torch.stack(rows)[None]


def features(
    aligned: PixelAligned, maps: torch.Tensor, view_mask: torch.Tensor, rig: torch.Tensor, points: torch.Tensor
):
    """Of maps (B, V, C, h, w), the same by the first layer of each pixel and by that of each point."""
    maps = maps.permute(0, 1, 3, 4, 2)
    prepared = aligned(aligned.prepare(maps, rig), view_mask, rig, points, prepared=True)
    torch.testing.assert_close(aligned(maps, view_mask, rig, points, prepared=False), prepared, rtol=1e-4, atol=1e-5)
    return prepared


def test_a_point_learns_what_stands_at_its_place_in_each_map() -> None:
    torch.manual_seed(0)
    aligned = PixelAligned(channels=1, hidden=8, heads=2)
    view_mask = torch.ones(1, 2, dtype=torch.bool)
    maps = torch.zeros(1, 2, 1, 16, 16)
    point = torch.tensor([[[0.5, 0.25, 0.0]]])  # column 12, row 6 of the first picture; column 10, row 12 of the second
    before = features(aligned, maps, view_mask, cameras(), point)
    assert before.shape == (1, 1, 24)
    for view, row, column in ((0, 5, 11), (1, 11, 9)):
        elsewhere, here = maps.clone(), maps.clone()
        elsewhere[0, view, 0, 1, 1] = 9
        here[0, view, 0, row, column] = 9
        assert torch.equal(features(aligned, elsewhere, view_mask, cameras(), point), before)
        assert not torch.allclose(features(aligned, here, view_mask, cameras(), point), before)


def test_what_a_map_holds_is_turned_with_its_camera() -> None:
    """The first layer done for each pixel is the one done for each point: a turned camera turns arrows alone."""
    torch.manual_seed(0)
    aligned = PixelAligned(channels=2, hidden=8, heads=2)
    maps = torch.randn(1, 2, 2, 16, 16)
    prepared = aligned.prepare(maps.permute(0, 1, 3, 4, 2), cameras())
    pixel, rotation = maps[0, 1, :, 3, 4], cameras()[0, 1, :16].view(4, 4)[:3, :3]
    arrows = aligned.arrows(pixel).view(-1, 3) @ rotation.T
    torch.testing.assert_close(prepared[0, 1, 3, 4], aligned.first(torch.cat([pixel, arrows.flatten()])))


def test_absent_views_do_not_count() -> None:
    torch.manual_seed(0)
    aligned = PixelAligned(channels=1, hidden=8, heads=2)
    maps, points = torch.randn(1, 2, 1, 16, 16), torch.rand(1, 5, 3) - 0.5
    alone = features(aligned, maps[:, :1], torch.ones(1, 1, dtype=torch.bool), cameras()[:, :1], points)
    both = features(aligned, maps, torch.tensor([[True, False]]), cameras(), points)
    torch.testing.assert_close(both, alone)


def test_a_single_view_has_a_finite_gradient() -> None:
    torch.manual_seed(0)
    aligned = PixelAligned(channels=1, hidden=8, heads=2)
    points = torch.rand(1, 5, 3, requires_grad=True)
    maps, view_mask = torch.randn(1, 1, 1, 16, 16), torch.ones(1, 1, dtype=torch.bool)
    features(aligned, maps, view_mask, cameras()[:, :1], points).sum().backward()
    assert points.grad is not None
    assert torch.isfinite(points.grad).all()


def test_both_ways_learn_the_same() -> None:
    torch.manual_seed(0)
    aligned = PixelAligned(channels=2, hidden=8, heads=2)
    maps, points = torch.randn(1, 2, 16, 16, 2, requires_grad=True), torch.rand(1, 5, 3) - 0.5
    view_mask, pull = torch.ones(1, 2, dtype=torch.bool), torch.randn(1, 5, 24)
    inputs = [maps, *aligned.parameters()]
    slopes = [
        torch.autograd.grad((pull * aligned(made, view_mask, cameras(), points, prepared=prepared)).sum(), inputs)
        for made, prepared in ((maps, False), (aligned.prepare(maps, cameras()), True))
    ]
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-5)
