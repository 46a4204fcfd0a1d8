"""A made surface with a jaw's size and fineness, so that benchmarks need no scan."""

from time import perf_counter

import numpy as np

from scans.mesh import Mesh


def toy_jaw(faces: int = 260_000) -> Mesh:
    """A U of bumpy cross-sections, about so many faces, in millimetres; half of its vertices labelled.

    Its triangles differ in size as a scanner's do: the inner side of the U is finer than the outer one.
    """
    rows = round(np.sqrt(faces * 2))
    columns = round(faces / 2 / rows)
    along, across = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    turn = along * 0.55 * np.pi  # from molar to molar
    bumps = 1.5 * np.abs(np.sin(7 * along * np.pi)) * np.sin(across * np.pi) ** 4
    offset, height = (across - 0.5) * 14, 8 * np.sin(across * np.pi) ** 2 + bumps
    x, y = (27 + offset) * np.sin(turn), -(36 + offset) * np.cos(turn)
    vertices = np.stack([x, y, -90 + height], axis=-1).reshape(-1, 3)
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    triangles = np.concatenate([np.stack(corner, axis=-1).reshape(-1, 3) for corner in ((a, b, c), (a, c, d))])
    labels = np.where(height.ravel() > 6, np.repeat(np.linspace(11, 18, rows).astype(np.uint8), columns), 0)
    return Mesh(vertices, triangles.astype(np.int32), labels.astype(np.uint8))


def best_of(runs: int, *actions, clock=perf_counter):  # type: ignore[no-untyped-def]
    """The shortest time in seconds of each action; they take turns, so that a busy machine slows all alike."""
    shortest = [float("inf")] * len(actions)
    for _ in range(runs):
        for k, action in enumerate(actions):
            start = clock()
            action()
            shortest[k] = min(shortest[k], clock() - start)
    return shortest
