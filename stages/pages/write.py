"""A page of one file: template, style and scripts in one, so that it opens from a disk without a network."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from scans.files import atomic_file
from stages.pages import figures

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
    environment.filters |= {"figure": figures.show, "signed": figures.show_signed, "title": figures.title}
    values |= {name: Markup((PARTS / file).read_text(encoding="utf-8")) for name, file in FILES.items()}
    text = environment.get_template(template.name).render(values)
    with atomic_file(page) as path:
        path.write_text(text, encoding="utf-8")


FILES = {"style": "style.css", "viewer": "viewer.js"}
