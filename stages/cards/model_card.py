"""The model card of an exported model, in Hugging Face's form, with the metrics of the run that trained it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from scans.cases.manifest import Manifest
from stages.pages.metrics import SUMMARY, title
from stages.params.tree import Params
from stages.prediction.calibration import Calibration

NO_DERIVATIVES = """
The licence forbids to pass on the scans or anything adapted from them. This folder holds no scan, picture or points.
Whether trained weights are an adaptation is not settled: ask the data's publishers before you pass these on, and
use them for no commercial purpose."""

SPLIT_REMARKS = {
    "test": "which the network has not been trained on",
    "validation": "by which its best epoch was chosen, so that they flatter it",
    "train": "which the network has been trained on, so that they say nothing of other jaws",
}

_ERRORS = """
- Each point comes with the number of views that see it and an expected distance to the true surface. On {cases} jaws,
  each left out of the fit, the expected distance has a rank correlation of {error_rank_correlation:.2f} with the real
  one, and leaving out the least sure tenth lowers the mean error by {sparsification:.0%} of what leaving out the worst
  tenth would. On other kinds of jaws it may be too low."""

_TEMPLATE = """\
---
license: {license}
tags: [3d-reconstruction, dental, multi-view]
library_name: tenview
pipeline_tag: image-to-3d
trained_on:
  jaws: {seen}
  origin: {quoted_origin}
  ids: {ids}
  list: cases.json
---

# Pictures of an upper jaw in, a 3D model of it out

Made for research. **Not a medical device**: nothing here may decide about a patient.

A network of Tenview, which implements and extends the method of [arXiv 2606.05998](https://arxiv.org/abs/2606.05998):
{parameters:.1f} M parameters, {views} views of {image_size} × {image_size} pixels.

    tenview predict FOLDER --model {folder} --out results

`FOLDER` holds the pictures view_00 … view_{last:02d}; docs/recipes.md of Tenview describes them. In Python,
with Tenview installed:

    from model.hub import from_pretrained
    network = from_pretrained("{folder}")  # or org/name, where it has been published on Hugging Face

## Metrics

On the split `{split}`, {split_remark}. Thresholds are in jaw radii: 0.035 is about 1.4 mm.

{table}

Precision alone rewards clustered points, so it is given with recall and F-score. *Mean shape* is one point cloud for
every patient: a network that does not beat it ignores its input.

## Data

{origin}

Licence of the data: {license}.{notes}

| split | cases |
|---|---|
{splits}

It has seen {seen} jaws, in training or in the validation that chose its best epoch; `cases.json` lists them.{further}
`tenview evaluate` refuses to test it on these.

## Limits

- It was trained on the kind of scans above, rendered by Tenview (`{style}`, background {background}) from the cameras
  in params.yaml. It is not meant for photographs, nor for lower jaws.
- Pictures have no scale. {size}
- {plausibility}
- Surfaces that no picture shows, such as undersides, are extrapolated from the training jaws, or left out where the
  expected error is large.{errors}

## Files

{files}
"""


def model_card(
    folder: str,
    params: Params,
    manifest: Manifest,
    seen: Sequence[str],
    counts: Mapping[str, int],
    network: Mapping[str, Any],
    parameters: int,
    metrics: Mapping[str, Mapping[str, Any]],
    calibration: Calibration,
    error_head: Mapping[str, Any] | None,
    files: Mapping[str, str],
) -> str:
    """Markdown with Hugging Face's YAML header.

    Args:
        folder: name of the exported folder.
        seen: ids of the jaws that it has been trained on or chosen by, sorted, at least one.
        counts: cases by split.
        network: its configuration. parameters: number of its parameters.
        metrics: content of reports/metrics.json.
        error_head: description of the error head, if there is one.
        files: descriptions of the folder's files, by name.
    """
    from stages.per_case.render_case import rig_of

    start = params.train.start_from
    views = len(rig_of(params.render))  # a field takes any, and was trained on these
    if (error := metrics["model"].get("radius_error_mm")) is not None:
        size = f"The jaw's radius is predicted with a mean error of {error:.1f} mm; `--radius` overrides it."
    else:
        size = f"A jaw gets the training jaws' mean radius, {calibration.radius_mm:.1f} mm; `--radius` overrides it."
    before = f" Before them, those of the model `{start}`, from which its training went on." if start else ""
    return _TEMPLATE.format(
        folder=folder,
        license=manifest.license,
        parameters=parameters / 1e6,
        views=views,
        last=views - 1,
        image_size=network["image_size"],
        split=params.evaluate.split,
        split_remark=SPLIT_REMARKS[params.evaluate.split],
        table=_table(metrics),
        origin=manifest.origin,
        quoted_origin=json.dumps(manifest.origin + before, ensure_ascii=False),
        seen=len(seen),
        ids=json.dumps(f"{seen[0]} … {seen[-1]}", ensure_ascii=False),
        further=f"\nIts training went on from the model `{start}`, whose jaws are among them." if start else "",
        notes=NO_DERIVATIVES if "nd" in manifest.license.split("-") else "",
        splits=_rows(counts.items()),
        style=params.render.style,
        background=params.render.background,
        size=size,
        plausibility=(
            f"Reconstructions whose silhouettes have an IoU below {calibration.limits.silhouette_iou:.2f} with the "
            f"views, or whose pictures would fit better in another order, are reported as doubtful. The limits come "
            f"from {calibration.cases} validation cases. A jaw that is mirrored as a whole goes unnoticed."
        ),
        errors="" if error_head is None else _ERRORS.format(**error_head),
        files=_rows([(f"`{name}`", what) for name, what in files.items()], "| file | what |\n|---|---|\n"),
    )


def _table(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    names = [name for name in SUMMARY if all(name in row for row in metrics.values())]
    head = "| | cases | " + " | ".join(title(name) for name in names) + " |\n|---|" + "---|" * (len(names) + 1)
    lines = [
        f"| {title(row_name)} | {row['cases']} | " + " | ".join(_show(name, row[name]) for name in names) + " |"
        for row_name, row in metrics.items()
    ]
    return "\n".join([head, *lines])


def _show(name: str, value: float) -> str:
    return f"{value:.2f}" if name.endswith("_mm") else f"{value:.1%}"


def _rows(pairs: "Sequence[tuple[str, object]] | Any", head: str = "") -> str:
    return head + "\n".join(f"| {name} | {value} |" for name, value in pairs)
