import torch

from model.networks.pyramid import FeaturePyramid


def test_all_scales_reach_the_finest_map() -> None:
    torch.manual_seed(0)
    pyramid = FeaturePyramid(channels=[4, 6, 8], width=5)
    maps = [torch.randn(2, 4, 16, 16), torch.randn(2, 6, 8, 8), torch.randn(2, 8, 4, 4)]
    fine = pyramid(maps)
    assert fine.shape == (2, 5, 16, 16)
    for level in range(3):
        changed = list(maps)
        changed[level] = changed[level] + 1
        assert not torch.allclose(pyramid(changed), fine)


def test_pictures_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    pyramid = FeaturePyramid(channels=[4, 6], width=5)
    maps = [torch.randn(2, 4, 9, 7), torch.randn(2, 6, 5, 4)]  # halves that are rounded up
    alone = pyramid([one[:1] for one in maps])
    torch.testing.assert_close(pyramid(maps)[:1], alone)
