"""Changes values in the text of a YAML file, and leaves every other character as it is."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode

from scans.errors import UserError
from scans.files import atomic_change
from stages.params import tree as params
from stages.params.dotted import flat, nested


def write_values(values: Mapping[str, Any], where: str, path: Path = params.PARAMS_FILE) -> list[str]:
    """Set values, by dotted keys, in params.yaml; returns the keys whose value was another, or was missing.

    Args:
        where: what to name in an error beside the file, such as the preset that the values are from.
    Raises:
        UserError: params.yaml is wrong, or would be with these values; then it stays as it was.
    """
    params.load(path)
    with open(path, encoding="utf-8", newline="") as file:  # line ends as they are
        text = file.read()
    now = flat(_load(text))
    changed = {key: value for key, value in values.items() if key not in now or now[key] != value}
    text = edited(text, changed, str(path))
    params.check(_load(text), f"{path} with {where}")
    if changed:
        with atomic_change(path) as partial, open(partial, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    return list(changed)


def edited(text: str, values: Mapping[str, Any], name: str) -> str:
    """The text of a YAML file with these values, by dotted keys; comments, order, quotes and line ends are kept.

    Raises:
        UserError: a value can't be changed by itself, as it is an alias of another.
    """
    expected = flat(nested(flat(_load(text)) | dict(values)))
    for key, value in values.items():
        text = _put(text, key.split("."), value)
    try:
        written = flat(_load(text))
    except YAMLError:
        written = {}
    if written != expected:
        raise UserError(f"{name}: {', '.join(values)} can't be changed there without other values. Set it by hand.")
    return text


def _load(text: str) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(text) or {}


def _put(text: str, key: list[str], value: Any) -> str:
    node = YAML(typ="safe", pure=True).compose(text)
    if node is None:
        return f"{text}{key[0]}: {_dump(_branch(key[1:], value))}\n"
    for depth, part in enumerate(key):
        if not isinstance(node, MappingNode):  # a plain value where the tree has a section
            break
        found = [pair for pair in node.value if pair[0].value == part]
        if not found:
            return _insert(text, node, part, _branch(key[depth + 1 :], value))
        name, node = found[0]
    start, end = _span(text, node)
    if start == end:  # nothing stands there: an empty value is null
        start = end = text.index(":", name.end_mark.index) + 1
        return f"{text[:start]} {_dump(value)}{text[end:]}"
    return text[:start] + _like(node, value) + text[end:]


def _branch(key: list[str], value: Any) -> Any:
    return nested({".".join(key): value}) if key else value


def _insert(text: str, mapping: CollectionNode, name: str, value: Any) -> str:
    """A new entry at the end of a mapping."""
    end = _span(text, mapping)[1]
    if mapping.flow_style or not mapping.value:
        brace = end - 1
        return f"{text[:brace]}{', ' if mapping.value else ''}{name}: {_dump(value)}{text[brace:]}"
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    indent = " " * mapping.value[0][0].start_mark.column
    newline = "\r\n" if text[:line_end].endswith("\r") else "\n"
    return f"{text[:line_end].rstrip()}{newline}{indent}{name}: {_dump(value)}{newline}{text[line_end + 1 :]}"


def _span(text: str, node: Node) -> tuple[int, int]:
    """Where a node's text starts and ends, without the blank lines and comments that follow a block."""
    start, end = node.start_mark.index, node.end_mark.index
    if not isinstance(node, CollectionNode) or node.flow_style or not node.value:
        return start, end
    return start, max(
        _span(text, item)[1] for pair in node.value for item in (pair if isinstance(pair, tuple) else [pair])
    )


def _like(node: Node, value: Any) -> str:
    """The value in the form of the one that stood there: its quotes, or a row a line."""
    if isinstance(value, str) and isinstance(node, ScalarNode) and node.style == '"':
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list) and value and isinstance(node, CollectionNode) and not node.flow_style:
        return ("\n" + " " * node.start_mark.column).join(f"- {_dump(row)}" for row in value)
    return _dump(value)


def _dump(value: Any) -> str:
    """A value on one line."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    yaml = YAML()
    yaml.default_flow_style, yaml.width = True, 1_000_000
    stream = io.StringIO()
    whole = isinstance(value, Mapping | list)  # a bare scalar would end in `...`
    yaml.dump(value if whole else [value], stream)
    return stream.getvalue().strip() if whole else stream.getvalue().strip()[1:-1]
