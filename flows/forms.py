"""What the UI asks for: the sections of the parameter tree, with the values of params.yaml filled in."""

import hashlib
import json
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

from scans.errors import UserError
from scans.files import atomic_file
from stages.params import presets
from stages.params import tree as params
from stages.params.dotted import flat, nested
from stages.params.table import allowed
from stages.params.tree import Params
from stages.runtime.workspace import HIDDEN

FORMS = HIDDEN / "forms"
FORMS_KEPT = 1000  # of a few kB each; one for each content that a form has had


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


def remember(values: Mapping[str, BaseModel]) -> str:
    """Keep the values, by section, that a form is filled with, on this machine; returns the name that they go by."""
    plain = {section: value.model_dump(mode="json") for section, value in values.items()}
    content = json.dumps(plain, sort_keys=True)
    name = hashlib.sha256(content.encode()).hexdigest()[:12]
    if not (path := FORMS / f"{name}.json").exists():
        with atomic_file(path) as partial:
            partial.write_text(content)
        for old in sorted(FORMS.glob("*.json"), key=lambda file: -file.stat().st_mtime_ns)[FORMS_KEPT:]:
            old.unlink(missing_ok=True)
    return name


def changes(
    now: Params, asked: Mapping[str, Any], preset: str | None = None, filled_with: str | None = None
) -> dict[str, Any]:
    """Dotted keys and values that the run is to have otherwise than params.yaml.

    What the form was filled with and the user has left alone is no change, even if params.yaml has another value now.

    Args:
        asked: sections by name, as the form gives them: models or plain values; keys that are left out stay.
        preset: name of a file in presets/, which holds where the form was left alone.
        filled_with: what `remember` gave for the values that the form showed; those of params.yaml now if left out.
    Raises:
        UserError: the values don't go together, or there is no such preset, or nobody knows that form any more.
    """
    present = flat(now.model_dump(mode="json"))
    shown = _remembered(filled_with) if filled_with else present
    sent = flat({name: _sent(value) for name, value in asked.items()})
    wanted = presets.values(preset) if preset else {}
    wanted |= {key: value for key, value in sent.items() if key not in shown or value != shown[key]}
    params.check(nested(present | wanted), "the form")
    return {key: value for key, value in wanted.items() if value != present[key]}


def _sent(section: Any) -> Any:
    """What came for a section, without the defaults that Prefect has filled in."""
    return section.model_dump(mode="json", exclude_unset=True) if isinstance(section, BaseModel) else section


def _remembered(name: str) -> dict[str, Any]:
    try:
        return flat(json.loads((FORMS / f"{Path(name).name}.json").read_text()))
    except (OSError, ValueError):
        raise UserError(
            f"the form: nobody knows any more what it was filled with ({name}). Open it anew, and change what you want."
        ) from None
