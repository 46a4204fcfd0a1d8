"""export: the trained model as a folder that can be shared, and used by `tenview predict --model`."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scans.cases.manifest import read_manifest
from scans.cases.naming import readable
from scans.errors import UserError
from scans.shards.naming import SPLITS, shard_paths
from scans.shards.seen import SEEN, read_seen
from scans.shards.table import read_columns
from stages.cards.model_card import model_card
from stages.params.tree import PARAMS_FILE, Params
from stages.prediction.trained import Trained, load_trained
from stages.runtime.progress import say
from stages.runtime.workspace import (
    CALIBRATION,
    ERROR_HEAD,
    MEAN_SHAPE,
    METRICS,
    MODEL,
    NETWORK,
    PREPARED,
    RADIUS_ESTIMATOR,
    RIGS,
    SCANS,
    atomic_folder,
)

CARD, DATASET_CARD, ONNX = "README.md", "DATASET.md", "network.onnx"
DESCRIPTION = (MODEL / NETWORK).with_suffix(".json")
FILES = (MODEL / NETWORK, DESCRIPTION, CALIBRATION, MODEL / MEAN_SHAPE, MODEL / SEEN, METRICS, PARAMS_FILE)
WHAT = {
    NETWORK: "the weights",
    DESCRIPTION.name: "how the network is built, and the history of its training",
    CALIBRATION.name: "mean radius and plausibility limits",
    ERROR_HEAD.name: "the head that estimates how far each point is from the true surface",
    RADIUS_ESTIMATOR.name: "estimates the jaw's radius from the sizes of its crowns",
    METRICS.name: "all metrics",
    PARAMS_FILE.name: "the parameters of the run, cameras among them",
    SEEN: "the jaws that it has been trained on or chosen by: id and SHA-256, shortened, of the scan's files",
    MEAN_SHAPE: "the training jaws' mean shape, the baseline that a network must beat",
    DATASET_CARD: "the card of the prepared data, which this folder does not hold",
    RIGS.name: "the cameras of its views",
    ONNX: "the network for ONNX Runtime: any number of jaws and views",
}
"""All that an export may hold beside its card."""


def run(params: Params, out: Path, *, onnx: bool, half: bool) -> None:
    """Make the folder `out` of the project's own model; an earlier export there is replaced.

    Args:
        onnx: whether to write the network as ONNX, too. half: whether to store the weights in half precision.

    Raises:
        UserError: `out` is something else than an export, the pipeline has not run to `evaluate`, or the packages that
            write ONNX are missing.
    """
    _check_replaceable(out)
    if not (MODEL / NETWORK).is_file():
        raise UserError(f"{MODEL}: no model to export. Run `dvc repro` first")
    from model.reconstruction.error_head import write_error_head
    from model.reconstruction.radius_estimator import write_radius_estimator

    manifest = read_manifest(SCANS)
    metrics = _read_metrics()
    trained = load_trained(MODEL)
    seen = read_seen(MODEL)
    if trained.calibration is None:
        raise UserError(
            f"{CALIBRATION}: missing, or about other weights than {MODEL / NETWORK}. Run `dvc repro evaluate`"
        )
    counts = {
        split: sum(read_columns(path, ["id"]).num_rows for path in shard_paths(PREPARED, split)) for split in SPLITS
    }
    with atomic_folder(out) as folder:
        for path in FILES:
            shutil.copyfile(path, folder / path.name)
        if params.render.rig != "ring":
            (folder / RIGS).mkdir()
            shutil.copyfile(RIGS / params.render.rig, folder / RIGS / params.render.rig)
        digest = _halve(trained, folder) if half else trained.weights_sha256
        write_error_head(trained.network.error_head, folder / ERROR_HEAD.name, digest)
        write_radius_estimator(trained.network.radius_estimator, folder / RADIUS_ESTIMATOR.name, digest)
        shutil.copyfile(PREPARED / "README.md", folder / DATASET_CARD)
        if onnx:
            from model.export import export_onnx

            say("export: writing ONNX")
            export_onnx(trained.network, folder / ONNX, colour=params.render.style == "colour")
        files = {name: what for name, what in WHAT.items() if (folder / name).exists()}
        files[NETWORK] += ", in half precision" if half else ""
        card = model_card(
            out.resolve().name,
            params,
            manifest,
            [name for name, _ in seen],
            counts,
            asdict(trained.network.config),
            sum(parameter.numel() for parameter in trained.network.parameters()),
            metrics,
            trained.calibration,
            head.description if (head := trained.network.error_head) else None,
            files,
        )
        (folder / CARD).write_text(card, encoding="utf-8")
    say(f"export: {out}; read {out / CARD} before you share it")


def _check_replaceable(out: Path) -> None:
    """Refuse a folder that holds anything but an earlier export, for its content is deleted."""
    if not out.exists():
        return
    names = {path.name for path in out.iterdir()} if out.is_dir() else {"a file"}
    if others := sorted(names - {*WHAT, CARD}) or (["no model"] if names and NETWORK not in names else []):
        raise UserError(
            f"{out}: there is something else than an exported model ({readable(others[0])}), which would be deleted. "
            "Name another folder"
        )


def _halve(trained: Trained, folder: Path) -> str:
    """Store the weights in half precision, and the calibration as one of these weights. Returns their digest."""
    from model.networks.checkpoint import save_checkpoint

    described = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    save_checkpoint(
        trained.network,
        folder / NETWORK,
        params_digest=trained.params_digest,
        history=described["history"],
        half=True,
    )
    digest = json.loads((folder / DESCRIPTION.name).read_text(encoding="utf-8"))["weights_sha256"]
    limits = json.loads(CALIBRATION.read_text(encoding="utf-8")) | {"weights_sha256": digest}
    (folder / CALIBRATION.name).write_text(json.dumps(limits, indent=2) + "\n", encoding="utf-8")
    return digest


def _read_metrics() -> dict[str, dict[str, Any]]:
    try:
        return json.loads(METRICS.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{METRICS}: can't be read ({error}). Run `dvc repro evaluate`") from None
