"""Presets: overlays of params.yaml, a file in presets/ each, whose first line is its description.

`extends: NAME` takes over the values of another preset that the file doesn't set itself.
They are those of the folder that tenview runs in, and those that come with Tenview.
"""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from scans.errors import UserError
from stages.params import tree as params
from stages.params.dotted import flat
from stages.params.edit import write_values

PRESETS = Path("presets")
INCLUDED = Path(__file__).resolve().parents[2] / "presets"
EXTENDS = "extends"
WHOLE_TRAINING = {"train.network.decoder", "train.epochs"}  # keys of a preset that leaves nothing of `train` open


def names() -> list[str]:
    """Names of all presets."""
    return sorted({path.stem for folder in (PRESETS, INCLUDED) for path in folder.glob("*.yaml")})


def meaning(name: str) -> str:
    """The first line of a preset's file."""
    return _text(name).partition("\n")[0].removeprefix("# ")


def read(name: str, *, extended_by: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a preset sets, by dotted keys, with what it takes over from those that it extends.

    Raises:
        UserError: there is none of that name, it can't be read, or it extends itself.
    """
    try:
        own = YAML(typ="safe", pure=True).load(_text(name)) or {}
    except YAMLError as error:
        raise UserError(f"{PRESETS}/{name}.yaml: can't be read as YAML: {error}") from None
    if not isinstance(own, dict):
        raise UserError(f"{PRESETS}/{name}.yaml: expected parameters as in params.yaml, got {own!r:.60}")
    if name in extended_by:
        raise UserError(f"{PRESETS}/{name}.yaml: it extends itself, by way of {', '.join(extended_by)}")
    base = own.pop(EXTENDS, None)
    if base is None:
        return flat(own)
    if base not in names():
        raise UserError(f"{PRESETS}/{name}.yaml: {EXTENDS}: {base!r} is no preset. There are: {', '.join(names())}.")
    return read(base, extended_by=(*extended_by, name)) | flat(own)


def values(name: str) -> dict[str, Any]:
    """What a preset makes of params.yaml, by dotted keys.

    One that names a network and its epochs describes a whole training: values of `train` that others set and it does
    not get their defaults, so that the training is the same whatever preset was there before.

    Raises:
        UserError: as `read`.
    """
    own = read(name)
    if not own.keys() >= WHOLE_TRAINING:
        return own
    others = {key for each in INCLUDED.glob("*.yaml") for key in read(each.stem)}
    defaults = flat(params.Params().model_dump(mode="json"))
    return {key: defaults[key] for key in sorted(others - own.keys()) if key.startswith("train.")} | own


def write(name: str, path: Path = params.PARAMS_FILE) -> list[str]:
    """Put a preset's `values` into params.yaml, which keeps every other character; returns the changed keys.

    Raises:
        UserError: there is no such preset, or params.yaml would be wrong with it; then it stays as it was.
    """
    return write_values(values(name), f"{PRESETS}/{name}.yaml", path)


def _text(name: str) -> str:
    if name not in names():
        raise UserError(f"{PRESETS}/{name}.yaml: not found. There are: {', '.join(names()) or 'none'}.")
    own = PRESETS / f"{name}.yaml"
    try:
        return (own if own.is_file() else INCLUDED / own.name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{own}: can't be read ({error}). Presets are text in UTF-8.") from None
