"""The hyperparameters of a training, and the learning rate they make."""

import math
from dataclasses import dataclass

from model.losses.schedule import LossStage


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Hyperparameters of a training.

    Attributes:
        epochs: at most.
        batch_size: cases per step.
        accumulate: chunks that the cases of a step are split into, computed one after another or on several devices.
            Batch norm and random numbers depend on the chunk alone, so the number of devices changes only rounding.
        learning_rate: AdamW's peak learning rate.
        weight_decay: AdamW's, on matrices only: a bias holds the initial cloud, which must not decay.
        warmup_fraction: fraction of all steps in which the rate rises; then it falls by a cosine.
        cosine_epochs: epochs until the cosine's minimum, after which it rises again (P2: 30); 0 for the whole run.
        gradient_clip_norm: gradients are clipped to this norm; 0 for no clipping.
        ema_decay: decay of the weights' moving average, which is then validated and kept; 0 for none.
        view_dropout: fraction of the training cases of which only some views are shown.
        min_views: how many of them at least.
        validation_interval: epochs from one validation to the next; the last epoch is always validated.
        monitor: validation metric that chooses the best epoch: f_035 or f_010.
        patience: epochs without a better one after which training stops.
        loss: schedule of the loss weights.
        seed: of the order of the cases, dropout and all other randomness.
        params_digest: digest of the params, recorded in the checkpoint.
    """

    epochs: int
    batch_size: int
    accumulate: int
    learning_rate: float
    weight_decay: float
    warmup_fraction: float
    cosine_epochs: int
    gradient_clip_norm: float
    ema_decay: float
    view_dropout: float
    min_views: int
    validation_interval: int
    monitor: str
    patience: int
    loss: tuple[LossStage, ...]
    seed: int
    params_digest: str


def learning_rate(step: int, steps: int, config: TrainingConfig) -> float:
    """The learning rate of a step, counted from 0: linear warm-up, then a cosine to 0 after the last step.

    With `cosine_epochs` it reaches 0 after these, and rises again, as in P2.
    """
    warmup = round(config.warmup_fraction * steps)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    end = steps * config.cosine_epochs / config.epochs if config.cosine_epochs else steps
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (end - warmup)))
