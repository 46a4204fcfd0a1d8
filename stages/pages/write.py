"""Writes a page as one HTML file with style and scripts inside, so that it needs no network."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from scans.files import atomic_file
from stages.pages import metrics

PARTS = Path(__file__).parent


def write_page(template: Path, page: Path, **values: Any) -> None:
    """Fill a template, which extends pages/base.html, and write the page whole."""
    environment = Environment(
        loader=FileSystemLoader([template.parent, PARTS]),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"metric": metrics.show, "signed": metrics.show_signed, "title": metrics.title}
    values |= {name: Markup((PARTS / file).read_text(encoding="utf-8")) for name, file in FILES.items()}
    text = environment.get_template(template.name).render(values)
    with atomic_file(page) as path:
        path.write_text(text, encoding="utf-8")


FILES = {"style": "style.css", "viewer": "viewer.js"}
