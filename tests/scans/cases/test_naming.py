import os
import unicodedata
from pathlib import Path

import pytest

from scans.cases.naming import case_id, readable


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("anna", "anna"),
        ("P001/UpperJawScan", "P001__UpperJawScan"),
        ("a.b-c_1", "a.b-c_1"),
        ("Müller", "Müller"),
        ("王伟/上颌", "王伟__上颌"),
        ("Μαρία", "Μαρία"),
    ],
)
def test_letters_of_any_script_stay(path: str, name: str) -> None:
    assert case_id(Path(path)) == name


def test_the_form_of_unicode_does_not_matter() -> None:
    composed, decomposed = (unicodedata.normalize(form, "Zoë/Müller") for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert case_id(Path(composed)) == case_id(Path(decomposed)) == composed.replace("/", "__")


ALIKE = [
    "a b",
    "a_b",
    "a(b",
    "a\nb",
    "a\tb",
    "a/b",
    "a__b",
    "_a/b",
    "a/_b",
    "a_/b",
    "a~b",
    "-a",
    "a.",
    "Ab",
    "😀",
    "%20",
]
ALIKE += [os.fsdecode(b"M\xfcller"), os.fsdecode(b"M\xf6ller"), "M_ller", "x" * 250, "x" * 251, "王" * 80, "王" * 81]


def test_paths_that_look_alike_have_ids_of_their_own_that_file_systems_take(tmp_path: Path) -> None:
    ids = [case_id(Path(path)) for path in ALIKE]
    assert len(set(ids)) == len(ALIKE)
    for name in ids:
        assert len(name.encode()) <= 120
        assert name.isprintable()
        assert not set(name) & set('/\\:*?"<>| %\n\t')
        (tmp_path / f".{name}.0123abcd.partial").touch()


def test_an_id_says_what_the_path_is_and_what_was_replaced() -> None:
    assert case_id(Path("a b")).startswith("a_b~")
    assert len(case_id(Path("a b"))) == len("a_b~") + 8


def test_a_path_becomes_one_line_of_text() -> None:
    assert readable("incoming/Müller 1.stl") == "incoming/Müller 1.stl"
    assert readable(os.fsdecode(b"M\xfcller.stl")) == r"M\xfcller.stl"
    assert readable("a\nb\t.stl") == r"a\nb\t.stl"
