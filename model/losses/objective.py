"""The training loss: the weighted sum of a network's loss terms."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from scans.errors import UserError


def weighted_loss(terms: Mapping[str, torch.Tensor], weights: Mapping[str, float]) -> dict[str, torch.Tensor]:
    """Sum the terms by their weights.

    Args:
        terms: (B,) each, unweighted.
        weights: by term; terms without a weight count 0.

    Returns:
        `loss`, (B,), and the terms of weight above 0, unweighted.

    Raises:
        ValueError: no term has a weight above 0.
    """
    used = {name: value for name, value in terms.items() if weights.get(name)}
    if not used:
        raise ValueError(f"no loss term of {', '.join(terms) or 'none'} has a weight above 0")
    return {"loss": torch.stack([weights[name] * value for name, value in used.items()]).sum(dim=0)} | used


def stop_unless_finite(values: np.ndarray | Sequence[float], what: str, ids: Sequence[str]) -> None:
    """Check `values`, (B, ...), one row per case.

    Raises:
        UserError: a value is not finite; names `what` and the cases.
    """
    bad = [case_id for case_id, value in zip(ids, values, strict=True) if not np.isfinite(value).all()]
    if bad:
        raise UserError(
            f"training stopped: {what} is not finite for {', '.join(bad)}. Look at these cases, or lower "
            "train.learning_rate"
        )
