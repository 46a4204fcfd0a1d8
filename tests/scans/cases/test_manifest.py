from pathlib import Path

import pytest

from scans.cases.manifest import Manifest, RawCase, read_manifest, write_manifest
from scans.errors import UserError


def test_a_manifest_comes_back_sorted(tmp_path: Path) -> None:
    cases = [
        RawCase("b", "b.obj", None, None),
        RawCase("a", "a.stl", "a.json", "test", "-y", "+z", 1000.0, "lower", "a", "k.json"),
    ]
    write_manifest(tmp_path, Manifest(cases, "Two scans.", "other"))
    assert read_manifest(tmp_path) == Manifest(cases[::-1], "Two scans.", "other")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"cases": [{"id": 3}], "origin": "", "license": ""}', '{"cases": 3}']
)
def test_a_broken_manifest_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "cases.json").write_text(text)
    with pytest.raises(UserError, match=r"cases\.json"):
        read_manifest(tmp_path)


def test_a_missing_manifest_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="tenview download"):
        read_manifest(tmp_path)
