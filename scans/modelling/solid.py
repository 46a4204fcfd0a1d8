"""From an open surface to a watertight solid, as printers and CAD programs need it."""

import numpy as np

from scans.borders import border_loops
from scans.mesh import Mesh
from scans.mesh_edit import face_components
from scans.modelling.borders import capped, crossings
from scans.modelling.manifold import separated
from scans.modelling.parts import area_vectors, components, extended, joined, some_faces, volume, without_specks

OPENING = 0.3  # of the area that looks up; a loop around more is where the surface is open downwards
FACING_DOWN = -0.7  # z of the normals of faces that are cut off where they lie along the opening
BASE_MM = 2.0  # from the lowest point down to the base
TRIMS = 40  # how often the lower border is trimmed where it crosses itself, seen from above


def solid(mesh: Mesh) -> tuple[Mesh, list[str]]:
    """A closed, oriented manifold: the surface, walls from its lower border to a flat base, caps on all other loops.

    Of each part the loop that goes around most, seen from above, is its lower border if that is most of what looks up.
    A part without one is closed by caps alone, with whatever base it has. The surface itself stays as it is, but for
    `separated` and a trimmed lower border. It may cross itself where it did so before, and where a wall meets it.

    Args:
        mesh: in mm, crowns to +z, with a face.

    Returns:
        the solid, with walls and base labelled as gingiva; what was done, a sentence each.
    """
    said: list[str] = []
    parts = without_specks(components(separated(mesh)), said)
    floor = min(float(part.vertices[:, 2].min()) for part in parts) - BASE_MM
    closed, holes, walls = [], 0, 0
    for part in parts:
        part, loops, lower = _trimmed(part)
        for number, loop in enumerate(loops):
            part = _walled(part, loop, floor) if number == lower else capped(part, loop)
        holes += len(loops) - (lower is not None)
        walls += lower is not None
        closed.append(part)
    if holes:
        said.append(f"{holes} hole{'s' * (holes > 1)} filled")
    if walls:
        said.append(f"walls from the border down to a flat base, {BASE_MM:g} mm below the lowest point")
    return joined([_outward(part) for part in closed]), said


def _lower_border(part: Mesh, loops: list[np.ndarray]) -> int | None:
    """The loop that goes around most, seen from above, if that is most of what looks up."""
    around = [_area_around(part.vertices[loop]) for loop in loops]
    looks_up = area_vectors(part.vertices, part.faces)[:, 2].clip(min=0).sum()
    return int(np.argmax(around)) if around and max(around) >= OPENING * looks_up else None


def _area_around(ring: np.ndarray) -> float:
    """Seen from above, positive where the ring (N, 3) goes counter-clockwise."""
    x, y = (ring[:, :2] - ring[0, :2]).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _trimmed(part: Mesh) -> tuple[Mesh, list[np.ndarray], int | None]:
    """A part without what looks down along its lower border, and without the faces where that crosses itself.

    Returns:
        the part, its border loops, and which of these is the lower border.
    """
    for trim in range(TRIMS + 1):
        loops = border_loops(part.faces, len(part.vertices))
        lower = _lower_border(part, loops)
        if lower is None or trim == TRIMS:
            break
        crossed = loops[lower][crossings(part.vertices[loops[lower], :2])]
        bad: np.ndarray = np.any(np.isin(part.faces, crossed), axis=1)
        if trim == 0:
            bad |= _rim(part, loops[lower])
        if bad.all() or not bad.any():
            break
        part = components(separated(some_faces(part, ~bad)))[0]
    return part, loops, lower


def _rim(part: Mesh, lower: np.ndarray) -> np.ndarray:
    """(F,) bool, faces that look down and hang together with the lower border by such faces."""
    vectors = area_vectors(part.vertices, part.faces)
    down = np.flatnonzero(vectors[:, 2] < FACING_DOWN * np.linalg.norm(vectors, axis=1))
    found = np.zeros(len(part.faces), bool)
    if len(down):
        number = face_components(part.faces[down], len(part.vertices))
        along_it = np.unique(number[np.isin(part.faces[down], lower).any(axis=1)])
        found[down[np.isin(number, along_it)]] = True
    return found


def _walled(part: Mesh, loop: np.ndarray, floor: float) -> Mesh:
    """A part with a loop closed by walls straight down, and a base at that height."""
    low = np.arange(len(loop)) + len(part.vertices)
    following, low_following = np.roll(loop, -1), np.roll(low, -1)
    walls = [np.stack([following, loop, low], axis=1), np.stack([following, low, low_following], axis=1)]
    return capped(extended(part, part.vertices[loop] * (1, 1, 0) + (0, 0, floor), np.concatenate(walls)), low)


def _outward(part: Mesh) -> Mesh:
    return part if volume(part) >= 0 else Mesh(part.vertices, part.faces[:, ::-1].copy(), part.labels)
