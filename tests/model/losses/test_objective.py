from typing import Any

import numpy as np
import pytest
import torch

from model.cases.case import Case
from model.geometry.neighbours import IndexedPoints
from model.losses.chamfer import chamfer
from model.losses.l1 import index_l1
from model.losses.objective import CLOUD_TERMS, Batch, loss_terms
from model.losses.schedule import LossWeights
from model.networks.cloud import new_network
from scans.errors import UserError


@pytest.fixture
def batch(cases: list[Case]) -> Batch:
    """All three rings."""
    views = torch.from_numpy(np.stack([case.views for case in cases]))
    truths = [IndexedPoints.build(torch.from_numpy(case.points)) for case in cases]
    return Batch(cases, views, torch.ones(3, 3, dtype=torch.bool), None, truths)


def weights(**terms: float) -> LossWeights:
    return LossWeights(terms, 0.0, 64, 32)


def test_it_weighs_what_counts_and_leaves_out_the_rest(kwargs: dict[str, Any], batch: Batch) -> None:
    network = new_network(0, **kwargs).eval()
    terms = loss_terms(network, network, batch, weights(chamfer=0.25, l1=2.0, density=0.0), np.random.default_rng(0))
    cloud = network(batch.views, batch.view_mask)
    torch.testing.assert_close(terms["loss"], 0.25 * chamfer(cloud, batch.truths) + 2 * index_l1(cloud, batch.truths))
    assert terms.keys() == {"loss", "chamfer", "l1"}


def test_every_term_of_a_cloud_teaches_the_network(kwargs: dict[str, Any], batch: Batch) -> None:
    for name in CLOUD_TERMS:
        network = new_network(0, **kwargs)
        torch.nn.init.normal_(network.decoder.basis.bias, std=0.02)  # near each other, for repulsion
        terms = loss_terms(network, network, batch, weights(**{name: 1.0}), np.random.default_rng(0))
        assert terms["loss"].shape == (3,)
        torch.testing.assert_close(terms["loss"], terms[name])
        terms["loss"].sum().backward()
        assert network.decoder.basis.bias.grad.abs().max() > 0, name


def test_without_a_term_of_its_kind_there_is_no_objective(kwargs: dict[str, Any], batch: Batch) -> None:
    network = new_network(0, **kwargs)
    for none in (weights(chamfer=0.0), weights(occupancy=1.0)):
        with pytest.raises(UserError, match=r"train\.loss: no term that counts .*a cloud has chamfer"):
            loss_terms(network, network, batch, none, np.random.default_rng(0))
