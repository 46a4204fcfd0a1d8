"""train: the network that goes from the views to the jaw, and the mean shape as its baseline."""

import csv
import hashlib
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from scans.errors import UserError
from scans.files import atomic_file
from scans.shards.naming import shard_paths
from scans.shards.seen import SEEN, jaws_of, read_seen, write_seen
from stages.params.rendered_by import write_views_record
from stages.params.train import TrainParams
from stages.params.tree import ComputeParams, Params
from stages.runtime import store
from stages.runtime.progress import say, steps
from stages.runtime.workspace import (
    HIDDEN,
    LEARNING_CURVE,
    MEAN_SHAPE,
    MODEL,
    NETWORK,
    PREPARED,
    PRETRAINED,
    VIEWS,
    atomic_folder,
    pretrained_folder,
)

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from model.cases.summary import TrainingSummary
    from model.networks.base import JawNetwork
    from model.training.config import TrainingConfig

STATES = HIDDEN / "training"  # beside the outputs, which DVC deletes before a run; safe to delete at any time
STATES_KEPT = 3
SUMMARY = "summary.npz"
THREADS = "threads"
TENSORBOARD = HIDDEN / "tensorboard"


def run(params: Params) -> None:
    """Fill artifacts/model with the best weights, their log and the mean shape; write reports/training.csv.

    A training that was stopped is resumed from .tenview/training, if params, code and data are the same.
    """
    import numpy as np

    from model.cases.dataset import CaseDataset

    # Read before torch is loaded, which takes seconds: what is missing is told at once.
    train_cases = CaseDataset(PREPARED, VIEWS, "train")
    validation_cases = CaseDataset(PREPARED, VIEWS, "validation")
    if not train_cases or not validation_cases:
        raise UserError(
            f"{PREPARED}: {len(train_cases)} training and {len(validation_cases)} validation cases; each needs one. "
            "Add scans, or change prepare.validation_share and prepare.test_share in params.yaml."
        )
    seen = jaws_of(PREPARED, ("train", "validation"))
    if params.train.start_from:
        seen += read_seen(_start_folder(params.train))

    from model.runtime.fabric import new_fabric
    from model.runtime.processes import launch
    from model.runtime.stopping import Stopped
    from model.runtime.threads import thread_count
    from model.training.batches import check_views_per_chunk
    from model.training.loop import LOG

    compute = params.compute
    fabric = new_fabric(accelerator=compute.accelerator, devices=compute.devices, precision=params.train.precision)
    check_views_per_chunk(len(train_cases), int(train_cases.view_counts().min()), _config(params.train))
    name = _state_name(params.train)
    try:
        history = launch(fabric, _train, params.train, compute, name, thread_count(compute.devices))
    except Stopped as stopped:
        if stopped.signal == signal.SIGINT:
            raise KeyboardInterrupt from None
        say("train: ended by SIGTERM; the next run goes on from here")
        raise SystemExit(128 + stopped.signal) from None
    if not fabric.is_global_zero:  # one of those that torchrun or srun has started
        return
    state = STATES / name[:16]
    with atomic_folder(MODEL) as folder:
        for each in (NETWORK, Path(NETWORK).with_suffix(".json"), LOG):
            shutil.copyfile(state / each, folder / each)
        np.save(folder / MEAN_SHAPE, _read_summary(state / SUMMARY).mean_shape)
        write_seen(folder / SEEN, seen)
        write_views_record(folder, params.render)
    _write_learning_curve(LEARNING_CURVE, history)
    metric = params.train.monitor
    best = max(entry[metric] for entry in history)
    say(f"train: best validation F-score ({metric}) is {best:.1%}, {history[0][metric]:.1%} before training")


def _train(
    fabric: "Fabric", train: TrainParams, compute: ComputeParams, name: str, threads: int | None
) -> list[dict[str, Any]]:
    """The training in one process of possibly several; `threads` is None where the environment decides."""
    import torch
    from torch.utils.data import Subset

    from model.cases.dataset import CaseDataset
    from model.runtime.memory import disable_malloc_trim
    from model.runtime.threads import sleeping_while_crowded
    from model.training.loop import Progress
    from model.training.loop import train as train_network

    state = STATES / name[:16]
    if fabric.is_global_zero:
        _make_state_folder(state)
        _write_summary(state / SUMMARY, train.seed)
        _write_threads(state / THREADS, threads)
    fabric.barrier()
    summary = _read_summary(state / SUMMARY)
    if threads is not None:
        torch.set_num_threads(int((state / THREADS).read_text()))
    disable_malloc_trim()
    network = _network(train, summary)
    train_cases = CaseDataset(PREPARED, VIEWS, "train", surface=network.needs_surface)
    validation = CaseDataset(PREPARED, VIEWS, "validation")
    count = min(train.validation_cases or len(validation), len(validation))
    validation_cases: Any = Subset(cast("Any", validation), range(count))
    size = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    if fabric.is_global_zero:
        threads = torch.get_num_threads()
        say(f"train: {len(train_cases)} cases, {count} for validation, {size:.1f} M parameters, {threads} threads")
    with sleeping_while_crowded(), steps("training") as show, _tensorboard(compute, fabric, name) as board:

        def on_step(now: Progress) -> None:
            show(now.step, now.steps, f"epoch {now.epoch}, loss {now.loss:.4f}, best F {now.best:.1%}")

        def on_epoch(history: list[dict[str, Any]]) -> None:
            _write_learning_curve(LEARNING_CURVE, history)  # `dvc plots show` shows it meanwhile
            board(history)

        return train_network(
            fabric,
            network,
            train_cases,
            validation_cases,
            _config(train),
            state,
            on_step,
            on_epoch,
            tell=lambda text: say(f"train: {text}"),
        )


def _write_summary(path: Path, seed: int) -> None:
    """The summary of the training cases, unless a run of the same training has left it; ten seconds for 200 jaws."""
    import numpy as np

    from model.cases.dataset import CaseDataset
    from model.training.summary import summarise

    if not path.exists():
        say("train: reading the training cases")
        summary = summarise(CaseDataset(PREPARED, VIEWS, "train"), seed)
        with atomic_file(path) as partial, open(partial, "wb") as file:
            np.savez(file, **asdict(summary))


def _read_summary(path: Path) -> "TrainingSummary":
    import numpy as np

    from model.cases.summary import TrainingSummary

    with np.load(path, allow_pickle=False) as arrays:
        return TrainingSummary(**{name: array if array.ndim else array.item() for name, array in arrays.items()})


def _write_threads(path: Path, threads: int | None) -> None:
    """The number of threads, on which the result's last digits depend, unless the training began with another one."""
    if threads is not None and not path.exists():
        with atomic_file(path) as partial:
            partial.write_text(str(threads))


def _network(train: TrainParams, summary: "TrainingSummary") -> "JawNetwork":
    from model.networks.registry import NETWORKS
    from model.networks.views import seeded

    with seeded(train.seed):
        network = NETWORKS[train.network.decoder].initialise(train.network_settings(), summary)
    if train.start_from:
        from model.networks.checkpoint import load_checkpoint

        folder = _start_folder(train)
        try:
            network.continue_from(load_checkpoint(folder / NETWORK)[0])
        except UserError as error:
            raise UserError(f"train.start_from: {folder}: {error}") from None
        return network
    source = train.network.pretrained
    network.encoder.load_pretrained(source if isinstance(source, bool) else Path(source))
    return network


def _start_folder(train: TrainParams) -> Path:
    """The folder of the model to fine-tune.

    Raises:
        UserError: it holds no model.
    """
    folder = pretrained_folder() if Path(train.start_from) == PRETRAINED else Path(train.start_from)
    if not (folder / NETWORK).is_file():
        raise UserError(
            f'train.start_from: no model in {folder}. Name a folder that `tenview export` wrote, or set it to ""'
        )
    return folder


def _config(train: TrainParams) -> "TrainingConfig":
    from model.losses.schedule import LossStage
    from model.training.config import TrainingConfig

    settings = train.model_dump(exclude={"network", "cloud", "field", "start_from", "precision", "validation_cases"})
    digest = hashlib.sha256(train.model_dump_json().encode()).hexdigest()
    stages = tuple(LossStage(*stage) for stage in train.decoder.loss_stages())
    return TrainingConfig(**settings, loss=stages, params_digest=digest)


def _state_name(train: TrainParams) -> str:
    """What the training's result follows from: params, code, data and weights to start from."""
    files = [
        path for split in ("train", "validation") for source in (PREPARED, VIEWS) for path in shard_paths(source, split)
    ]
    pretrained = train.network.pretrained
    weights = Path(pretrained) if isinstance(pretrained, str) else None
    return store.key(
        "train",
        params=train.model_dump(mode="json"),
        data={str(path): store.file_digest(path) for path in files},
        weights=store.file_digest(weights) if weights and weights.is_file() else None,
        start=store.file_digest(_start_folder(train) / NETWORK) if train.start_from else None,
    )


def _make_state_folder(folder: Path) -> None:
    """Make the folder of a training's state, if it is missing; of the others the latest stay."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.touch()
    for partial in folder.glob(".*.partial"):  # what a killed run left
        partial.unlink(missing_ok=True)
    for old in sorted(STATES.iterdir(), key=lambda path: -path.stat().st_mtime_ns)[STATES_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    if (folder / "state.safetensors").exists():
        say("train: going on from where an earlier run of the same training stood")


@contextmanager
def _tensorboard(
    compute: ComputeParams, fabric: "Fabric", name: str
) -> Iterator[Callable[[list[dict[str, Any]]], None]]:
    """Yields a function that writes the last epoch of a history, where TensorBoard is enabled."""
    if not compute.tensorboard or not fabric.is_global_zero:
        yield lambda history: None  # noqa: ARG005
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UserError(
            "compute.tensorboard: TensorBoard is not installed; pip install -c constraints.txt -e '.[tensorboard]'"
        ) from None

    def write(history: list[dict[str, Any]]) -> None:
        for name, value in history[-1].items():
            writer.add_scalar(name, value, history[-1]["epoch"])
        writer.flush()

    with SummaryWriter(TENSORBOARD / name[:16]) as writer:
        yield write


def _write_learning_curve(path: Path, history: list[dict[str, Any]]) -> None:
    columns = {"epoch": "epoch", "train_loss": "loss", "f_035": "validation_f_035", "f_010": "validation_f_010"}
    with atomic_file(path) as partial, open(partial, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns.values())
        writer.writerows([entry.get(name, "") for name in columns] for entry in history)
