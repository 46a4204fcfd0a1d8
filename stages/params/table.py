"""The parameter tree as a table of values, defaults, bounds and descriptions."""

import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scans.errors import UserError
from stages.params.tree import Params


def print_table(params: Params, section: str = "") -> None:
    """Print all parameters, or those below `section` (a dotted key).

    Raises:
        UserError: there is no such section.
    """
    shown = [row for row in rows(params, Params()) if f"{row[0]}.".startswith(f"{section}." if section else "")]
    if not shown:
        raise UserError(f"no parameter or section {section!r}; `tenview params` lists all.")
    table = Table("parameter", "value", "default", "allowed", "meaning", box=None, pad_edge=False)
    for key, value, default, bounds, meaning in shown:
        changed = "bold" if value != default else ""
        table.add_row(*map(escape, (key, _show(value), _show(default), bounds, meaning)), style=changed)
    console = Console()
    if not console.is_terminal:
        console.width = 200
    console.print(table)
    console.print("\nChange them in params.yaml, or for one run: dvc exp run -S render.image_size=128", highlight=False)


def rows(section: BaseModel, defaults: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any, Any, str, str]]:
    """Key, value, default, bounds and description of every parameter of a section, in order."""
    for name, field in type(section).model_fields.items():
        value, default = getattr(section, name), getattr(defaults, name)
        if isinstance(value, BaseModel):
            yield from rows(value, default, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value, default, allowed(field), field.description or ""


def _show(value: Any) -> str:
    if isinstance(value, tuple):
        return str([item.model_dump() if isinstance(item, BaseModel) else item for item in value])
    return str(value)


def allowed(field: FieldInfo) -> str:
    """The choices, bounds or types of a parameter in a few words; empty if the default shows them."""
    annotation = field.annotation
    if get_origin(annotation) is Literal:
        return _allowed_kind(annotation)
    if bounds := _bounds(field):
        return bounds
    if get_origin(annotation) in (Union, types.UnionType):
        return " | ".join(_allowed_kind(kind) for kind in get_args(annotation))
    return "text" if any(isinstance(bound, MinLen) for bound in field.metadata) else ""


def _allowed_kind(kind: Any) -> str:
    """The same of a choice, or of one of a union's types."""
    if get_origin(kind) is Literal:
        return " | ".join(str(choice) for choice in get_args(kind))
    bounds = [_bounds(entry) for entry in getattr(kind, "__metadata__", ()) if isinstance(entry, FieldInfo)]
    return ", ".join(bounds) or kind.__name__


def _bounds(field: FieldInfo) -> str:
    signs = {Ge: "≥ {0.ge}", Gt: "> {0.gt}", Le: "≤ {0.le}", Lt: "< {0.lt}"}
    return ", ".join(
        sign.format(bound) for bound in field.metadata for kind, sign in signs.items() if isinstance(bound, kind)
    )
