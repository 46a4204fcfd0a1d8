from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from model.networks.encoder import ViewEncoder
from scans.errors import UserError

NAME = "test_efficientnet"


def encoder(size: int = 32) -> ViewEncoder:
    torch.manual_seed(0)
    return ViewEncoder(backbone=NAME, image_size=size)


def test_grey_bytes_grey_floats_and_rgb_are_seen_alike() -> None:
    net = encoder().eval()
    grey = torch.randint(0, 256, (2, 32, 32), dtype=torch.uint8)
    vectors = net(grey)
    assert vectors.shape == (2, net.features)
    torch.testing.assert_close(net(grey.float() / 255), vectors)
    torch.testing.assert_close(net(grey[..., None].expand(2, 32, 32, 3)), vectors)


def test_colours_count() -> None:
    net = encoder().eval()
    red, blue = torch.zeros(1, 32, 32, 3), torch.zeros(1, 32, 32, 3)
    red[..., 0], blue[..., 2] = 1, 1
    assert not torch.allclose(net(red), net(blue))


def test_the_backbone_sees_imagenets_scale() -> None:
    net = encoder().eval()
    seen = []
    net.net.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    net(torch.full((1, 32, 32), 255, dtype=torch.uint8))
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(seen[0][0, :, 0, 0], (1 - mean) / std)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


def test_what_all_pictures_share_is_taken_off() -> None:
    net = encoder()
    alike = 0.5 + 0.01 * torch.rand(6, 32, 32)
    vectors = net(alike)
    torch.testing.assert_close(vectors.mean(dim=0), torch.zeros(net.features), rtol=0, atol=1e-4)
    assert vectors.std(dim=0).median() > 0.3


def test_larger_pictures_are_averaged_down() -> None:
    net = encoder().eval()
    small = torch.randint(0, 256, (1, 32, 32), dtype=torch.uint8)
    large = small.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
    torch.testing.assert_close(net(large), net(small))


def test_an_unknown_backbone_is_named_with_near_ones() -> None:
    with pytest.raises(UserError, match=r"mobilenet_v2.*mobilenet"):
        ViewEncoder(backbone="mobilenet_v2", image_size=32)


def test_a_backbone_that_takes_no_such_pictures_is_refused() -> None:
    with pytest.raises(UserError, match=r"test_vit3 can't encode images of 32 px"):
        ViewEncoder(backbone="test_vit3", image_size=32)


def test_weights_come_from_a_file_whatever_its_head(tmp_path: Path) -> None:
    torch.manual_seed(1)
    donor = timm.create_model(NAME, pretrained=False)  # with a classifier
    for norm in donor.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_()
    path = tmp_path / "weights.safetensors"
    save_file(donor.state_dict(), path)
    net = encoder()
    net.load_pretrained(path)
    for key, value in net.net.state_dict().items():
        assert torch.equal(value, donor.state_dict()[key])
    assert not net.norm_frozen


def test_false_leaves_the_weights_alone() -> None:
    net = encoder()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    net.load_pretrained(False)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_folded_batch_norm_is_frozen_and_stays_so_in_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "folded.safetensors"
    save_file(timm.create_model(NAME, pretrained=False).state_dict(), path)  # fresh: mean 0, variance 1
    net = encoder()
    net.load_pretrained(path)
    copy = encoder()
    copy.load_state_dict(net.state_dict())
    for trained in (net, copy.train()):
        before = {key: value.clone() for key, value in trained.net.state_dict().items() if "running" in key}
        assert trained.training
        trained(torch.rand(4, 32, 32))
        assert all(torch.equal(trained.net.state_dict()[key], value) for key, value in before.items())


def test_batch_norm_of_random_weights_learns() -> None:
    net = encoder()
    net(torch.rand(4, 32, 32))
    assert any(m.running_mean.any() for m in net.modules() if isinstance(m, nn.BatchNorm2d))


def test_wrong_weights_are_refused_by_name(tmp_path: Path) -> None:
    net = encoder()
    with pytest.raises(UserError, match=r"gone.safetensors: no such file"):
        net.load_pretrained(tmp_path / "gone.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"not tensors at all")
    with pytest.raises(UserError, match=r"broken.safetensors: not a readable safetensors file"):
        net.load_pretrained(broken)
    other = tmp_path / "other.safetensors"
    save_file(timm.create_model("test_resnet", pretrained=False).state_dict(), other)
    with pytest.raises(UserError, match=r"other.safetensors: not weights of test_efficientnet"):
        net.load_pretrained(other)
    state = timm.create_model(NAME, pretrained=False).state_dict()
    state["conv_stem.weight"] = state["conv_stem.weight"][:, :1].contiguous()
    save_file(state, other)
    with pytest.raises(UserError, match=r"conv_stem.weight"):
        net.load_pretrained(other)


def test_the_imagenet_stand_in_fits_and_freezes_batch_norm(shared: Path) -> None:
    path = shared / "weights" / "mobilenetv2_100_imagenet.safetensors"
    net = ViewEncoder(backbone="mobilenetv2_100", image_size=64)
    net.load_pretrained(path)
    assert net.norm_frozen
    torch.testing.assert_close(net.net.conv_stem.weight, load_file(path)["conv_stem.weight"])
