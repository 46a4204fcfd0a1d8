"""Stages on a disk that is really full: a small file system of memory, in a mount namespace of its own."""

import io
import os
import random
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scans.mesh import Mesh
from scans.mesh_files.obj_writer import encode_obj
from stages.params.tree import check


@pytest.fixture
def on_a_small_disk(tmp_path: Path, project: Path) -> Callable[..., str]:
    """Runs shell commands in a folder that holds `files` and takes `size` in all; returns what they print."""
    namespace = ["unshare", "--mount", *(["--map-root-user"] if os.getuid() else [])]
    probe = [*namespace, "mount", "-t", "tmpfs", "none", tmp_path]
    if shutil.which("unshare") is None or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("no mount namespaces here")

    def run(size: str, files: dict[str, bytes], script: str) -> str:
        for name, data in files.items():
            (tmp_path / "given" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "given" / name).write_bytes(data)
        (tmp_path / "disk").mkdir()
        head = f"mount -t tmpfs -o size={size} none disk && cp -r given/. disk && cd disk || exit 99\n"
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "PYTHONPATH": str(project)}
        ended = subprocess.run(
            [*namespace, "sh", "-c", head + script], cwd=tmp_path, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout
        return ended.stdout

    return run


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as zip_file:
        for name, data in files.items():
            zip_file.writestr(name, data)
    return buffer.getvalue()


def test_a_download_names_the_file_and_goes_on_where_there_is_room(
    on_a_small_disk: Callable[..., str], file_server: Any, fault: Any
) -> None:
    """The server doesn't tell the length, so that nobody can know beforehand."""
    filler = random.Random(0).randbytes(20 << 20)
    file_server.files["/vr38s/"] = zipped({"filler": filler, "A1_upper.obj": b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"})
    file_server.faults["/vr38s/"] = [fault(headers={"Content-Length": None})]
    values = {"download": {"source": "teeth3ds-sample", "teeth3ds": {"url": f"{file_server.url}/{{id}}/"}}}
    told = on_a_small_disk(
        "16m",
        {"params.yaml": check(values, "").model_dump_json().encode()},  # JSON is YAML
        "tenview download && exit 1; test ! -e data/scans || exit 2\n"
        "mount -o remount,size=64m . && tenview download && test -e data/scans/upper/A1/A1_upper.obj",
    )
    assert "tenview: .tenview/downloads/teeth3ds_sample.zip.part: No space left on device. Mend that" in told
    assert "teeth3ds: 1 scans" in told
    (_, first, _), (_, second, _) = file_server.asked
    assert "Range" not in first
    assert int(second["Range"].removeprefix("bytes=").removesuffix("-")) > 10 << 20, "what came is kept"


@pytest.mark.slow
def test_a_stage_names_the_shard_and_goes_on_where_there_is_room(
    on_a_small_disk: Callable[..., str], horseshoe: Callable[[float], Mesh]
) -> None:
    values = {
        "download": {"source": "directory", "directory": {"crowns": "+z", "incisors": "-y"}},
        "prepare": {"sampling": "uniform", "cases_per_shard": 1, "validation_share": 0.0, "test_share": 0.0},
        "compute": {"workers": 2},
    }
    scans = {f"incoming/{name}.obj": encode_obj(horseshoe(8 + number)) for number, name in enumerate("abcdef")}
    told = on_a_small_disk(
        "4m",
        {"params.yaml": check(values, "").model_dump_json().encode(), **scans},
        "tenview download || exit 3\n"
        "tenview prepare && exit 1; test ! -e data/prepared || exit 2\n"
        "find . -name '*.partial*' | grep -q . && exit 4\n"
        "mount -o remount,size=64m . && tenview prepare && ls data/prepared",
    )
    assert re.search(r"tenview: data/\S+\.parquet: .*No space left on device.* Mend that and run again", told), told
    assert told.count("Traceback") == 0
    assert "prepare: 6 cases in data/prepared" in told
