"""export: the trained model as a folder that can be shared, and used by `tenview predict --model`."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scans.cases.manifest import read_manifest
from scans.errors import UserError
from scans.shards.naming import SPLITS, shard_paths
from scans.shards.table import read_columns
from stages.cards.model_card import model_card
from stages.params.tree import PARAMS_FILE, Params
from stages.prediction.trained import load_trained
from stages.runtime.progress import say
from stages.runtime.workspace import CALIBRATION, METRICS, MODEL, NETWORK, PREPARED, SCANS, atomic_folder

CARD, DATASET_CARD, ONNX = "README.md", "DATASET.md", "network.onnx"


def run(params: Params, out: Path, *, onnx: bool) -> None:
    """Make the folder `out`; an earlier export there is replaced.

    Raises:
        UserError: `out` is something else than an export, the pipeline has not run to `evaluate`, or the packages that
            write ONNX are missing.
    """
    if out.exists() and not (out / CARD).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: there is something else than an exported model. Name another folder")
    manifest = read_manifest(SCANS)
    metrics = _read_metrics()
    trained = load_trained(None)
    if trained.calibration is None:
        raise UserError(
            f"{CALIBRATION}: missing, or about other weights than {MODEL / NETWORK}. Run `dvc repro evaluate`"
        )
    counts = {
        split: sum(read_columns(path, ["id"]).num_rows for path in shard_paths(PREPARED, split)) for split in SPLITS
    }
    with atomic_folder(out) as folder:
        for path in (MODEL / NETWORK, (MODEL / NETWORK).with_suffix(".json"), CALIBRATION, METRICS, PARAMS_FILE):
            shutil.copyfile(path, folder / path.name)
        shutil.copyfile(PREPARED / "README.md", folder / DATASET_CARD)
        files = {
            NETWORK: "the weights",
            Path(NETWORK).with_suffix(".json").name: "how the network is built, and the history of its training",
            CALIBRATION.name: "mean radius and plausibility limits",
            METRICS.name: "all metrics",
            PARAMS_FILE.name: "the parameters of the run, cameras among them",
            DATASET_CARD: "the card of the prepared data, which this folder does not hold",
        }
        if onnx:
            from model.export import export_onnx

            say("export: writing ONNX")
            export_onnx(trained.network, folder / ONNX, colour=params.render.style == "colour")
            files[ONNX] = "the network for ONNX Runtime: any number of jaws and views"
        card = model_card(
            out.resolve().name,
            params,
            manifest,
            counts,
            asdict(trained.network.config),
            sum(parameter.numel() for parameter in trained.network.parameters()),
            metrics,
            trained.calibration,
            files,
        )
        (folder / CARD).write_text(card, encoding="utf-8")
    say(f"export: {out}; read {out / CARD} before you share it")


def _read_metrics() -> dict[str, dict[str, Any]]:
    try:
        return json.loads(METRICS.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{METRICS}: can't be read ({error}). Run `dvc repro evaluate`") from None
