"""Which terms count when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LossStage:
    """What counts from an epoch on.

    Attributes:
        first_epoch: the epoch, from 0, from which these weights hold.
        weights: of each term by its name; terms that are not named count 0.
    """

    first_epoch: int
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class LossWeights:
    """What counts in an epoch.

    Attributes:
        terms: weight of each term by its name.
        progress: t / T, the share of the run's epochs that are behind, by which P2's τ falls.
        points: points that a term draws from a cloud where it looks at some alone (P2: 5,000).
        query_points: points of each case about which a field is asked.
    """

    terms: Mapping[str, float]
    progress: float
    points: int
    query_points: int


def weights_at(
    epoch: int, epochs: int, schedule: Sequence[LossStage], *, points: int, query_points: int
) -> LossWeights:
    """The weights that hold in an epoch, from 0, of a run of `epochs` (P1: two stages; P2: the epochs 0, 10 and 25).

    Raises:
        ValueError: no entry starts at epoch 0, or the entries are not in order.
    """
    starts = [entry.first_epoch for entry in schedule]
    if not starts or starts[0] != 0 or starts != sorted(set(starts)):
        raise ValueError(f"the loss schedule must start at epoch 0 and rise, got first epochs {starts}")
    weights = [entry for entry in schedule if entry.first_epoch <= epoch][-1].weights
    return LossWeights(weights, epoch / epochs, points, query_points)
