"""What closes a border."""

import numpy as np
import pytest

from scans.borders import border_loops
from scans.synthetic.loops import distinct, fan, strip, zipper
from tests.scans.half_ball import half_ball, open_edges


def test_a_fan_closes_a_hole():
    vertices, faces = half_ball()
    top = int(vertices[:, 2].argmax())
    pierced = faces[(faces != top).all(axis=1)]
    _, hole = border_loops(pierced, len(vertices))
    assert open_edges(np.concatenate([pierced, fan(hole, top)])) == open_edges(faces)


@pytest.mark.parametrize("count", [3, 8, 200])
def test_a_strip_leads_the_border_on_to_a_ring(count: int):
    vertices, faces = half_ball()
    (loop,) = border_loops(faces, len(vertices))
    ring = len(vertices) + np.arange(count)
    keys, ring_keys = np.arange(len(loop)) / len(loop), np.arange(count) / count
    walled = np.concatenate([faces, strip(loop, keys, ring, ring_keys)])
    assert open_edges(walled) == set(zip(ring.tolist(), np.roll(ring, -1).tolist(), strict=True))


@pytest.mark.parametrize("middle", [0, 3, 8])
def test_a_zipper_leaves_the_chord(middle: int):
    path = np.arange(9)
    keys = np.abs(path - middle) / 8
    triangles = distinct(zipper(path, keys))
    assert len(triangles) == 7
    assert open_edges(triangles) == {(0, 8)} | {(n + 1, n) for n in range(8)}
