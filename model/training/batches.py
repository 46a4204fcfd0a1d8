"""Splits the training cases into steps and chunks, and makes batches of them."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from lightning_fabric import Fabric

from model.cases.batch import Batch
from model.cases.case import Case
from model.geometry.neighbours import IndexedPoints
from model.training.config import TrainingConfig
from scans.errors import UserError


def steps_per_epoch(cases: int, config: TrainingConfig, devices: int) -> int:
    """Steps of about equal size, none larger than `batch_size`.

    Raises:
        UserError: there is no case, or the steps can't be split into `accumulate` chunks for so many devices.
    """
    if not cases:
        raise UserError("training needs at least one training and one validation case; prepare more scans")
    steps = math.ceil(cases / config.batch_size)
    if cases // steps < config.accumulate:
        raise UserError(
            f"training: {cases} cases in steps of {config.batch_size} can't be split into {config.accumulate} chunks; "
            "lower train.accumulate, or raise train.batch_size"
        )
    if config.accumulate % devices:
        raise UserError(
            f"compute.devices={devices} must divide train.accumulate={config.accumulate}: the chunks of a step are "
            "shared out among the devices; raise train.accumulate"
        )
    return steps


def check_views_per_chunk(cases: int, fewest_views: int, config: TrainingConfig) -> None:
    """Check that no chunk may consist of a single image, which has no batch statistics.

    Args:
        cases: number of training cases. fewest_views: that any of them shows.

    Raises:
        UserError: one may.
    """
    smallest = cases // math.ceil(cases / config.batch_size) // config.accumulate
    fewest = min(fewest_views, config.min_views) if config.view_dropout else fewest_views
    if smallest * fewest < 2:
        raise UserError(
            f"training: {cases} cases in steps of {config.batch_size} leave a step with a single image, which has no "
            "batch statistics; change train.batch_size, or show more views of a case"
        )


def make_batch(fabric: Fabric, cases: Sequence[Case], config: TrainingConfig, rng: np.random.Generator) -> Batch:
    """The cases on Fabric's device, with view dropout."""
    view_mask = np.stack([case.view_mask for case in cases])
    for row in view_mask:
        shown = np.flatnonzero(row)
        if rng.random() < config.view_dropout and len(shown) > config.min_views:
            kept = rng.integers(config.min_views, len(shown))
            row[rng.permutation(shown)[kept:]] = False
    cameras = [case.cameras for case in cases if case.cameras is not None]
    return Batch(
        cases,
        fabric.to_device(torch.from_numpy(np.stack([case.views for case in cases]))),
        fabric.to_device(torch.from_numpy(view_mask)),
        fabric.to_device(torch.from_numpy(np.stack(cameras))) if len(cameras) == len(cases) else None,
        [target_points(fabric, case) for case in cases],
    )


def target_points(fabric: Fabric, case: Case) -> IndexedPoints:
    """The case's ground-truth points on Fabric's device."""
    return IndexedPoints.build(fabric.to_device(torch.from_numpy(case.points)))
