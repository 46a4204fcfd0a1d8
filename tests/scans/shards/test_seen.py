from pathlib import Path

import numpy as np
import pytest

from scans.errors import UserError
from scans.mesh import Mesh
from scans.shards.naming import shard_name
from scans.shards.prepared import PreparedCase, write_prepared
from scans.shards.seen import SEEN, jaws_of, read_seen, seen_among, write_seen


def test_jaws_are_named_with_the_digests_of_their_files(tmp_path: Path, tetrahedron: Mesh) -> None:
    zeros = np.zeros((4, 3), np.float32)
    for number, split in enumerate(("train", "validation", "test")):
        labels, digest = np.zeros(4, np.uint8), f"{number}" * 64
        case = PreparedCase(f"c{number}", split, zeros, zeros, labels, np.zeros(3), 40.0, tetrahedron, digest, {})
        write_prepared(tmp_path / shard_name(split, 0, 1), [case], 4, {})
    assert jaws_of(tmp_path, ("train", "validation")) == [("c0", "0" * 16), ("c1", "1" * 16)]


def test_the_list_is_sorted_without_repetition_and_comes_back(tmp_path: Path) -> None:
    write_seen(tmp_path / SEEN, [("b", "2"), ("a", "1"), ("b", "2")])
    assert (tmp_path / SEEN).read_text() == '[\n["a", "1"],\n["b", "2"]\n]\n'
    assert read_seen(tmp_path) == [("a", "1"), ("b", "2")]


def test_the_same_files_are_the_same_jaw_and_so_is_a_generated_one_at_another_resolution() -> None:
    seen = [("anna", "1"), ("SYN00007", "2")]
    assert seen_among([("other_name", "1"), ("anna", "3"), ("SYN00007", "4"), ("SYN1-00007", "5")], seen) == [
        "other_name",
        "SYN00007",
    ]


@pytest.mark.parametrize("content", [None, "{", "[1]", '["abc"]'])
def test_a_broken_list_is_told(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / SEEN).write_text(content)
    with pytest.raises(UserError, match=r"cases\.json: no list of the jaws"):
        read_seen(tmp_path)
