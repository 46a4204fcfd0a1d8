from pathlib import Path

import pytest
from ruamel.yaml import YAML

from scans.errors import UserError
from stages.params.dotted import flat, nested
from stages.params.edit import edited, write_values

PROJECT = Path(__file__).resolve().parents[3]
TEXT = """\
# Kept: as it is.
a:
    size: 24   # Pixels.
    name: "x"  # In quotes.

    rows:
      - {first: 0, low: 1.0}
      # After the rows.
    plain: [1, 2]
b: {on: true, off: no}
"""


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("a.size", 32, "size: 24 ", "size: 32 "),
        ("a.name", 'say "y", {z}', 'name: "x"', 'name: "say \\"y\\", {z}"'),
        ("a.rows", [{"first": 0, "low": 0.5}, {"first": 3, "low": 1e-05}], "{first: 0, low: 1.0}\n",
         "{first: 0, low: 0.5}\n      - {first: 3, low: 1e-05}\n"),
        ("a.plain", [], "plain: [1, 2]", "plain: []"),
        ("a.new", False, "plain: [1, 2]\n", "plain: [1, 2]\n    new: false\n"),
        ("a.deep.new", "x y", "plain: [1, 2]\n", "plain: [1, 2]\n    deep: {new: x y}\n"),
        ("b.on", None, "on: true", "on: null"),
        ("b.more", 1, "off: no}", "off: no, more: 1}"),
        ("c", "12", "off: no}\n", "off: no}\nc: '12'\n"),
    ],
)  # fmt: skip
def test_one_value_alone_changes(key: str, value: object, old: str, new: str) -> None:
    assert TEXT.count(old) == 1
    assert edited(TEXT, {key: value}, "f") == TEXT.replace(old, new)


def test_line_ends_and_a_missing_last_one_are_kept() -> None:
    assert edited("a:\r\n  b: 1\r\nc: 2\r\n", {"a.d": 3}, "f") == "a:\r\n  b: 1\r\n  d: 3\r\nc: 2\r\n"
    assert edited("a:\n  b: 1", {"a.b": 2}, "f") == "a:\n  b: 2"
    assert edited("", {"a.b": 2, "a.c": 3}, "f") == "a: {b: 2, c: 3}\n"


def test_what_is_shared_with_another_value_is_left_to_the_user() -> None:
    with pytest.raises(UserError, match=r"f: b\.x can't be changed"):
        edited("a: &one {x: 1}\nb: *one\n", {"b.x": 2}, "f")


def test_every_value_of_the_project_changes_alone(tmp_path: Path) -> None:
    text = (PROJECT / "params.yaml").read_text()
    values = flat(YAML(typ="safe", pure=True).load(text))
    for key, value in list(values.items())[::9]:
        other = [7] if isinstance(value, list) else "other" if isinstance(value, str) else 7
        lines = edited(text, {key: other}, "f").splitlines()
        assert len(set(text.splitlines()) - set(lines)) <= 1, key
    path = tmp_path / "params.yaml"
    path.write_text(text)
    assert write_values(values, "itself", path) == []
    assert path.read_text() == text


def test_a_value_that_is_out_of_bounds_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("render: {image_size: 24}\n")
    with pytest.raises(UserError, match=r"params\.yaml with the form: render\.image_size"):
        write_values({"render.image_size": 3}, "the form", path)
    assert path.read_text() == "render: {image_size: 24}\n"


def test_a_linked_file_is_changed_where_it_lies_and_keeps_its_mode(tmp_path: Path) -> None:
    path, link = tmp_path / "shared.yaml", tmp_path / "params.yaml"
    path.write_text("render: {image_size: 24}\n")
    path.chmod(0o640)
    link.symlink_to("shared.yaml")
    write_values({"render.image_size": 32}, "the form", link)
    assert link.is_symlink()
    assert path.read_text() == "render: {image_size: 32}\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_dotted_keys_there_and_back() -> None:
    tree = {"a": {"b": 1, "c": {"d": [1, {"e": 2}]}}, "f": None}
    assert flat(tree) == {"a.b": 1, "a.c.d": [1, {"e": 2}], "f": None}
    assert nested(flat(tree)) == tree
