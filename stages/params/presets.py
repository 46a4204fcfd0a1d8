"""Presets: overlays of params.yaml, a file in presets/ each, whose first line is its description.

They are those of the folder that tenview runs in, and those that come with Tenview.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from scans.errors import UserError
from scans.files import atomic_file
from stages.params import tree as params

PRESETS = Path("presets")
INCLUDED = Path(__file__).resolve().parents[2] / "presets"


def names() -> list[str]:
    """Names of all presets."""
    return sorted({path.stem for folder in (PRESETS, INCLUDED) for path in folder.glob("*.yaml")})


def meaning(name: str) -> str:
    """The first line of a preset's file."""
    return _text(name).splitlines()[0].removeprefix("# ")


def read(name: str) -> dict[str, Any]:
    """The values of a preset.

    Raises:
        UserError: there is none of that name, or it can't be read.
    """
    try:
        return YAML(typ="safe", pure=True).load(_text(name)) or {}
    except YAMLError as error:
        raise UserError(f"{PRESETS}/{name}.yaml: can't be read as YAML: {error}") from None


def write(name: str, path: Path = params.PARAMS_FILE) -> list[str]:
    """Put a preset's values into params.yaml, which keeps its comments and other values; returns the changed keys.

    Raises:
        UserError: there is no such preset, or params.yaml would be wrong with it; then it stays as it was.
    """
    overlay = read(name)
    params.load(path)
    yaml = YAML()
    yaml.width, yaml.preserve_quotes = 10_000, True
    yaml.indent(mapping=2, sequence=4, offset=2)
    tree = yaml.load(path.read_text(encoding="utf-8")) or CommentedMap()
    changed = _overlay(tree, overlay, "")
    with atomic_file(path) as partial:
        yaml.dump(tree, partial)
        params.check(YAML(typ="safe", pure=True).load(partial) or {}, f"{path} with {PRESETS}/{name}.yaml")
    return changed


def _overlay(tree: Any, values: Mapping[str, Any], prefix: str) -> list[str]:
    changed = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            changed += _overlay(tree.setdefault(key, CommentedMap()), value, f"{prefix}{key}.")
        elif tree.get(key) != value:
            tree[key] = _rows(value) if isinstance(value, list) else value
            changed.append(f"{prefix}{key}")
    return changed


def _rows(values: list[Any]) -> CommentedSeq:
    """A list as params.yaml has them: a section a line, plain values in brackets."""
    rows = CommentedSeq(CommentedMap(value) if isinstance(value, Mapping) else value for value in values)
    for row in rows:
        if isinstance(row, CommentedMap):
            row.fa.set_flow_style()
    if not any(isinstance(row, CommentedMap) for row in rows):
        rows.fa.set_flow_style()
    return rows


def _text(name: str) -> str:
    if name not in names():
        raise UserError(f"{PRESETS}/{name}.yaml: not found. There are: {', '.join(names()) or 'none'}.")
    own = PRESETS / f"{name}.yaml"
    return (own if own.is_file() else INCLUDED / own.name).read_text(encoding="utf-8")
