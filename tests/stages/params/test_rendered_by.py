from pathlib import Path
from typing import Any

import pytest

from scans.errors import UserError
from stages.params.rendered_by import RECORD, check_views_record, write_views_record
from stages.params.tree import RenderParams

FILE = {"rig": "mine.csv"}


@pytest.mark.parametrize(
    ("then", "now", "message"),
    [
        (
            {},
            {"elevation": 50},
            r"render\.elevation is 50\.0, but the model in .* was trained with 20\.0\. Set it back",
        ),
        ({"background": 0}, {}, r"render\.background is 255, but .* with 0\."),
        (FILE, {}, r"render\.rig is ring, but .* with mine\.csv\."),
        ({}, {"order": (9, *range(9))}, r"render\.order is \[9, 0, "),
    ],
)
def test_what_makes_other_views_is_refused(tmp_path: Path, then: Any, now: Any, message: str) -> None:
    write_views_record(tmp_path, RenderParams(**then))
    with pytest.raises(UserError, match=f"^params\\.yaml: {message}"):
        check_views_record(tmp_path, RenderParams(**now))


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ({}, {}),
        ({}, {"backend": "pyrender", "crop": "none", "seed": 3, "views": (0, 2), "passes": ("depth",)}),
        (FILE, FILE | {"elevation": 50}),
    ],
)
def test_what_does_not_is_taken(tmp_path: Path, then: Any, now: Any) -> None:
    check_views_record(tmp_path, RenderParams(**now))
    write_views_record(tmp_path, RenderParams(**then))
    check_views_record(tmp_path, RenderParams(**now))


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text("[3]")
    with pytest.raises(UserError, match=rf"{RECORD}: can't be read"):
        check_views_record(tmp_path, RenderParams())
