"""The training loop, top to bottom; it doesn't know what a network predicts (see objective.py)."""

import json
import math
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule, _FabricOptimizer

from model.cases.case import Case
from model.geometry.neighbours import IndexedPoints
from model.losses.objective import Batch, loss_terms, stop_unless_finite
from model.losses.schedule import LossStage, LossWeights, weights_at
from model.metrics.distances import measure
from model.networks.checkpoint import save_checkpoint
from model.networks.cloud import CloudNetwork
from model.networks.field import FieldNetwork
from model.reconstruction.predict import predict, reconstruct
from model.runtime.memory import out_of_memory_as_user_error
from model.runtime.stopping import Stopped, stop_on_signals
from model.training.moving_average import MovingAverage
from model.training.state import load_state, save_state
from scans.errors import UserError
from scans.files import atomic_file

WEIGHTS = "network.safetensors"
LOG = "epochs.jsonl"
STATE = "state.safetensors"


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """How to train.

    Attributes:
        epochs: passes over the training cases, at most.
        batch_size: cases in a step.
        accumulate: chunks that a step's cases are cut into, computed one after another or on several devices. Batch
            norm and chance see a chunk alone, so that the number of devices changes nothing but rounding.
        learning_rate: AdamW's rate at its peak.
        weight_decay: AdamW's, on matrices only: a bias holds the initial cloud, which must not fade.
        warmup_fraction: share of all steps in which the rate rises; then it falls by a cosine.
        cosine_epochs: epochs until the cosine's lowest point, after which it rises again (P2: 30); 0 for the run's.
        gradient_clip_norm: longer gradients are shortened to this norm; 0 for none.
        ema_decay: decay of the weights' moving average, which is then what is validated and kept; 0 for none.
        view_dropout: share of the cases that show the network some of their views alone, in training.
        min_views: how many these show at least.
        monitor: the figure of validation that chooses the best epoch: f_035 or f_010.
        patience: epochs without a better one after which training stops.
        loss: what counts when; see `losses.schedule`.
        matched_points: points that P2's terms draw.
        query_points: points of each case about which a field is asked in a step.
        seed: decides the order of the cases, dropout and all else that is left to chance.
        params_digest: digest of the params, noted in the checkpoint.
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
    monitor: str
    patience: int
    loss: tuple[LossStage, ...]
    matched_points: int
    query_points: int
    seed: int
    params_digest: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Where training stands after a step: counts start at 1; `best` is the best figure of validation so far."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    best: float


def train(
    fabric: Fabric,
    network: CloudNetwork | FieldNetwork,
    train_cases: Sequence[Case],
    validation_cases: Sequence[Case],
    config: TrainingConfig,
    folder: Path,
    on_step: Callable[[Progress], None],
    on_epoch: Callable[[list[dict[str, Any]]], None] = lambda history: None,  # noqa: ARG005
) -> list[dict[str, Any]]:
    """Train a network and keep its best epoch by a figure on the validation cases.

    Optimiser and schedule follow P2 (AdamW, cosine), whose cosine was shorter than its run.
    The untrained network counts as epoch 0, so the result is never worse on validation than the initial cloud.
    On the same machine and number of threads, the same input gives the same bytes, whether or not the training was
    ended and taken up in between.

    Args:
        fabric: launched; each of its processes calls this function with the same arguments.
        network: trained in place, and left as the last epoch made it.
        train_cases: N of at least one; read anew each epoch.
        validation_cases: at least one.
        config: see there.
        folder: made if missing. It receives the best weights as network.safetensors + network.json, epochs.jsonl with a
            line per epoch, and state.safetensors, from which the same call goes on; none of them holds times.
        on_step: called after each step, in the first process.
        on_epoch: called after each epoch with the lines so far, in the first process.

    Returns:
        The lines of epochs.jsonl.

    Raises:
        UserError: no cases, a step of one picture, too little memory, or a prediction or loss that is not finite (names
            the case); the best weights so far stay in `folder`.
        Stopped: SIGTERM or SIGINT came; the state after that step is in `folder`.
    """
    steps_per_epoch = _steps_per_epoch(fabric, train_cases, validation_cases, config)
    steps = steps_per_epoch * config.epochs
    matrices = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)

    with stop_on_signals() as stop, out_of_memory_as_user_error("training"):
        module, optimizer = fabric.setup(network, adamw)
        average = MovingAverage(network, config.ema_decay)
        modules = {"network": network} | ({"average": average.network} if config.ema_decay else {})

        def keep(epoch: int, step: int, sums: dict[str, float]) -> None:
            if fabric.is_global_zero:
                position = {"epoch": epoch, "step": step, "sums": sums, "history": history}
                save_state(folder / STATE, modules, adamw, position)

        def finish_epoch(entry: dict[str, Any]) -> None:
            entry |= validate(fabric, average.network, validation_cases, config.batch_size)
            better = not history or entry[config.monitor] > _best(history, config)[config.monitor]
            history.append(entry)
            if fabric.is_global_zero:
                _write_log(folder, history)
                if better:
                    path = folder / WEIGHTS
                    save_checkpoint(average.network, path, params_digest=config.params_digest, history=history)
                on_epoch(history)
            keep(entry["epoch"], 0, {})

        # Where it stood, or at the start.
        position = load_state(folder / STATE, modules, adamw)
        history: list[dict[str, Any]] = position["history"] if position else []
        if position is None:
            finish_epoch({"epoch": 0})
        begun = position or {"epoch": 0, "step": 0, "sums": {}}

        for epoch in range(begun["epoch"], config.epochs):
            best = _best(history, config)
            if history[-1]["epoch"] - best["epoch"] >= config.patience:
                break
            weights = weights_at(
                epoch, config.epochs, config.loss, points=config.matched_points, query_points=config.query_points
            )
            order = np.random.default_rng([config.seed, epoch]).permutation(len(train_cases))
            batches = np.array_split(order, steps_per_epoch)
            first, sums = (begun["step"], begun["sums"]) if epoch == begun["epoch"] else (0, {})
            for number in range(first, steps_per_epoch):
                step = epoch * steps_per_epoch + number
                for group in adamw.param_groups:  # Fabric's wrapper shows those of before a state was loaded
                    group["lr"] = learning_rate(step, steps, config)
                cases = [train_cases[i] for i in batches[number]]
                totals = _step(
                    fabric, module, network, optimizer, cases, weights, config, (epoch, number), bool(stop.signal)
                )
                average.update(network, step)
                stopped = totals.pop("stopped")
                for name, total in totals.items():
                    sums[name] = sums.get(name, 0.0) + total
                if fabric.is_global_zero:
                    loss = totals["loss"] / len(cases)
                    on_step(Progress(epoch + 1, config.epochs, step + 1, steps, loss, best[config.monitor]))
                if stopped:
                    keep(epoch, number + 1, sums)
                    raise Stopped(stop.signal or signal.SIGTERM)
            means = {f"train_{name}": total / len(train_cases) for name, total in sums.items()}
            finish_epoch({"epoch": epoch + 1} | means)
    return history


def _step(
    fabric: Fabric,
    module: _FabricModule,
    network: CloudNetwork | FieldNetwork,
    optimizer: _FabricOptimizer,
    cases: Sequence[Case],
    weights: LossWeights,
    config: TrainingConfig,
    number: tuple[int, int],
    stopped: bool,
) -> dict[str, float]:
    """One step of the optimiser on these cases; `number` is its epoch and its place therein.

    Returns:
        The sum of each of `loss_terms` over the cases, and how many processes are `stopped`.
    """
    chunks = np.array_split(np.arange(len(cases)), config.accumulate)
    own = range(fabric.global_rank, len(chunks), fabric.world_size)
    parameters = dict(network.named_parameters())
    buffers = [value for name, value in network.state_dict().items() if name not in parameters]
    before = [buffer.clone() for buffer in buffers]
    after = [torch.zeros_like(buffer) for buffer in buffers]
    sums: dict[str, torch.Tensor] = {}
    module.train()
    optimizer.zero_grad()
    for place in own:
        chance = [config.seed, *number, place]
        rng = np.random.default_rng(chance)
        torch.manual_seed(int(rng.integers(2**63)))  # dropout's
        batch = _batch(fabric, [cases[i] for i in chunks[place]], config, rng)
        with fabric.no_backward_sync(module, enabled=place != own[-1]):
            terms = loss_terms(module, network, batch, weights, rng)
            # DDP takes the mean over processes, and this is to be the mean over cases.
            fabric.backward(terms["loss"].sum() * (fabric.world_size / len(cases)))
        for name, values in terms.items():
            sums[name] = sums.get(name, 0) + values.detach().double().sum()
        for start, buffer, total in zip(before, buffers, after, strict=True):
            total.add_(buffer)
            buffer.copy_(start)  # each chunk begins from what the step began with, wherever it is computed
    _finish_buffers(fabric, buffers, after, len(chunks))

    norm = fabric.clip_gradients(
        module, optimizer, max_norm=config.gradient_clip_norm or math.inf, error_if_nonfinite=False
    )
    stop_unless_finite(norm.expand(len(cases)), "the gradient", cases)
    optimizer.step()
    told = torch.stack([torch.tensor(float(stopped), dtype=torch.float64, device=fabric.device), *sums.values()])
    told = fabric.all_reduce(told, reduce_op="sum")  # also for the processes to stop at the same step
    return dict(zip(("stopped", *sums), told.tolist(), strict=True))


def _finish_buffers(fabric: Fabric, buffers: Sequence[torch.Tensor], sums: Sequence[torch.Tensor], chunks: int) -> None:
    """Batch norm's running figures become the mean of what the chunks made of them; counters count the step once."""
    figures = [(buffer, total) for buffer, total in zip(buffers, sums, strict=True) if buffer.is_floating_point()]
    if figures:
        flat = fabric.all_reduce(torch.cat([total.flatten() for _, total in figures]), reduce_op="sum") / chunks
        for (buffer, _), part in zip(figures, flat.split([buffer.numel() for buffer, _ in figures]), strict=True):
            buffer.copy_(part.view_as(buffer))


def _batch(fabric: Fabric, cases: Sequence[Case], config: TrainingConfig, rng: np.random.Generator) -> Batch:
    """The cases on the device, with views left out by chance."""
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
        [_truth(fabric, case) for case in cases],
    )


def _truth(fabric: Fabric, case: Case) -> IndexedPoints:
    return IndexedPoints.build(fabric.to_device(torch.from_numpy(case.points)))


def learning_rate(step: int, steps: int, config: TrainingConfig) -> float:
    """The rate of a step (from 0): a straight rise over the warm-up, then a cosine that ends in 0 after the last step.

    With `cosine_epochs` it reaches 0 after these, and rises again, as in P2.
    """
    warmup = round(config.warmup_fraction * steps)
    if step < warmup:
        return config.learning_rate * (step + 1) / warmup
    end = steps * config.cosine_epochs / config.epochs if config.cosine_epochs else steps
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (end - warmup)))


def validate(
    fabric: Fabric, network: CloudNetwork | FieldNetwork, cases: Sequence[Case], batch_size: int
) -> dict[str, float]:
    """Mean of each of `metrics.measure`'s figures over the cases, which are predicted `batch_size` at a time.

    The processes share the cases.
    """
    own = range(fabric.global_rank, len(cases), fabric.world_size)
    mine = []
    for start in range(0, len(own), batch_size):
        part = [cases[i] for i in own[start : start + batch_size]]
        clouds = _predict(network, part)
        stop_unless_finite(torch.from_numpy(clouds), "the prediction for validation", part)
        mine += [measure(cloud, _truth(fabric, case), case.radius) for cloud, case in zip(clouds, part, strict=True)]
    shares = [fabric.broadcast(mine, src=rank) for rank in range(fabric.world_size)]
    figures = [shares[i % len(shares)][i // len(shares)] for i in range(len(cases))]  # in the cases' order
    return {name: float(np.mean([f[name] for f in figures])) for name in figures[0]}


def _predict(network: CloudNetwork | FieldNetwork, cases: Sequence[Case]) -> np.ndarray:
    """(B, N, 3) clouds as `evaluate` would have them."""
    if isinstance(network, FieldNetwork):
        return np.stack(
            [reconstruct(network, case.views, case.view_mask, case.cameras, len(case.points)).points for case in cases]
        )
    return predict(network, np.stack([case.views for case in cases]), np.stack([case.view_mask for case in cases]))


def _best(history: Sequence[dict[str, Any]], config: TrainingConfig) -> dict[str, Any]:
    return max(history, key=lambda entry: entry[config.monitor])  # the first of equals


def _steps_per_epoch(
    fabric: Fabric, train_cases: Sequence[Case], validation_cases: Sequence[Case], config: TrainingConfig
) -> int:
    """Steps of about equal size, none larger than `batch_size`."""
    if not len(train_cases) or not len(validation_cases):
        raise UserError("training needs at least one training and one validation case; prepare more scans")
    steps = math.ceil(len(train_cases) / config.batch_size)
    smallest = len(train_cases) // steps // config.accumulate  # cases in a chunk
    if not smallest:
        raise UserError(
            f"training: {len(train_cases)} cases in steps of {config.batch_size} can't be cut into "
            f"{config.accumulate} chunks; lower train.accumulate, or raise train.batch_size"
        )
    if config.accumulate % fabric.world_size:
        raise UserError(
            f"compute.devices={fabric.world_size} must divide train.accumulate={config.accumulate}: the chunks of a "
            "step are shared out among the devices; raise train.accumulate"
        )
    fewest = min(int(case.view_mask.sum()) for case in train_cases)
    if config.view_dropout:
        fewest = min(fewest, config.min_views)
    if smallest * fewest < 2:
        raise UserError(
            f"training: {len(train_cases)} cases in steps of {config.batch_size} leave a step with one picture alone, "
            "of which batch norm learns nothing; change train.batch_size, or show more views of a case"
        )
    return steps


def _write_log(folder: Path, history: Sequence[dict[str, Any]]) -> None:
    with atomic_file(folder / LOG) as partial:
        partial.write_text("".join(json.dumps(entry) + "\n" for entry in history), encoding="utf-8")
