"""The schedule of the loss weights over the epochs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LossStage:
    """The loss weights from an epoch on.

    Attributes:
        first_epoch: from 0.
        weights: by name of the term; other terms count 0.
    """

    first_epoch: int
    weights: Mapping[str, float]


def weights_at(epoch: int, schedule: Sequence[LossStage]) -> Mapping[str, float]:
    """The loss weights of an epoch, counted from 0 (P1 has two stages; P2 has three, from epochs 0, 10 and 25).

    Raises:
        ValueError: no stage starts at epoch 0, or the stages are not in order.
    """
    starts = [stage.first_epoch for stage in schedule]
    if not starts or starts[0] != 0 or starts != sorted(set(starts)):
        raise ValueError(f"the loss schedule must start at epoch 0 and rise, got first epochs {starts}")
    return [stage for stage in schedule if stage.first_epoch <= epoch][-1].weights
