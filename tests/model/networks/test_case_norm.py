import torch
from timm.layers import BatchNormAct2d
from torch import nn

from model.networks.case_norm import CaseNorm, averaging_matrix, grouped_by_case, replace_batch_norms


def norm() -> tuple[nn.BatchNorm2d, CaseNorm]:
    torch.manual_seed(0)
    batch = BatchNormAct2d(3)
    nn.init.normal_(batch.weight)
    nn.init.normal_(batch.bias)
    return batch.train(), CaseNorm(batch).eval()


def test_one_case_is_normalised_as_a_batch_in_training() -> None:
    batch, own = norm()
    pictures = 5 + torch.randn(4, 3, 6, 6)
    torch.testing.assert_close(own(pictures), batch(pictures))
    torch.testing.assert_close(own.train()(pictures), own.eval()(pictures), rtol=0, atol=0)


def test_cases_are_normalised_apart_and_absent_pictures_do_not_count() -> None:
    _, own = norm()
    view_mask = torch.tensor([[True, True, False], [True, False, False]])
    pictures = torch.randn(6, 3, 4, 4) * torch.arange(1, 7).view(6, 1, 1, 1)
    with grouped_by_case(averaging_matrix(view_mask)):
        together = own(pictures).view(2, 3, 3, 4, 4)
    torch.testing.assert_close(together[0, :2], own(pictures[:2]))
    torch.testing.assert_close(together[1, :1], own(pictures[3:4]))


def test_a_single_pixel_is_normalised_to_the_bias() -> None:
    _, own = norm()
    torch.testing.assert_close(own(torch.randn(1, 3, 1, 1))[0, :, 0, 0], own.bias.relu())


def test_all_batch_norms_of_a_network_are_replaced() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Sequential(BatchNormAct2d(4)), nn.BatchNorm1d(4))
    replace_batch_norms(net)
    assert [type(child) for child in net.modules() if isinstance(child, nn.BatchNorm2d | CaseNorm)] == 2 * [CaseNorm]
    assert "1.weight" in net.state_dict()
    assert "1.running_mean" not in net.state_dict()
