"""A synthetic upper jaw: patient, arch, crowns and gums brought together into one labelled surface."""

from dataclasses import replace

import numpy as np

from scans.elementary import sin
from scans.errors import UserError
from scans.mesh import Mesh
from scans.seeds import generator
from scans.synthetic.arch import places
from scans.synthetic.closed_crowns import closed_crowns
from scans.synthetic.ending import remaining
from scans.synthetic.field import MAP_STEP, OUT, RIM, WALL, probe
from scans.synthetic.gums import gums
from scans.synthetic.patient import draw
from scans.synthetic.teeth import stacked
from scans.synthetic.surface import keep, onto_surface, surface
from scans.synthetic.tables import Crowns, Gums
from scans.vectors import dot, norm

def make_jaw(seed: int, case_id: str, *, voxel_mm: float = 0.27) -> Mesh:
    """A parametric upper jaw that (seed, case_id) alone decide.

    Args:
        seed: of the whole synthetic set.
        case_id: of this jaw.
        voxel_mm: about the length of the edges; coarse ones are quick to make.

    Returns:
        A labelled mesh: mm, Teeth3DS frame (not centred, z around -90), FDI label per vertex, faces outward.

    Raises:
        UserError: `voxel_mm` is too fine to compute or too coarse to be a jaw.
    """
    if not 0.1 <= voxel_mm <= 2.0:
        raise UserError(f"voxel_mm is {voxel_mm}; a synthetic jaw needs 0.1 to 2.0 mm, set it to about 0.3")
    jaw = _unrounded(seed, case_id, voxel_mm)
    return replace(jaw, vertices=np.round(jaw.vertices, 6))


def _unrounded(seed: int, case_id: str, voxel_mm: float) -> Mesh:
    rng = generator(seed, case_id)
    patient = draw(rng)
    arch = places(patient)
    crowns = stacked(patient, arch, rng)
    teeth = np.array([place.tooth.fdi for side in arch for place in side if place.tooth.present] + [0], np.uint8)
    away = np.array([*rng.normal(0, 2.0, 2), -90 + rng.normal(0, 3.0)])
    if patient.kind == "crowns":
        vertices, faces, owner = closed_crowns(crowns, voxel_mm)
        return Mesh(vertices + _noise(vertices, rng) + away, faces, teeth[owner])
    body = gums(patient, arch, rng)
    voxel = voxel_mm * (1.25 if patient.kind in ("base", "skirt") else 1.0)  # these have much more surface
    corner, shape = _grid(crowns, body, voxel)
    vertices, faces = surface(crowns, body, corner, shape, voxel)
    vertices, faces = keep(vertices, faces, remaining(patient, body, vertices, rng))
    vertices = onto_surface(crowns, body, vertices, 0.5 * voxel)
    labels = teeth[probe(crowns, body, vertices)[1]]
    # An artificial base is made, not scanned.
    scanned = 1 - np.clip((body.shelf + 1.0 - vertices[:, 2]) / 2.0, 0.0, 1.0)
    vertices = vertices + scanned[:, None] * _noise(vertices, rng) + rng.normal(0, 0.005, vertices.shape) + away
    return Mesh(vertices, faces, labels)


def _grid(crowns: Crowns, body: Gums, voxel: float) -> tuple[np.ndarray, tuple[int, int, int]]:
    """First voxel and number of voxels of a grid that holds the whole jaw."""
    solid = (body.maps[OUT] < body.maps[WALL] + 4.0) | (body.maps[RIM] < 0) & (body.shelf > -100)
    where = [np.flatnonzero(solid.any(axis=axis)) for axis in (1, 0)]
    low = body.corner + MAP_STEP * np.array([where[0][0], where[1][0]])
    high = body.corner + MAP_STEP * np.array([where[0][-1], where[1][-1]])
    low = np.array([*np.minimum(low, crowns.box[:, 0, :2].min(axis=0)), body.floor]) - 2 * voxel
    high = np.array([*high, crowns.box[:, 1, 2].max()]) + 2 * voxel
    high[:2] = np.maximum(high[:2], crowns.box[:, 1, :2].max(axis=0))
    high[1] = min(high[1], body.back + 2 * voxel)
    nx, ny, nz = (int(n) for n in np.ceil((high - low) / voxel))
    return low, (nx, ny, nz)


def _noise(vertices: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A slow warp of under a tenth of a millimetre that makes no two teeth quite alike."""
    warp = np.zeros(vertices.shape)
    for _ in range(12):
        direction = rng.standard_normal(3)
        direction *= 2 * np.pi / rng.uniform(5.0, 18.0) / norm(direction)
        wave = sin(dot(vertices, direction) + rng.uniform(0, 2 * np.pi))
        warp += wave[:, None] * rng.normal(0, 0.03, 3)
    return warp
