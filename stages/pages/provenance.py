"""Provenance of a page: the parameters, and the digests in dvc.lock of every stage's outputs."""

import hashlib
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from scans.errors import UserError
from stages.params.tree import Params

LOCK = Path("dvc.lock")


class Output(NamedTuple):
    """An output in dvc.lock: its stage, path and MD5, and whether the file here has another MD5."""

    stage: str
    path: str
    md5: str
    differs: bool


def outputs(before: str, lock: Path = LOCK) -> list[Output]:
    """The outputs of the stages before a stage in dvc.lock; none if DVC has not run.

    Files, not folders, are compared with their digest: a stage that runs without DVC does not change dvc.lock.
    """
    if not lock.exists():
        return []
    try:
        stages = YAML(typ="safe", pure=True).load(lock)["stages"]
    except (YAMLError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise UserError(f"{lock}: can't be read ({error}). `git checkout {lock}` brings it back.") from None
    found = []
    for stage, entry in stages.items():
        if stage == before:
            break
        for out in entry.get("outs", ()):
            path = lock.parent / out["path"]
            differs = path.is_file() and hashlib.md5(path.read_bytes()).hexdigest() != out["md5"]
            found.append(Output(stage, out["path"], out["md5"], differs))
    return found


def params_text(params: Params) -> str:
    """The parameters as YAML, without `compute`, which changes no result."""
    values: Mapping[str, Any] = params.model_dump(mode="json", exclude={"compute"})
    text = StringIO()
    YAML().dump(values, text)
    return text.getvalue()
