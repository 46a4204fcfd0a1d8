"""How the training cases are split into steps and chunks, and view dropout."""

import math

import torch

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


def drop_views(view_mask: torch.Tensor, config: TrainingConfig, generator: torch.Generator) -> torch.Tensor:
    """View dropout: `config.view_dropout` of the cases keep only `config.min_views` or more of their views, at random.

    Args:
        view_mask: (B, V) bool.
        generator: on the same device.

    Returns:
        (B, V) bool.
    """
    cases, views = view_mask.shape

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator, device=view_mask.device)

    shown = view_mask.sum(dim=1)
    kept = config.min_views + (draw(cases) * (shown - config.min_views)).long()
    kept = torch.minimum(kept, shown - 1)  # a product may round up
    dropped = (draw(cases) < config.view_dropout) & (shown > config.min_views)
    rank = draw(cases, views).masked_fill(~view_mask, torch.inf).argsort(dim=1).argsort(dim=1)
    return view_mask & (rank < torch.where(dropped, kept, shown)[:, None])
