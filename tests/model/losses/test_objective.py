import numpy as np
import pytest
import torch

from model.losses.objective import stop_unless_finite, weighted_loss
from scans.errors import UserError


def test_it_weighs_what_counts_and_leaves_out_the_rest() -> None:
    terms = {"chamfer": torch.tensor([1.0, 2, 3]), "l1": torch.tensor([4.0, 5, 6]), "density": torch.ones(3)}
    losses = weighted_loss(terms, {"chamfer": 0.25, "l1": 2.0, "density": 0.0})
    torch.testing.assert_close(losses["loss"], torch.tensor([8.25, 10.5, 12.75]))
    assert losses.keys() == {"loss", "chamfer", "l1"}


def test_without_a_weight_there_is_no_loss() -> None:
    with pytest.raises(ValueError, match="no loss term of chamfer has a weight above 0"):
        weighted_loss({"chamfer": torch.ones(3)}, {"chamfer": 0.0, "other": 1.0})


def test_values_that_are_not_finite_name_their_cases() -> None:
    values = np.zeros((3, 2))
    values[0, 1], values[2, 0] = np.inf, np.nan
    with pytest.raises(UserError, match=r"the gradient is not finite for ring0, ring2\. Look at these cases"):
        stop_unless_finite(values, "the gradient", ["ring0", "ring1", "ring2"])
