import pytest

from scans.teeth3ds.published import LANDMARKS, SAMPLE, SCANS, SPLITS, recognise


def test_the_table_adds_up() -> None:
    files = (*SCANS, *SAMPLE, *LANDMARKS, *SPLITS)
    assert len({file.id for file in files}) == len({file.name for file in files}) == 14
    assert sum(file.size for file in SCANS) == pytest.approx(8.29e9, rel=0.01)
    assert SCANS[0].md5 == "77c924235c4f1ca05a4727633c590801"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("upper/01F4JV8X/01F4JV8X_upper.obj", ("mesh", "01F4JV8X", "upper")),
        ("data_part_7/lower/ameziani/ameziani_lower.json", ("labels", "ameziani", "lower")),
        ("patient1_upper__kpt.json", ("landmarks", "patient1", "upper")),
        ("__MACOSX/upper/A/._A_upper.obj", None),
        ("upper/A/A_upper.obj.bak", None),
        ("upper/A/A_middle.obj", None),
        ("upper/A B/A B_upper.obj", None),
        ("upper/A/_upper.obj", None),
        ("license.txt", None),
    ],
)
def test_files_are_known_by_name(name: str, found: tuple[str, str, str] | None) -> None:
    assert recognise(name) == found
