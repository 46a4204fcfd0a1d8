"""Runs the data stages in the working folder with several parameters; the output is the SHA-256 of all they write.

A program of its own, for tests that set what a process can't change after its start: which instructions OpenBLAS,
NumPy, the C library and numba use.
"""

import hashlib
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import yaml

DOWNLOAD = {"synthetic": {"jaws": 6, "test_jaws": 2, "voxel_size": 1.5}}
PREPARE: dict[str, dict[str, Any]] = {
    "poisson_disk": {"frame_jitter": {"offset": 0.05, "scale": 0.05, "splits": ["train", "test"]}},
    "stratified": {},
    "uniform": {},
    "fps": {},
}
RENDER: dict[str, dict[str, Any]] = {
    "grey": {
        "passes": ["depth", "normals", "labels"],
        "jitter": {"azimuth": 5.0, "elevation": 5.0, "distance": 0.1, "roll": 5.0, "aim": 0.05},
        "views_per_case": 7,
    },
    "colour": {"style": "colour", "samples": 1},
    "orthographic": {"rig": "orthographic.csv"},
}


def main() -> None:
    """A JSON object on standard output: the digest of each file of each run."""
    written: dict[str, str] = {}
    _run("download", "jaws", {}, written)
    for sampling, prepare in PREPARE.items():
        _run("prepare", sampling, {"prepare": {"points": 600, "sampling": sampling, **prepare}}, written)
    for name, render in RENDER.items():
        _run("render", name, {"render": {"image_size": 48, **render}}, written)
    written |= _before_rounding()
    sys.stdout.write(json.dumps(written))


def _before_rounding() -> dict[str, str]:
    """Digests of what is rounded before it is written, which hides most differences in last bits."""
    from renderers.colour import random_look
    from renderers.normals import vertex_normals
    from renderers.passes import render_passes
    from scans.errors import ScanError
    from scans.mesh import Mesh
    from scans.preparing.orientation import find_orientation
    from scans.seeds import generator
    from scans.synthetic import jaw
    from stages.params.tree import load
    from stages.per_case.render_case import case_cameras, rig_of

    arrays = {}
    _write_params({"render": {"image_size": 48, **RENDER["grey"]}})
    render = load().render
    for number in range(6):
        case = f"SYN{number:05d}"
        mesh = jaw._unrounded(0, case, 1.5, None)
        arrays[f"{case}/vertices"] = mesh.vertices
        vertices = (mesh.vertices - mesh.vertices.min(axis=0)) / 40.0 - 0.5
        arrays[f"{case}/vertex_normals"] = vertex_normals(vertices, mesh.faces)
        cameras, _ = case_cameras(rig_of(render), render, case, "train", vertices)
        for name, values in render_passes(vertices, mesh.faces, cameras, passes=("depth", "normals")).items():
            arrays[f"{case}/{name}"] = values
        look = random_look(generator(0, case), light=5.0, background=255)
        with suppress(ScanError):  # of some coarse jaws shape doesn't tell how they lie
            found = find_orientation(Mesh(mesh.vertices[:, [1, 2, 0]], mesh.faces))
            arrays[f"{case}/orientation"] = np.array([*found.rotation.ravel(), found.sure])
        arrays[f"{case}/materials"], arrays[f"{case}/lights"] = look.materials, look.lights
    assert sum(name.endswith("/orientation") for name in arrays) >= 3, "most jaws lie as their shape tells"
    return {f"before rounding/{name}": hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}


def _run(stage: str, name: str, changes: dict[str, Any], written: dict[str, str]) -> None:
    from stages import cli
    from stages.runtime.workspace import PREPARED, SCANS, VIEWS

    _write_params(changes)
    sys.argv = ["tenview", stage]
    try:
        cli.main()
    except SystemExit as ended:
        if ended.code:
            raise
    folder = {"download": SCANS, "prepare": PREPARED, "render": VIEWS}[stage]
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            written[f"{stage}/{name}/{path.relative_to(folder)}"] = hashlib.sha256(path.read_bytes()).hexdigest()


def _write_params(changes: dict[str, Any]) -> None:
    params = {"download": DOWNLOAD, "compute": {"workers": 1}, **changes}
    Path("params.yaml").write_text(yaml.safe_dump(params))


if __name__ == "__main__":
    main()
