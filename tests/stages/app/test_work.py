from pathlib import Path

from typer.testing import CliRunner

from stages.app.jobs import Case
from stages.app.work import arguments
from stages.cli import app

OPTIONS = {"crowns": "+z", "incisors": "-y", "millimetres-per-unit": "25.4"}


def test_the_words_are_options_of_predict() -> None:
    scan = Case("1", "ben", True, {"jaw.json": "b.json", "jaw.stl": "b.stl"}, OPTIONS)
    words = arguments(scan, Path("results/1"))
    assert words[:3] == ["predict", "--from-scan", "results/1/jaw.stl"]
    assert words[-6:] == ["--crowns", "+z", "--incisors", "-y", "--millimetres-per-unit", "25.4"]
    pictures = arguments(Case("1", "anna", False, {"jaw/view_00.png": "a.png"}, {}), Path("results/1"))
    assert pictures[:2] == ["predict", "results/1/jaw"]
    told = CliRunner().invoke(app, ["predict", "--help"], env={"COLUMNS": "200"}).output
    assert all(word in told for word in words + pictures if word.startswith("--"))
