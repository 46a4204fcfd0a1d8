"""`tenview jaws`: synthetic jaws beside real scans, in pictures and in numbers."""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from scans.anatomy import TEETH
from scans.cases.folder import find_scans
from scans.cases.manifest import RawCase
from scans.errors import UserError
from scans.files import atomic_file
from scans.morphometry import CROWN_SIZES, summarise
from scans.seeds import generator
from stages.params.tree import Params
from stages.per_case.describe_case import Described, Task, describe_case
from stages.prediction.options import Axes
from stages.runtime.map_ordered import map_ordered
from stages.runtime.progress import say
from stages.sources import synthetic
from stages.sources.left_out import tell

ROWS = 12  # jaws of either kind on the sheet
GAP = 24  # pixels between the two halves of the sheet
KINDS = ("synthetic", "real")

Features = Callable[[Sequence[np.ndarray]], np.ndarray]


def run(params: Params, real: Path | None, out: Path, jaws: int, weights: Path | None, axes: Axes) -> dict[str, Any]:
    """Make jaws, read scans, and write a contact sheet of both and a JSON file of their sizes and distances.

    Args:
        real: folder of scans; None for synthetic jaws alone.
        out: the sheet, .png; the figures go beside it with the suffix .json.
        jaws: number of synthetic jaws: the first of `download.synthetic`.
        weights: MobileNetV2's, as a safetensors file; None lets timm download them.

    Returns:
        What the JSON file holds.

    Raises:
        UserError: the folder holds no scan that can be used; `out` or `weights` can't be.
    """
    if out.suffix.lower() != ".png" or out.is_dir():
        raise UserError(f"--out {out}: name a PNG file, such as reports/jaws.png; the figures go beside it as JSON")
    scans = _scans(real, axes) if real is not None else []
    network, reason = _network(params.render.image_size, weights)
    with tempfile.TemporaryDirectory(prefix="tenview-jaws-") as scratch:
        made = _described(_synthetic(params, jaws, Path(scratch)), params, "looking at synthetic jaws")
    scanned = _described(scans, params, "looking at scans")
    if scans and not scanned:
        raise UserError(f"{real}: none of its {len(scans)} scans can be used; each is named above, with the reason.")
    both = {"synthetic": made, "real": scanned}
    with atomic_file(out) as path:
        path.write_bytes(_sheet(both))
    found = {
        "jaws": {kind: [jaw.id for jaw in of] for kind, of in both.items()},
        "sizes_mm": {kind: summarise([jaw.sizes for jaw in of]) for kind, of in both.items()},
        "norms_mm": _norms(),
        "distances": _distances(network, both) if network else None,
        "why_no_distances": reason,
    }
    with atomic_file(out.with_suffix(".json")) as path:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def _scans(folder: Path, axes: Axes) -> list[RawCase]:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder. Name one with upper-arch scans in it.")
    found = find_scans(folder)
    tell(found.left_out, folder, "jaws")
    if not found.scans:
        raise UserError(f"{folder}: holds no scan of an upper jaw.")
    return [axes.raw_case(scan.id, scan.mesh, scan.labels) for scan in found.scans]


def _synthetic(params: Params, jaws: int, folder: Path) -> list[RawCase]:
    """The first jaws of the project's synthetic source, in the folder."""
    source = params.download.synthetic.model_copy(update={"jaws": jaws, "test_jaws": 0})
    download = params.download.model_copy(update={"synthetic": source})
    manifest = synthetic.fill(folder, params.model_copy(update={"download": download}))
    return [
        replace(case, mesh=str(folder / case.mesh), labels=str(folder / case.labels) if case.labels else None)
        for case in manifest.cases
    ]


def _described(cases: Sequence[RawCase], params: Params, what: str) -> list[Described]:
    tasks = [Task(case, params.prepare, params.render) for case in cases]
    described = []
    for one in map_ordered(describe_case, tasks, compute=params.compute, what=what) if tasks else ():
        if isinstance(one, str):
            say(f"jaws: left out: {one}")
        else:
            described.append(one)
    return described


def _network(image_size: int, weights: Path | None) -> tuple[Features | None, str | None]:
    """What makes features of views; or else why there is nothing."""
    from model.metrics.image_features import ImageFeatures

    try:
        return ImageFeatures(image_size, weights).of, None
    except UserError:
        if weights is None:
            return None, "they could not be downloaded; name a safetensors file of mobilenetv2_100 by --weights"
        raise UserError(
            f"--weights {weights}: no such file, or not the weights of mobilenetv2_100. Name a safetensors file as "
            "timm writes it"
        ) from None


def _distances(network: Features, both: dict[str, list[Described]]) -> dict[str, Any]:
    from model.metrics.two_sample import compare_sets, frechet_distance, kernel_distance

    made, scanned = (network([jaw.views for jaw in both[kind]]) for kind in KINDS)
    return {
        name: compare_sets(distance, made, scanned, generator(0, "jaws"))._asdict()
        for name, distance in (("frechet", frechet_distance), ("kernel", kernel_distance))
    }


def _norms() -> dict[str, dict[str, dict[str, float]]]:
    """Mean and standard deviation of the population's crowns, by the last digit of the FDI number."""
    return {
        str(kind): {
            name: {"mean": mean, "deviation": deviation}
            for name, mean, deviation in zip(CROWN_SIZES, norm.size, norm.spread, strict=True)
        }
        for kind, norm in TEETH.items()
    }


def _sheet(both: dict[str, list[Described]]) -> bytes:
    """Synthetic jaws at the left, real ones at the right, at most ROWS of either, chosen at random."""
    from renderers.contact_sheet import contact_sheet
    from scans.shards.png import encode_png

    rng = generator(0, "jaws")
    halves = []
    for kind, jaws in both.items():
        if jaws:
            chosen = sorted(rng.permutation(len(jaws))[:ROWS])
            halves.append(contact_sheet({f"{kind} {jaws[n].id}": jaws[n].views for n in chosen}))
    height = max(len(half) for half in halves)
    padded = [np.pad(half, ((0, height - len(half)), (0, GAP)), constant_values=255) for half in halves]
    return encode_png(np.concatenate(padded, axis=1))
