"""The model card of an exported model, in Hugging Face's form, with figures from the run that made it."""

from collections.abc import Mapping, Sequence
from typing import Any

from scans.cases.manifest import Manifest
from stages.params.tree import Params
from stages.prediction.calibration import Calibration

FIGURES = {
    "precision_035": "precision at 0.035",
    "recall_035": "recall at 0.035",
    "f_035": "F at 0.035",
    "f_010": "F at 0.010",
    "chamfer_mm": "Chamfer, mm",
}
NO_DERIVATIVES = """
The licence forbids to pass on the scans or anything adapted from them. This folder holds no scan, picture or points.
Whether trained weights are an adaptation is not settled: ask the data's publishers before you pass these on, and
use them for no commercial purpose."""

_TEMPLATE = """\
---
license: {license}
tags: [3d-reconstruction, dental, multi-view]
library_name: tenview
---

# Ten pictures of an upper jaw in, a 3D model of it out

Made for research. **Not a medical device**: nothing here may decide about a patient.

A network of [Tenview](https://arxiv.org/abs/2606.05998) (the method of arXiv 2606.05998 and what became of it there):
{parameters:.1f} M parameters, {views} views of {image_size} × {image_size} pixels.

    tenview predict FOLDER --model {folder} --out results

`FOLDER` holds view_00 … view_{last:02d}; docs/recipes.md of Tenview says how they must look.

## Figures

On the split `{split}`, which the network has not been trained on; distances in jaw radii, 0.035 is about 1.4 mm.

{table}

Precision alone rewards points that crowd together, so it stands beside recall and F. `mean_shape` is one cloud for
every patient: a network that does not beat it has not looked at the pictures.

## Data

{origin}

Licence of the data: {license}.{notes}

| split | cases |
|---|---|
{splits}

## Limits

- It knows the kind of scans above, rendered by Tenview (`{style}`, background {background}), and the cameras in
  params.yaml. Photographs are another thing, and so are lower jaws.
- Pictures have no scale. {size}
- {plausibility}
- Palate, vestibule and undersides that no picture shows are made up from what the training jaws have there.

## Files

{files}
"""


def model_card(
    folder: str,
    params: Params,
    manifest: Manifest,
    counts: Mapping[str, int],
    network: Mapping[str, Any],
    parameters: int,
    metrics: Mapping[str, Mapping[str, Any]],
    calibration: Calibration,
    files: Mapping[str, str],
) -> str:
    """Markdown with Hugging Face's YAML header.

    Args:
        folder: name of the exported folder.
        counts: cases by split.
        network: how it is built. parameters: how many it has.
        metrics: rows of reports/metrics.json.
        files: what each of the folder's files is, by name.
    """
    from stages.per_case.render_case import rig_of

    views = len(rig_of(params.render))  # a field takes any, and was trained on these
    if (error := metrics["model"].get("radius_error_mm")) is not None:
        size = f"The network guesses the jaw's radius, and is off by {error:.1f} mm on average; or give `--radius`."
    else:
        size = f"A jaw gets the training jaws' mean radius, {calibration.radius_mm:.1f} mm, unless you give `--radius`."
    return _TEMPLATE.format(
        folder=folder,
        license=manifest.license,
        parameters=parameters / 1e6,
        views=views,
        last=views - 1,
        image_size=network["image_size"],
        split=params.evaluate.split,
        table=_table(metrics),
        origin=manifest.origin,
        notes=NO_DERIVATIVES if "nd" in manifest.license.split("-") else "",
        splits=_rows(counts.items()),
        style=params.render.style,
        background=params.render.background,
        size=size,
        plausibility=(
            f"Reconstructions whose silhouettes overlap the views' less than {calibration.limits.silhouette_iou:.2f}, "
            f"or whose pictures would fit better in another order, are reported as doubtful; the limits come from "
            f"{calibration.cases} validation cases. A jaw that is mirrored as a whole goes unnoticed."
        ),
        files=_rows([(f"`{name}`", what) for name, what in files.items()], "| file | what |\n|---|---|\n"),
    )


def _table(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    names = [name for name in FIGURES if all(name in row for row in metrics.values())]
    head = "| | cases | " + " | ".join(FIGURES[name] for name in names) + " |\n|---|" + "---|" * (len(names) + 1)
    lines = [
        f"| {row_name} | {row['cases']} | " + " | ".join(_figure(name, row[name]) for name in names) + " |"
        for row_name, row in metrics.items()
    ]
    return "\n".join([head, *lines])


def _figure(name: str, value: float) -> str:
    return f"{value:.2f}" if name.endswith("_mm") else f"{value:.1%}"


def _rows(pairs: "Sequence[tuple[str, object]] | Any", head: str = "") -> str:
    return head + "\n".join(f"| {name} | {value} |" for name, value in pairs)
