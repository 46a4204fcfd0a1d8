"""What the UI asks for: the sections of the parameter tree, with the values of params.yaml filled in."""

from collections.abc import Mapping
from copy import copy
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from stages.params import presets
from stages.params import tree as params
from stages.params.table import allowed
from stages.params.tree import Params


class Form(BaseModel):
    """Mixed into a section: takes JSON's lists for tuples, and shows names as params.yaml has them."""

    model_config = ConfigDict(strict=False, field_title_generator=lambda name, _: name)


def form(values: BaseModel) -> type[BaseModel]:
    """The section's class with its bounds and descriptions, and `values` for defaults."""
    section = type(values)
    fields: dict[str, Any] = {}
    for name, field in section.model_fields.items():
        value, annotation = getattr(values, name), field.annotation
        shown = copy(field)
        if isinstance(value, BaseModel):
            annotation = form(value)
            value = annotation()
        shown.default = value
        if any(sign in (bounds := allowed(field)) for sign in "≥>≤<"):  # the UI shows choices, but not bounds
            shown.description = f"{field.description} ({bounds})"
        fields[name] = (annotation, shown)
    return create_model(
        section.__name__.removesuffix("Params") or section.__name__,
        __base__=(section, Form),
        __doc__=section.__doc__,
        **fields,
    )


def changes(now: Params, asked: Mapping[str, Any], preset: str | None = None) -> dict[str, Any]:
    """Dotted keys and values that the run is to have otherwise than params.yaml.

    Args:
        asked: sections by name, as the form gives them: models or plain values; keys that are left out stay.
        preset: name of a file in presets/, which holds where the form has the value of params.yaml.
    Raises:
        UserError: the values don't go together, or there is no such preset.
    """
    present = flat(now.model_dump(mode="json"))
    wanted = flat(presets.read(preset)) if preset else {}
    sections = {
        name: value.model_dump(mode="json") if isinstance(value, BaseModel) else value for name, value in asked.items()
    }
    wanted |= {key: value for key, value in flat(sections).items() if key not in present or value != present[key]}
    params.check(nested(present | wanted), "the form")
    return {key: value for key, value in wanted.items() if value != present[key]}


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys for nested ones; lists are values."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """The reverse of `flat`."""
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *parents, last = key.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[last] = value
    return tree
