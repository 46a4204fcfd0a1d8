"""What made a page: the parameters, and the digests that dvc.lock holds for every stage's outputs."""

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
    """A line of dvc.lock: what a stage has written, its MD5, and whether the file here is another one."""

    stage: str
    path: str
    md5: str
    differs: bool


def outputs(before: str, lock: Path = LOCK) -> list[Output]:
    """The outputs of the stages that come before a stage in dvc.lock; none where DVC has not run.

    Files (not folders) are compared with their digest, for a stage that ran without DVC leaves dvc.lock as it was.
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
    """The parameters as YAML, without those that change no result."""
    values: Mapping[str, Any] = params.model_dump(mode="json", exclude={"compute"})
    text = StringIO()
    YAML().dump(values, text)
    return text.getvalue()
