import pytest
import torch

from model.networks.decoder import CloudDecoder


def test_p1_has_its_published_number_of_parameters() -> None:
    with torch.device("meta"):
        decoder = CloudDecoder(width=512, hidden=1024, points=50_000, dropout=0.1)
    assert sum(p.numel() for p in decoder.parameters()) == pytest.approx(155.3e6, rel=1e-3)


def test_it_starts_from_a_cloud() -> None:
    decoder, cloud = CloudDecoder(width=4, hidden=8, points=5, dropout=0.5), torch.randn(5, 3)
    decoder.initialise_from(cloud, spread=0.0)
    assert torch.equal(decoder(torch.randn(2, 4)), cloud.expand(2, 5, 3))
    decoder.initialise_from(cloud[:, :1].expand(5, 3), spread=1.0)
    assert torch.equal(decoder(torch.randn(2, 4))[0], cloud[:, :1].expand(5, 3))


def test_a_cloud_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(5, 3\)"):
        CloudDecoder(width=4, hidden=8, points=5, dropout=0.0).initialise_from(torch.zeros(6, 3), spread=1.0)


def test_coordinates_are_not_rounded_to_bfloat16() -> None:
    decoder = CloudDecoder(width=4, hidden=8, points=5, dropout=0.0)
    decoder.initialise_from(torch.full((5, 3), 0.123456), spread=0.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        points = decoder(torch.randn(1, 4))
    assert torch.equal(points, torch.full((1, 5, 3), 0.123456))
