"""A folder of results is replaced only where nothing but what predict wrote would be deleted."""

import hashlib
import json
from pathlib import Path

import pytest

from scans.errors import UserError
from stages.prediction.result_folder import check_replaceable


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """As `predict` leaves it: a surface, a picture in a folder, and prediction.json, which lists both."""
    folder = tmp_path / "anna"
    (folder / "views").mkdir(parents=True)
    outputs = {}
    for name, content in {"surface.stl": b"solid", "views/view_00.png": b"png"}.items():
        (folder / name).write_bytes(content)
        outputs[name] = hashlib.sha256(content).hexdigest()
    (folder / "prediction.json").write_text(json.dumps({"outputs": outputs}))
    return folder


def test_what_predict_wrote_can_be_replaced(results: Path, tmp_path: Path) -> None:
    check_replaceable(results)
    (results / "surface.stl").unlink()
    check_replaceable(results)
    (tmp_path / "empty").mkdir()
    check_replaceable(tmp_path / "empty")
    check_replaceable(tmp_path / "new")


@pytest.mark.parametrize("name", ["notes.txt", "views/view_00.xmp", ".hidden"])
def test_files_put_beside_it_are_not_deleted(results: Path, name: str) -> None:
    (results / name).write_text("mine")
    with pytest.raises(UserError, match=rf"anna: there is an earlier prediction, but {name} is not of that prediction"):
        check_replaceable(results)


def test_a_link_in_it_is_not_deleted(results: Path, tmp_path: Path) -> None:
    (results / "mine").symlink_to(tmp_path)
    with pytest.raises(UserError, match="mine is not of that prediction"):
        check_replaceable(results)


def test_a_surface_that_was_edited_is_not_deleted(results: Path) -> None:
    (results / "surface.stl").write_bytes(b"solid, trimmed")
    with pytest.raises(UserError, match=r"surface\.stl was changed since, and would be deleted\. Move it"):
        check_replaceable(results)


@pytest.mark.parametrize("told", ["[]", "{", '{"outputs": 3}', '{"case": "anna"}', "null"])
def test_another_program_s_prediction_json_is_no_mark(results: Path, told: str) -> None:
    (results / "prediction.json").write_text(told)
    with pytest.raises(UserError, match="there is something else than a prediction"):
        check_replaceable(results)


def test_a_file_of_that_name_is_kept(tmp_path: Path) -> None:
    (tmp_path / "anna").write_text("mine")
    with pytest.raises(UserError, match="there is something else than a prediction"):
        check_replaceable(tmp_path / "anna")
