"""Metrics of a network on the validation cases."""

from collections.abc import Sequence

import numpy as np
import torch
from lightning_fabric import Fabric

from model.cases.case import Case
from model.geometry.neighbours import IndexedPoints
from model.losses.objective import stop_unless_finite
from model.metrics.distances import measure
from model.networks.base import JawNetwork


def validate(fabric: Fabric, network: JawNetwork, cases: Sequence[Case]) -> dict[str, float]:
    """Mean of each of `metrics.measure`'s metrics over the cases, which are reconstructed as `evaluate` does.

    The processes share the cases; each is read when its turn comes.

    Raises:
        UserError: a prediction is not finite (names the case).
    """
    own = range(fabric.global_rank, len(cases), fabric.world_size)
    mine = []
    for case, made in network.reconstruct_each(cases[number] for number in own):
        stop_unless_finite(made.points[None], "the prediction for validation", [case.id])
        pred, gt = (
            IndexedPoints.build(torch.from_numpy(points).to(fabric.device)) for points in (made.points, case.points)
        )
        mine.append(measure(pred, gt, case.radius))
    parts = [fabric.broadcast(mine, src=rank) for rank in range(fabric.world_size)]
    rows = [parts[i % len(parts)][i // len(parts)] for i in range(len(cases))]  # in the cases' order
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
