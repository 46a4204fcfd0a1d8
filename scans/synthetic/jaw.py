"""A synthetic upper jaw: patient, arch, crowns and gums brought together into one labelled surface."""

from dataclasses import replace

import numpy as np

from scans.errors import UserError
from scans.mesh import Mesh
from scans.mesh_edit import compacted
from scans.seeds import generator
from scans.synthetic.arch import places
from scans.synthetic.border import border
from scans.synthetic.closed_crowns import closed_crowns
from scans.synthetic.crown_model import CrownModel
from scans.synthetic.ending import Ending, closed, draw_ending, patched
from scans.synthetic.field import FAR, GUM_MARGIN, MAP_STEP, OUT, RIM, TOP, WALL, probe
from scans.synthetic.gums import gums
from scans.synthetic.measured import Solid, with_measured
from scans.synthetic.meshing import draw_flats, thinned
from scans.synthetic.patient import Patient, draw
from scans.synthetic.scanner import bubbles, scanner_noise, with_fins
from scans.synthetic.surface import normals, onto_surface, scanned, surface
from scans.synthetic.tables import Crowns, Gums
from scans.synthetic.teeth import stacked

FINENESS = (0.85, 1.3)  # edges of this jaw, in those of the set; ours
LOWEST = {"border": 14.0, "horseshoe": 14.0, "skirt": 24.0}  # mm under the lowest gum margin that a scan reaches


def make_jaw(seed: int, case_id: str, *, voxel_mm: float = 0.27, model: CrownModel | None = None) -> Mesh:
    """A parametric upper jaw that (seed, case_id) alone decide.

    Args:
        seed: of the whole synthetic set.
        case_id: of this jaw.
        voxel_mm: about the length of the edges; coarse ones are quick to make.
        model: where its crowns come from; None for parametric ones.

    Returns:
        A labelled mesh: mm, Teeth3DS frame (not centred, z around -90), FDI label per vertex, faces outward.

    Raises:
        UserError: `voxel_mm` is too fine to compute or too coarse to be a jaw.
    """
    if not 0.1 <= voxel_mm <= 2.0:
        raise UserError(f"voxel_mm is {voxel_mm}; a synthetic jaw needs 0.1 to 2.0 mm, set it to about 0.3")
    jaw = _unrounded(seed, case_id, voxel_mm, model)
    return replace(jaw, vertices=np.round(jaw.vertices, 6))


def _unrounded(seed: int, case_id: str, voxel_mm: float, model: CrownModel | None) -> Mesh:
    rng = generator(seed, case_id)
    patient = draw(rng)
    solids: dict[int, Solid] = {}
    if model:
        patient, solids = with_measured(patient, model, generator(seed, f"{case_id}/crowns"))
    arch = places(patient)
    crowns = stacked(patient, arch, rng, solids)
    teeth = np.array([place.tooth.fdi for side in arch for place in side if place.tooth.present] + [0], np.uint8)
    away = np.array([*rng.normal(0, 2.0, 2), -90 + rng.normal(0, 3.0)])
    scan = generator(seed, f"{case_id}/scan")
    ending = draw_ending(patient, scan)
    voxel = voxel_mm * scan.uniform(*FINENESS) * (1.25 if patient.kind in ("base", "skirt") else 1.0)
    if patient.kind == "crowns":
        vertices, faces, owner = closed_crowns(crowns, voxel)
        return Mesh(vertices + scanner_noise(vertices, normals(vertices, faces), scan) + away, faces, teeth[owner])
    body = gums(patient, arch, rng)
    corner, shape = _grid(crowns, body, voxel, patient.kind)
    vertices, faces = surface(crowns, body, corner, shape, voxel)
    vertices, faces, fold, main = _scanned(patient, body, ending, vertices, faces, scan)
    vertices = onto_surface(crowns, body, vertices, 0.5 * voxel)
    labels = teeth[probe(crowns, body, vertices)[1]]
    outward = normals(vertices, faces)
    made = np.clip((body.shelf + 1.0 - vertices[:, 2]) / 2.0, 0.0, 1.0)  # a plinth is made, not scanned
    vertices = vertices + fold[:, None] * outward + (1 - made)[:, None] * scanner_noise(vertices, outward, scan)
    if ending.closure != "open":
        vertices, faces = closed(ending, vertices, faces, scan)
        if ending.closure in ("plaster", "plate"):
            vertices = vertices + bubbles(vertices, normals(vertices, faces), scan)
    elif patient.kind != "base":
        if ending.patched:
            vertices, faces = patched(vertices, faces, main)
        vertices, faces = with_fins(vertices, faces, scan)
    labels = np.append(labels, np.zeros(len(vertices) - len(labels), np.uint8))
    return Mesh(vertices + away, faces, labels)


def _scanned(
    patient: Patient, body: Gums, ending: Ending, vertices: np.ndarray, faces: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """What a scan holds of the solid, and its mesh: vertices, faces, the border's fold (mm), faces without islands'."""
    has_base = ending.closure != "open"
    edge = border(patient, body, vertices, has_base, rng)
    main, islands = scanned(faces, len(vertices), edge, has_base)
    flat = draw_flats(rng)
    main, islands = thinned(vertices, main, flat), thinned(vertices, islands, flat)
    used, faces = compacted(np.concatenate([main, islands]), len(vertices))
    return vertices[used], faces, edge.fold[used], len(main)


def _grid(crowns: Crowns, body: Gums, voxel: float, kind: str) -> tuple[np.ndarray, tuple[int, int, int]]:
    """First voxel and number of voxels of a grid that holds all that a scan of this kind can show of the jaw."""
    solid = (body.maps[OUT] < body.maps[WALL] + 4.0) | (body.maps[RIM] < 0) & (body.shelf > -FAR)
    where = [np.flatnonzero(solid.any(axis=axis)) for axis in (1, 0)]
    low = body.corner + MAP_STEP * np.array([where[0][0], where[1][0]])
    high = body.corner + MAP_STEP * np.array([where[0][-1], where[1][-1]])
    low = np.array([*np.minimum(low, crowns.box[:, 0, :2].min(axis=0)), body.floor]) - 2 * voxel
    high = np.array([*high, crowns.box[:, 1, 2].max()]) + 2 * voxel
    high[:2] = np.maximum(high[:2], crowns.box[:, 1, :2].max(axis=0))
    high[1] = min(high[1], body.back + 2 * voxel)
    if kind != "base":  # neither floor nor back
        margin = body.maps[GUM_MARGIN].min()
        palate = body.maps[TOP][body.inside > 0].min() if kind != "horseshoe" else margin
        low[2] = max(low[2] + 4 * voxel, min(palate - 2.0, margin - LOWEST[kind]))
        high[1] = body.back - voxel
    nx, ny, nz = (int(n) for n in np.ceil((high - low) / voxel))
    return low, (nx, ny, nz)
