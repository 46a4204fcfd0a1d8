"""The training loop, top to bottom."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric

from model.case import Case
from model.checkpoint import save_checkpoint
from model.losses import LossWeights, loss_terms, weights_at
from model.metrics import measure
from model.neighbours import Cloud
from model.network import Network
from model.prediction import predict
from scans.errors import UserError
from scans.files import whole_file

WEIGHTS = "network.safetensors"
LOG = "epochs.jsonl"


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How to train.

    Attributes:
        epochs: passes over the training cases, at most.
        batch_size: cases in a step.
        learning_rate: AdamW's rate at its peak.
        weight_decay: AdamW's, on matrices only: a bias holds the initial cloud, which must not fade.
        warmup: share of all steps in which the rate rises; then it falls by a cosine that ends with the last step.
        clip_norm: longer gradients are shortened to this norm.
        patience: epochs without a better validation F at 0.035 after which training stops.
        loss: what counts when; see `losses.weights_at`.
        accelerator: as Lightning Fabric names them: auto, cpu, cuda.
        precision: as Lightning Fabric names them: 32-true, bf16-mixed.
        seed: decides the order of the cases and dropout.
        params_digest: digest of the params, noted in the checkpoint.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup: float
    clip_norm: float
    patience: int
    loss: tuple[LossWeights, ...]
    accelerator: str
    precision: str
    seed: int
    params_digest: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training stands after a step: counts start at 1; `best_f` is the best validation F at 0.035 so far."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    best_f: float


def train(
    network: Network,
    train_cases: Sequence[Case],
    validation_cases: Sequence[Case],
    config: TrainingConfig,
    out: Path,
    on_step: Callable[[Progress], None],
) -> list[dict[str, Any]]:
    """Train a network and keep its best epoch by F at 0.035 on the validation cases.

    Optimiser and schedule follow P2 (AdamW, cosine), whose cosine was shorter than its run; ours ends with the run.
    The untrained network counts as epoch 0, so the result is never worse on validation than the initial cloud.
    On the same machine and number of threads, the same input gives the same bytes.

    Args:
        network: trained in place, and left as the last epoch made it.
        train_cases: N of at least one; read anew each epoch, only their points' trees are kept (1.7 MB per case).
        validation_cases: at least one.
        config: see there.
        out: folder, made if missing. It receives the best weights as network.safetensors + network.json, and
            epochs.jsonl with a line per epoch; neither holds times.
        on_step: called after each step.

    Returns:
        The lines of epochs.jsonl.

    Raises:
        UserError: no cases, a step of one picture, or a prediction or loss that is not finite (names the case); the
            best weights so far stay in `out`.
    """
    if not len(train_cases) or not len(validation_cases):
        raise UserError("training needs at least one training and one validation case; prepare more scans")
    last = len(train_cases) % config.batch_size or config.batch_size
    if last * min(int(case.present.sum()) for case in train_cases) < 2:
        raise UserError(
            f"training: {len(train_cases)} cases in steps of {config.batch_size} leave a step with one picture alone, "
            "of which batch norm learns nothing; change train.batch_size, or show more views of a case"
        )
    fabric = Fabric(accelerator=config.accelerator, devices=1, precision=config.precision)
    matrices = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    module, optimizer = fabric.setup(network, torch.optim.AdamW(groups, lr=config.learning_rate, fused=True))

    truths = [Cloud.of(fabric.to_device(torch.from_numpy(case.points))) for case in train_cases]
    validation_truths = [Cloud.of(fabric.to_device(torch.from_numpy(case.points))) for case in validation_cases]
    steps_per_epoch = math.ceil(len(train_cases) / config.batch_size)
    steps = steps_per_epoch * config.epochs

    history = [{"epoch": 0} | validate(network, validation_cases, validation_truths, config.batch_size)]
    best = history[0]
    _write_log(out, history)
    save_checkpoint(network, out / WEIGHTS, params_digest=config.params_digest, history=history)

    for epoch in range(config.epochs):
        weights = weights_at(epoch, config.loss)
        order = np.random.default_rng([config.seed, epoch]).permutation(len(train_cases))
        torch.manual_seed(int(np.random.default_rng([config.seed, epoch, 1]).integers(2**63)))  # dropout's chance
        sums = dict.fromkeys(("loss", "chamfer", "l1"), 0.0)
        module.train()
        for number in range(steps_per_epoch):
            step = epoch * steps_per_epoch + number
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, config)

            batch = order[number * config.batch_size : (number + 1) * config.batch_size]
            cases = [train_cases[i] for i in batch]
            views = torch.from_numpy(np.stack([case.views for case in cases]))
            present = torch.from_numpy(np.stack([case.present for case in cases]))
            predicted = module(fabric.to_device(views), fabric.to_device(present))
            _stop_unless_finite(predicted, "the prediction", cases)
            terms = loss_terms(predicted, [truths[i] for i in batch], weights)
            _stop_unless_finite(terms["loss"], "the loss", cases)

            optimizer.zero_grad()
            fabric.backward(terms["loss"].mean())
            norm = fabric.clip_gradients(module, optimizer, max_norm=config.clip_norm, error_if_nonfinite=False)
            _stop_unless_finite(norm.expand(len(cases)), "the gradient", cases)
            optimizer.step()

            for name, values in terms.items():
                sums[name] += values.sum().item()
            on_step(Progress(epoch + 1, config.epochs, step + 1, steps, terms["loss"].mean().item(), best["f_035"]))

        entry = {"epoch": epoch + 1} | {f"train_{name}": total / len(train_cases) for name, total in sums.items()}
        entry |= validate(network, validation_cases, validation_truths, config.batch_size)
        history.append(entry)
        _write_log(out, history)
        if entry["f_035"] > best["f_035"]:
            best = entry
            save_checkpoint(network, out / WEIGHTS, params_digest=config.params_digest, history=history)
        elif entry["epoch"] - best["epoch"] >= config.patience:
            break
    return history


def learning_rate(step: int, steps: int, config: TrainingConfig) -> float:
    """The rate of a step (from 0): a straight rise over the warm-up, then a cosine that ends in 0 after the last."""
    warmup = round(config.warmup * steps)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def validate(network: Network, cases: Sequence[Case], truths: Sequence[Cloud], batch_size: int) -> dict[str, float]:
    """Mean of each of `metrics.measure`'s figures over the cases, which are predicted `batch_size` at a time."""
    figures = []
    for start in range(0, len(cases), batch_size):
        part = [cases[i] for i in range(start, min(start + batch_size, len(cases)))]
        clouds = predict(network, np.stack([case.views for case in part]), np.stack([case.present for case in part]))
        _stop_unless_finite(torch.from_numpy(clouds), "the prediction for validation", part)
        for case, cloud, truth in zip(part, clouds, truths[start:], strict=False):
            figures.append(measure(cloud, truth, case.radius))
    return {name: float(np.mean([f[name] for f in figures])) for name in figures[0]}


def _stop_unless_finite(values: torch.Tensor, what: str, cases: Sequence[Case]) -> None:
    """Stop where `values` (B, ...) are not all finite."""
    finite = torch.isfinite(values).flatten(1).all(dim=1) if values.ndim > 1 else torch.isfinite(values)
    if not finite.all():
        names = ", ".join(case.id for case, good in zip(cases, finite.tolist(), strict=True) if not good)
        raise UserError(
            f"training stopped: {what} is not finite for {names}. Look at these cases, or lower train.learning_rate"
        )


def _write_log(out: Path, history: Sequence[dict[str, Any]]) -> None:
    with whole_file(out / LOG) as partial:
        partial.write_text("".join(json.dumps(entry) + "\n" for entry in history), encoding="utf-8")
