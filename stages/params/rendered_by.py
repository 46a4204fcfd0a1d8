"""The parameters that say how a model's views looked, kept beside its weights so that it is not used with others."""

import json
from pathlib import Path
from typing import Any

from scans.errors import UserError
from scans.files import atomic_file
from stages.params.tree import PARAMS_FILE, RenderParams

RECORD = "views.json"
NAMES = ("image_size", "style", "background", "light", "rig")
NAMES_OF_RING = ("order", "elevation", "distance", "field_of_view")  # which a rig of a file does without


def write_views_record(folder: Path, render: RenderParams) -> None:
    """Write into a model's folder what its training views were rendered by."""
    with atomic_file(folder / RECORD) as partial:
        partial.write_text(json.dumps(_values(render), indent=2) + "\n", encoding="utf-8")


def check_views_record(folder: Path, render: RenderParams) -> None:
    """Refuse params.yaml where it says something else than when the model in the folder was trained.

    Args:
        folder: without a record, of an earlier version, it is not checked.

    Raises:
        UserError: a parameter differs, or the record can't be read.
    """
    path = folder / RECORD
    if not path.is_file():
        return
    try:
        there = dict(json.loads(path.read_bytes()))
    except (ValueError, TypeError, OSError) as error:
        raise UserError(f"{path}: can't be read ({error}). Run `dvc repro train`") from None
    here = _values(render)
    for name in NAMES + NAMES_OF_RING:
        if there.get(name) != here.get(name):
            raise UserError(
                f"{PARAMS_FILE}: render.{name} is {here.get(name, 'not used')}, but the model in {folder} was trained "
                f"with {there.get(name, 'none')}. Set it back, or run `dvc repro`"
            )


def _values(render: RenderParams) -> dict[str, Any]:
    values = render.model_dump(mode="json")
    return {name: values[name] for name in NAMES + (NAMES_OF_RING if render.rig == "ring" else ())}
