"""The training loss: the weighted sum of a network's loss terms."""

from collections.abc import Mapping, Sequence

import torch

from model.cases.case import Case
from scans.errors import UserError


def weighted_loss(
    terms: Mapping[str, torch.Tensor], weights: Mapping[str, float], cases: Sequence[Case]
) -> dict[str, torch.Tensor]:
    """Sum the terms by their weights.

    Args:
        terms: (B,) each, unweighted.
        weights: by term; terms without a weight count 0.
        cases: B, named in errors.

    Returns:
        `loss`, (B,), and the terms of weight above 0, unweighted.

    Raises:
        UserError: the loss is not finite (names the cases).
        ValueError: no term has a weight above 0.
    """
    used = {name: value for name, value in terms.items() if weights.get(name)}
    if not used:
        raise ValueError(f"no loss term of {', '.join(terms) or 'none'} has a weight above 0")
    loss = torch.stack([weights[name] * value for name, value in used.items()]).sum(dim=0)
    stop_unless_finite(loss, "the loss", cases)
    return {"loss": loss} | used


def stop_unless_finite(values: torch.Tensor, what: str, cases: Sequence[Case]) -> None:
    """Check `values`, (B, ...), one row per case.

    Raises:
        UserError: a value is not finite; names `what` and the cases.
    """
    finite = torch.isfinite(values).flatten(1).all(dim=1) if values.ndim > 1 else torch.isfinite(values)
    if not finite.all():
        names = ", ".join(case.id for case, good in zip(cases, finite.tolist(), strict=True) if not good)
        raise UserError(
            f"training stopped: {what} is not finite for {names}. Look at these cases, or lower train.learning_rate"
        )
