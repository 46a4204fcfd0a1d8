"""Writes a page as one HTML file with style and scripts inside, so that it needs no network."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape
from markupsafe import Markup

from scans.files import atomic_file
from stages.pages import metrics

PARTS = Path(__file__).parent


def write_page(template_file: Path, page: Path, **values: Any) -> None:
    """Fill a template, which extends pages/base.html, and write the page whole."""
    text = template(template_file).render(values)
    with atomic_file(page) as path:
        path.write_text(text, encoding="utf-8")


def template(file: Path) -> Template:
    """A template, which extends pages/base.html, with the style and the scripts of the pages."""
    environment = Environment(
        loader=FileSystemLoader([file.parent, PARTS]),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"metric": metrics.show, "signed": metrics.show_signed, "title": metrics.title}
    environment.globals |= {name: Markup((PARTS / path).read_text(encoding="utf-8")) for name, path in FILES.items()}
    return environment.get_template(file.name)


FILES = {"style": "style.css", "viewer": "viewer.js"}
