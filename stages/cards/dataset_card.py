"""The dataset card of the prepared shards, in Hugging Face's form."""

from pathlib import Path

from scans.cases.manifest import Manifest
from scans.shards.naming import SPLITS, shard_paths
from scans.shards.table import read_columns
from stages.params.tree import PrepareParams

_TEMPLATE = """\
---
pretty_name: Tenview prepared {jaws} jaws
license: {license}
configs:
- config_name: default
  data_files:
{data_files}
---

# Prepared {jaws} jaws

{origin}

| split | cases | shards |
|---|---|---|
{rows}

One row per case, sorted by `id`. Points, normals and mesh are in the normalised frame: crowns to +z, incisors at -y,
{right}, centred on the points' centroid and divided by the largest radius.{jitter}
`x * radius + center` is millimetres.

| column | what | shape |
|---|---|---|
| `points` | surface points, {sampling} sampling | {points} × 3, flat |
| `normals` | unit normals at the points | {points} × 3, flat |
| `labels` | FDI number at the points, 0 = gingiva or unknown | {points} |
| `center`, `radius` | of the jaw, in mm | 3; 1 |
| `vertices`, `faces`, `vertex_labels` | {mesh} | V × 3 and F × 3, flat; V |
| `source` | SHA-256 of the scan's files | |
| `cleaning` | counts of what cleaning removed from the scan, as JSON | |

    import datasets
    cases = datasets.load_dataset("parquet", data_dir="data/prepared", split="train").with_format("numpy")
    points = cases[0]["points"].reshape(-1, 3)

Made for research. Not a medical device.
"""


def dataset_card(folder: Path, manifest: Manifest, prepare: PrepareParams) -> str:
    """Markdown with Hugging Face's YAML header, for the shards in `folder`."""
    shards = {split: shard_paths(folder, split) for split in SPLITS}
    counts = {
        split: sum(read_columns(path, ["id"]).num_rows for path in paths) for split, paths in shards.items() if paths
    }
    jaws = sorted({case.jaw for case in manifest.cases})
    # Crowns point to +z in both jaws, so lower jaws are turned over, and left and right swap.
    sides = {"lower": "(FDI 4x) at -x", "upper": "(FDI 1x) at +x"}
    frame = prepare.frame_jitter
    splits = [split for split in counts if split in frame.splits and (frame.offset or frame.scale)]
    jitter = (
        f" In {' and '.join(splits)} this frame is then\nmoved by up to {frame.offset:g} radii along each axis and "
        f"scaled by up to {frame.scale:.0%}, at random (`prepare.frame_jitter`)."
    )
    return _TEMPLATE.format(
        jitter=jitter if splits else "",
        jaws=" and ".join(jaws),
        right="the patient's right " + " and ".join(sides[jaw] for jaw in jaws),
        license=manifest.license,
        origin=manifest.origin,
        data_files="\n".join(f"  - split: {split}\n    path: {split}-*.parquet" for split in counts),
        rows="\n".join(f"| {split} | {count} | {len(shards[split])} |" for split, count in counts.items()),
        sampling=prepare.sampling,
        mesh={"scan": "the cleaned mesh", "poisson": "its Poisson reconstruction"}[prepare.surface],
        points=prepare.points,
    )
