import torch

from model.networks.fusion import ViewFusion

EMBEDDING = torch.rand(4, 8, generator=torch.Generator().manual_seed(1))  # of the views by their number


def fusion() -> ViewFusion:
    torch.manual_seed(0)
    return ViewFusion(features=6, width=8, heads=2).eval()


def test_absent_views_are_not_read() -> None:
    net, features = fusion(), torch.rand(2, 4, 6)
    view_mask = torch.tensor([[True, True, False, True], [False, True, False, False]])
    fused = net(features, EMBEDDING, view_mask)
    assert fused.shape == (2, 8)
    features[~view_mask] = torch.nan
    assert torch.equal(net(features, EMBEDDING, view_mask), fused)


def test_present_views_are_read_and_known_by_their_place() -> None:
    net, features = fusion(), torch.rand(1, 4, 6)
    every = torch.ones(1, 4, dtype=torch.bool)
    fused = net(features, EMBEDDING, every)
    assert not torch.allclose(net(features.flip(1), EMBEDDING, every), fused)
    for view in range(4):
        fewer = every.clone()
        fewer[0, view] = False
        assert not torch.allclose(net(features, EMBEDDING, fewer), fused)


def test_cases_do_not_see_each_other() -> None:
    net, features = fusion(), torch.rand(3, 4, 6)
    every = torch.ones(3, 4, dtype=torch.bool)
    torch.testing.assert_close(net(features, EMBEDDING, every)[1:2], net(features[1:2], EMBEDDING, every[1:2]))
