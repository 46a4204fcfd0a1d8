from pathlib import Path

import pytest

from scans.files import atomic_file


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), atomic_file(tmp_path / "x" / "out.txt") as path:
        path.write_text("half")
        _ = 1 / 0
    assert not list((tmp_path / "x").iterdir())
    with atomic_file(tmp_path / "x" / "out.txt") as path:
        path.write_text("whole")
    assert (tmp_path / "x" / "out.txt").read_text() == "whole"
    assert len(list((tmp_path / "x").iterdir())) == 1
