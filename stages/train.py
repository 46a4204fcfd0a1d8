"""train: the network that goes from views to points, and the constant mean arch as its baseline."""

import csv
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scans.errors import UserError
from scans.files import whole_file
from stages.params import Params
from stages.params import Train as TrainParams
from stages.progress import say, steps
from stages.workspace import LEARNING_CURVE, MEAN_ARCH, MODEL, PREPARED, VIEWS, whole_folder

if TYPE_CHECKING:
    import numpy as np

    from model.case import Case
    from model.network import Network
    from model.training import TrainingConfig

INITIAL_SPREAD = 0.1  # of the last layer's random weights, beside the mean arch in its bias


def run(params: Params) -> None:
    """Fill artifacts/model with the best weights, their log and the mean arch; write reports/training.csv."""
    from model.dataset import Cases

    # Read before torch is loaded, which takes seconds: what is missing is told at once.
    train_cases = Cases(PREPARED, VIEWS, "train")
    validation_cases = Cases(PREPARED, VIEWS, "validation")
    if not train_cases or not validation_cases:
        raise UserError(
            f"{PREPARED}: {len(train_cases)} training and {len(validation_cases)} validation cases; each needs one. "
            "Add scans, or change prepare.validation_share and prepare.test_share in params.yaml."
        )

    import numpy as np

    from model.mean_arch import mean_arch
    from model.training import train

    with whole_folder(MODEL) as folder:
        say("train: making the mean arch")
        arch = mean_arch([case.points for case in train_cases], len(train_cases[0].points), params.train.seed)
        np.save(folder / MEAN_ARCH, arch)
        network = _network(params.train, train_cases[0], arch)
        size = sum(parameter.numel() for parameter in network.parameters()) / 1e6
        say(f"train: {len(train_cases)} cases, {len(validation_cases)} for validation, {size:.1f} M parameters")
        with steps("training") as show:
            history = train(
                network,
                train_cases,
                validation_cases,
                _config(params.train),
                folder,
                lambda now: show(
                    now.step, now.steps, f"epoch {now.epoch}, loss {now.loss:.4f}, best F {now.best_f:.1%}"
                ),
            )
        _write_learning_curve(LEARNING_CURVE, history)
    best = max(entry["f_035"] for entry in history)
    say(f"train: best validation F at 0.035 is {best:.1%}, {history[0]['f_035']:.1%} before training")


def _network(train: TrainParams, example: "Case", arch: "np.ndarray") -> "Network":
    import torch

    from model.network import new_network

    settings = train.network
    network = new_network(
        train.seed,
        **settings.model_dump(exclude={"pretrained", "initial_cloud"}),
        image_size=example.views.shape[1],
        views=len(example.views),
        points=len(example.points),
    )
    if settings.pretrained:
        network.encoder.load_pretrained(True if settings.pretrained is True else Path(settings.pretrained))
    if settings.initial_cloud == "mean_arch":
        network.decoder.start_from(torch.from_numpy(arch), spread=INITIAL_SPREAD)
    return network


def _config(train: TrainParams) -> "TrainingConfig":
    from model.losses import LossWeights
    from model.training import TrainingConfig

    settings = train.model_dump(exclude={"network", "loss"})
    digest = hashlib.sha256(train.model_dump_json().encode()).hexdigest()
    stages = tuple(LossWeights(**stage.model_dump()) for stage in train.loss)
    return TrainingConfig(**settings, loss=stages, accelerator="auto", params_digest=digest)


def _write_learning_curve(path: Path, history: list[dict[str, Any]]) -> None:
    columns = {"epoch": "epoch", "train_loss": "loss", "f_035": "validation_f_035", "f_010": "validation_f_010"}
    with whole_file(path) as partial, open(partial, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns.values())
        writer.writerows([entry.get(name, "") for name in columns] for entry in history)
