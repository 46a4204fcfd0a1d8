from typing import Any

import pytest
import torch

from tests.model.conftest import new_network


def test_shapes_grey_and_rgb(kwargs: dict[str, Any]) -> None:
    network = new_network(0, **kwargs)
    grey = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    assert network(grey).shape == network(grey[..., None].expand(2, 3, 32, 32, 3)).shape == (2, 64, 3)


@pytest.mark.parametrize("training", [False, True])
def test_absent_views_are_never_looked_at(kwargs: dict[str, Any], training: bool) -> None:
    views = torch.rand(2, 3, 32, 32)
    view_mask = torch.tensor([[True, False, True], [False, False, True]])
    results = []
    for fill in (0.0, torch.nan):
        network = new_network(0, **kwargs).train(training)
        views[~view_mask] = fill
        # Batch norm's statistics too are those of the views that are there.
        results.append([network(views, view_mask), *(b.clone() for b in network.buffers())])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
    assert not torch.allclose(network(views.nan_to_num()), results[0][0])


def test_the_seed_decides_the_weights_and_touches_nothing_else(kwargs: dict[str, Any]) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    a, b, c = (new_network(seed, **kwargs).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not torch.equal(a["decoder.basis.weight"], c["decoder.basis.weight"])


def test_wrong_views_are_refused(kwargs: dict[str, Any]) -> None:
    network = new_network(0, **kwargs)
    for shape in ((1, 4, 32, 32), (3, 32, 32), (1, 3, 32, 32, 4)):
        with pytest.raises(ValueError, match=r"expected views of shape \(B, V, H, W\)|expected 3 views, got 4"):
            network(torch.zeros(shape))
    with pytest.raises(ValueError, match="at least one view"):
        network(torch.zeros(1, 3, 32, 32), torch.zeros(1, 3, dtype=torch.bool))
