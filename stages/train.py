"""train: the network that goes from views to points, and the constant mean arch as its baseline."""

import csv
import hashlib
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scans.errors import UserError
from scans.files import atomic_file
from scans.shards.naming import shard_paths
from stages.params.tree import ComputeParams, Params, TrainParams
from stages.runtime import store
from stages.runtime.progress import say, steps
from stages.runtime.workspace import HIDDEN, LEARNING_CURVE, MEAN_SHAPE, MODEL, PREPARED, VIEWS, atomic_folder

if TYPE_CHECKING:
    import numpy as np
    from lightning_fabric import Fabric

    from model.cases.case import Case
    from model.cases.dataset import CaseDataset
    from model.networks.cloud import CloudNetwork
    from model.networks.field import FieldNetwork
    from model.training.loop import TrainingConfig

INITIAL_WEIGHT_SCALE = 0.1  # of the last layer's random weights, beside the mean arch in its bias
STATES = HIDDEN / "training"  # beside the outputs, which DVC deletes before a run; safe to delete at any time
STATES_KEPT = 3
TENSORBOARD = HIDDEN / "tensorboard"


def run(params: Params) -> None:
    """Fill artifacts/model with the best weights, their log and the mean arch; write reports/training.csv.

    A training that was ended goes on from .tenview/training, if params, code and data are the same.
    """
    from model.cases.dataset import CaseDataset

    # Read before torch is loaded, which takes seconds: what is missing is told at once.
    train_cases = CaseDataset(PREPARED, VIEWS, "train")
    validation_cases = CaseDataset(PREPARED, VIEWS, "validation")
    if not train_cases or not validation_cases:
        raise UserError(
            f"{PREPARED}: {len(train_cases)} training and {len(validation_cases)} validation cases; each needs one. "
            "Add scans, or change prepare.validation_fraction and prepare.test_fraction in params.yaml."
        )

    import numpy as np

    from model.runtime.fabric import new_fabric
    from model.runtime.processes import launch
    from model.runtime.stopping import Stopped
    from model.training.loop import LOG, WEIGHTS
    from model.training.mean_shape import mean_shape

    compute = params.compute
    fabric = new_fabric(accelerator=compute.accelerator, devices=compute.devices, precision=params.train.precision)
    name = _state_name(params.train)
    state = _state_folder(name)
    arch_path = state / MEAN_SHAPE
    if not arch_path.exists():
        say("train: making the mean arch")
        arch = mean_shape([case.points for case in train_cases], len(train_cases[0].points), params.train.seed)
        with atomic_file(arch_path) as partial, open(partial, "wb") as file:
            np.save(file, arch)
    try:
        history = launch(fabric, _train, params.train, compute, state, name)
    except Stopped as stopped:
        if stopped.signal == signal.SIGINT:
            raise KeyboardInterrupt from None
        say("train: ended by SIGTERM; the next run goes on from here")
        raise SystemExit(128 + stopped.signal) from None
    with atomic_folder(MODEL) as folder:
        for each in (WEIGHTS, Path(WEIGHTS).with_suffix(".json"), LOG, MEAN_SHAPE):
            shutil.copyfile(state / each, folder / each)
    _write_learning_curve(LEARNING_CURVE, history)
    figure = params.train.monitor
    best = max(entry[figure] for entry in history)
    say(f"train: best validation F ({figure}) is {best:.1%}, {history[0][figure]:.1%} before training")


def _train(
    fabric: "Fabric", train: TrainParams, compute: ComputeParams, state: Path, name: str
) -> list[dict[str, Any]]:
    """The training in one process of possibly several."""
    import numpy as np

    from model.cases.dataset import CaseDataset
    from model.runtime.memory import disable_malloc_trim
    from model.training.loop import Progress
    from model.training.loop import train as train_network

    disable_malloc_trim()
    field = train.network.decoder == "field"
    train_cases = CaseDataset(PREPARED, VIEWS, "train", surface=field)
    validation = CaseDataset(PREPARED, VIEWS, "validation")
    validation_cases = [
        validation[number] for number in range(min(train.validation_cases or len(validation), len(validation)))
    ]
    network = _field(train, train_cases) if field else _network(train, train_cases[0], np.load(state / MEAN_SHAPE))
    size = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    if fabric.is_global_zero:
        say(f"train: {len(train_cases)} cases, {len(validation_cases)} for validation, {size:.1f} M parameters")
    with steps("training") as show, _tensorboard(compute, fabric, name) as board:

        def on_step(now: Progress) -> None:
            show(now.step, now.steps, f"epoch {now.epoch}, loss {now.loss:.4f}, best F {now.best:.1%}")

        def on_epoch(history: list[dict[str, Any]]) -> None:
            _write_learning_curve(LEARNING_CURVE, history)  # `dvc plots show` shows it meanwhile
            board(history)

        return train_network(fabric, network, train_cases, validation_cases, _config(train), state, on_step, on_epoch)


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
    )


def _state_folder(name: str) -> Path:
    """The folder of that state, made if missing; of the others the latest stay."""
    folder = STATES / name[:16]
    folder.mkdir(parents=True, exist_ok=True)
    folder.touch()
    for partial in folder.glob(".*.partial"):  # what a killed run left
        partial.unlink(missing_ok=True)
    for old in sorted(STATES.iterdir(), key=lambda path: -path.stat().st_mtime_ns)[STATES_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    if (folder / "state.safetensors").exists():
        say("train: going on from where an earlier run of the same training stood")
    return folder


def _network(train: TrainParams, example: "Case", arch: "np.ndarray") -> "CloudNetwork":
    import torch

    from model.networks.cloud import new_network

    settings = train.network
    network = new_network(
        train.seed,
        **settings.model_dump(exclude={"decoder", "channels", "pretrained", "initial_cloud"}),
        image_size=example.views.shape[1],
        views=len(example.views),
        points=len(example.points),
    )
    _load_pretrained(network, settings.pretrained)
    if settings.initial_cloud == "mean_shape":
        network.decoder.initialise_from(torch.from_numpy(arch), spread=INITIAL_WEIGHT_SCALE)
    return network


def _field(train: TrainParams, cases: "CaseDataset") -> "FieldNetwork":
    import numpy as np
    import torch

    from model.networks.field import FieldNetwork
    from model.networks.views import seeded
    from model.training.seed_points import find_seed_points

    settings = train.network
    seed_points = find_seed_points(case.points for case in cases)
    with seeded(train.seed):
        network = FieldNetwork(
            **settings.model_dump(include={"encoder", "width", "heads", "channels", "hidden"}),
            image_size=cases[0].views.shape[1],
            seed_points=len(seed_points),
        )
    network.encoder.load_pretrained(
        settings.pretrained if isinstance(settings.pretrained, bool) else Path(settings.pretrained)
    )
    network.initialise_from(torch.from_numpy(seed_points), float(np.mean(np.log([case.radius for case in cases]))))
    return network


def _load_pretrained(network: "CloudNetwork | FieldNetwork", source: bool | str) -> None:
    network.encoder.load_pretrained(source if isinstance(source, bool) else Path(source))


def _config(train: TrainParams) -> "TrainingConfig":
    from model.losses.schedule import LossStage
    from model.training.loop import TrainingConfig

    settings = train.model_dump(exclude={"network", "loss", "field_loss", "precision", "validation_cases"})
    digest = hashlib.sha256(train.model_dump_json().encode()).hexdigest()
    field = train.field_loss.model_dump()
    stages = tuple(
        LossStage(stage.first_epoch, stage.model_dump(exclude={"first_epoch"}) | field) for stage in train.loss
    )
    return TrainingConfig(**settings, loss=stages, params_digest=digest)


@contextmanager
def _tensorboard(
    compute: ComputeParams, fabric: "Fabric", name: str
) -> Iterator[Callable[[list[dict[str, Any]]], None]]:
    """Yields a function that writes the last epoch of a history, where TensorBoard is asked for."""
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
        for figure, value in history[-1].items():
            writer.add_scalar(figure, value, history[-1]["epoch"])
        writer.flush()

    with SummaryWriter(TENSORBOARD / name[:16]) as writer:
        yield write


def _write_learning_curve(path: Path, history: list[dict[str, Any]]) -> None:
    columns = {"epoch": "epoch", "train_loss": "loss", "f_035": "validation_f_035", "f_010": "validation_f_010"}
    with atomic_file(path) as partial, open(partial, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns.values())
        writer.writerows([entry.get(name, "") for name in columns] for entry in history)
