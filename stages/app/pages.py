"""The HTML of `tenview app`: the first page, a jaw's page, and the same as one self-contained file."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Template
from markupsafe import Markup

from scans.errors import UserError
from stages.app.guide import View, views_of_model
from stages.app.jobs import DONE, VIEW, Case
from stages.app.uploads import LARGEST_DROP, LARGEST_FILE, SCANS
from stages.pages.write import PARTS, template
from stages.prediction.picture_file import SUFFIXES

HERE = Path(__file__).parent
STATIC = {
    "style.css": (PARTS / "style.css", "text/css"),
    "viewer.js": (PARTS / "viewer.js", "text/javascript"),
    "app.css": (HERE / "app.css", "text/css"),
    "app.js": (HERE / "app.js", "text/javascript"),
}
# What the files of `tenview predict` are for; those not listed are offered under their names.
MEANINGS = {
    "mesh.stl": "the surface, for CAD and printing",
    "mesh.ply": "the surface with its tooth numbers",
    "mesh.glb": "the surface in colours, for viewers",
    "points.ply": "the points with normals and tooth numbers",
    "points.glb": "the points in colours, for viewers",
    "reconstruction.npz": "all of it as NumPy arrays",
    "prediction.json": "how it was made, and the figures",
    "preview.png": "the pictures and the outlines",
    "error.ply": "the points with their distance to the scan",
    "error.png": "the distance to the scan",
    "scan.ply": "your scan, turned as the reconstruction is",
}
WHITE = 255
NUMBERS = ("some", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@cache
def _template(name: str) -> Template:
    return template(HERE / name)


def static(name: str) -> tuple[str, str]:
    """A file of style or script, and its media type; both "" where there is none of this name."""
    path, kind = STATIC.get(name, (None, ""))
    return (path.read_text(encoding="utf-8"), kind) if path else ("", "")


def index() -> str:
    """The page where files are dropped, with the views of the model that is used now."""
    problem, views, background = "", list[View](), WHITE
    try:
        views, background = views_of_model()
    except UserError as error:
        problem = str(error)
    return _template("index.html").render(
        guide=views,
        problem=problem,
        count=NUMBERS[len(views)] if len(views) < len(NUMBERS) else len(views),
        ground="white" if background == WHITE else f"grey ({background} of {WHITE})",
        scans=SCANS,
        suffixes=[*SUFFIXES, *SCANS, ".zip", ".json"],
        largest_file=LARGEST_FILE >> 20,
        largest_drop=LARGEST_DROP >> 20,
    )


def case(case: Case, folder: Path, told: dict[str, Any], files: dict[str, int]) -> str:
    """The page of a jaw, with its downloads once it is done."""
    view = _view(folder) if case.state == DONE else None
    return _template("case.html").render(case=case, told=told, files=files, view=view, meaning=_meaning)


def report(case: Case, folder: Path) -> str:
    """The page of a jaw that is done, with nothing that it would have to load."""
    style = Markup((HERE / "app.css").read_text(encoding="utf-8"))
    return _template("report.html").render(case=case, view=_view(folder), app_style=style)


def _view(folder: Path) -> dict[str, Any]:
    return json.loads((folder / VIEW).read_text(encoding="utf-8"))


def _meaning(path: str) -> str:
    return MEANINGS.get(path, "")
