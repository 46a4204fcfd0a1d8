from typing import Any

import numpy as np
import pytest
import torch

from model.cases.batch import Batch
from model.cases.case import Case
from model.geometry.neighbours import IndexedPoints
from model.losses.chamfer import chamfer
from model.losses.cloud import TERMS
from model.losses.l1 import index_l1
from tests.model.conftest import new_network


@pytest.fixture
def batch(cases: list[Case]) -> Batch:
    """All three rings."""
    return Batch.collate(cases)


def test_terms_without_weight_are_not_computed(kwargs: dict[str, Any], batch: Batch) -> None:
    network = new_network(0, **kwargs).eval()
    weights = {"chamfer": 0.25, "l1": 2.0, "density": 0.0}
    terms = network.loss_terms(network, batch, weights, 0.0, np.random.default_rng(0))
    cloud = network(batch.views, batch.view_mask)
    assert terms.keys() == {"chamfer", "l1"}
    targets = IndexedPoints.build_each(batch.points)
    torch.testing.assert_close(terms["chamfer"], chamfer(cloud, targets))
    torch.testing.assert_close(terms["l1"], index_l1(cloud, targets))


def test_every_term_has_a_gradient(kwargs: dict[str, Any], batch: Batch) -> None:
    assert set(TERMS) == set(new_network(0, **kwargs).terms)
    for name in TERMS:
        network = new_network(0, **kwargs)
        torch.nn.init.normal_(network.decoder.basis.bias, std=0.02)  # near each other, for repulsion
        terms = network.loss_terms(network, batch, {name: 1.0}, 0.0, np.random.default_rng(0))
        assert terms[name].shape == (3,)
        terms[name].sum().backward()
        assert network.decoder.basis.bias.grad.abs().max() > 0, name
