"""Metrics of a network on the validation cases."""

from collections.abc import Sequence

import numpy as np
import torch
from lightning_fabric import Fabric

from model.cases.case import Case
from model.losses.objective import stop_unless_finite
from model.metrics.distances import measure
from model.networks.base import JawNetwork
from model.training.batches import target_points


def validate(fabric: Fabric, network: JawNetwork, cases: Sequence[Case]) -> dict[str, float]:
    """Mean of each of `metrics.measure`'s metrics over the cases, which are reconstructed as `evaluate` does.

    The processes share the cases; each is read when its turn comes.

    Raises:
        UserError: a prediction is not finite (names the case).
    """
    mine = []
    for number in range(fabric.global_rank, len(cases), fabric.world_size):
        case = cases[number]
        points = network.reconstruct(case.views, case.view_mask, case.cameras, len(case.points)).points
        stop_unless_finite(torch.from_numpy(points[None]), "the prediction for validation", [case])
        mine.append(measure(points, target_points(fabric, case), case.radius))
    parts = [fabric.broadcast(mine, src=rank) for rank in range(fabric.world_size)]
    rows = [parts[i % len(parts)][i // len(parts)] for i in range(len(cases))]  # in the cases' order
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
