"""Memory of `prepare`, in processes of their own: what other tests have taken doesn't count."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from trimesh.remesh import subdivide

from scans.mesh import Mesh
from scans.synthetic.jaw import make_jaw
from scans.teeth3ds.layout import write_case

MEGABYTE = 1 << 20
LARGEST = 519_453  # faces of the largest upper of Teeth3DS

# Not getrusage's, which after a fork and an exec still counts what the parent had.
PEAK_OF_PROCESS = """
def peak():
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024
"""
PEAK = """
made = _Shard(Path("shard.parquet"), "train", tuple(cases), PrepareParams(surface=surface))
assert _make_shard(made) == {}
print(peak())
"""
GROWTH = """
def resident():
    gc.collect()
    return psutil.Process().memory_info().rss

for k in range(500):
    if k == 100:
        before = resident()
    sampling = ("poisson_disk", "stratified", "uniform", "fps")[k % 4]
    prepare_case(cases[k % len(cases)], "train", "", PrepareParams(points=1000, sampling=sampling))
print(resident() - before)
"""


def measured(project: Path, folder: Path, code: str, jaws: list[Mesh], surface: str = "scan") -> int:
    """The bytes that `code` prints, run in a new process with the jaws as `cases` in data/scans."""
    cases = []
    for k, jaw in enumerate(jaws):
        write_case(folder / "data" / "scans", f"J{k}", "upper", jaw)
        stem = f"upper/J{k}/J{k}_upper"
        cases.append({"id": f"J{k}", "mesh": f"{stem}.obj", "labels": f"{stem}.json", "split": "train"})
    head = "import gc, json, psutil, sys\nfrom pathlib import Path\nfrom scans.cases.manifest import RawCase\n"
    head += "from stages.params.tree import PrepareParams\nfrom stages.per_case.prepare_case import prepare_case\n"
    head += "from stages.prepare import _make_shard, _Shard\n"
    head += "given = json.loads(sys.argv[1])\ncases = [RawCase(**case) for case in given['cases']]\n"
    head += "surface = given['surface']\n"
    command = [sys.executable, "-c", head + PEAK_OF_PROCESS + code, json.dumps({"cases": cases, "surface": surface})]
    environment = os.environ | {"PYTHONPATH": str(project)}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return int(ended.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("surface", ["scan", "poisson"])
def test_the_largest_scans_take_under_one_and_a_half_gigabytes(surface: str, project: Path, tmp_path: Path) -> None:
    coarse = make_jaw(0, "large", voxel_mm=0.64)
    vertices, faces = coarse.vertices, coarse.faces
    while len(faces) < LARGEST:
        vertices, faces = subdivide(vertices, faces)
    labels = np.where(vertices[:, 2] > np.median(vertices[:, 2]), 11, 0).astype(np.uint8)
    jaw = Mesh(vertices, faces.astype(np.int32), labels)
    jaws = [jaw, jaw] if surface == "scan" else [jaw]  # a finished case takes the same, whatever its surface
    assert measured(project, tmp_path, PEAK, jaws, surface) < 1500 * MEGABYTE


@pytest.mark.slow
def test_memory_stays_flat_over_many_scans(project: Path, tmp_path: Path) -> None:
    jaws = [make_jaw(0, f"small{k}", voxel_mm=1.6) for k in range(5)]
    assert measured(project, tmp_path, GROWTH, jaws) < 5 * MEGABYTE
