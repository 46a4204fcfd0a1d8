"""A synthetic upper jaw: patient, arch, crowns and gums brought together into one labelled surface."""

from dataclasses import replace

import numpy as np

from scans.elementary import sin
from scans.errors import UserError
from scans.mesh import Mesh
from scans.mesh_edit import compacted
from scans.seeds import generator
from scans.synthetic import crowns as anatomy
from scans.synthetic.arch import Arch, Place, places
from scans.synthetic.border import border
from scans.synthetic.ending import closed, draw_ending
from scans.synthetic.field import MAP_STEP, ROOT, probe
from scans.synthetic.gums import CONTACT, gums
from scans.synthetic.patient import Patient, draw
from scans.synthetic.surface import normals, onto_surface, scanned, surface
from scans.synthetic.tables import Crowns, Gums
from scans.vectors import dot, norm

LINGUAL_RISE = {1: 0.9, 2: 0.8, 3: 0.7, 4: 0.3, 5: 0.2, 6: 0.0, 7: 0.0, 8: 0.0}  # mm of the gum margin over the facial


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
    crowns = _crowns(patient, arch, rng)
    body = gums(patient, arch, rng)
    voxel = voxel_mm * (1.25 if patient.kind in ("base", "skirt") else 1.0)  # these have much more surface
    scan = generator(seed, f"{case_id}/scan")
    ending = draw_ending(patient, scan)
    corner, shape = _grid(crowns, body, voxel)
    vertices, faces = surface(crowns, body, corner, shape, voxel)
    edge = border(patient, body, vertices, ending.closure != "open", scan)
    main, islands = scanned(faces, len(vertices), edge, ending.closure != "open")
    used, faces = compacted(np.concatenate([main, islands]), len(vertices))
    vertices = onto_surface(crowns, body, vertices[used], 0.5 * voxel)
    teeth = np.array([place.tooth.fdi for side in arch for place in side if place.tooth.present] + [0], np.uint8)
    labels = teeth[probe(crowns, body, vertices)[1]]
    vertices = vertices + edge.fold[used, None] * normals(vertices, faces) + _noise(body, vertices, scan)
    if ending.closure != "open":
        vertices, faces = closed(ending, vertices, faces, scan)
        labels = np.append(labels, np.zeros(len(vertices) - len(labels), np.uint8))
    place = np.array([*rng.normal(0, 2.0, 2), -90 + rng.normal(0, 3.0)])
    return Mesh(vertices + place, faces, labels)


def _crowns(patient: Patient, arch: Arch, rng: np.random.Generator) -> Crowns:
    """The tables of all present teeth, in the order of the arch's sides."""
    rows = []
    for side in arch:
        for n, place in enumerate(side):
            tooth = place.tooth
            if not tooth.present:
                continue
            # The first teeth of both sides are each other's mesial neighbours.
            mesial = side[n - 1] if n else arch[1 if side is arch[0] else 0][0]
            distal = side[n + 1] if n + 1 < len(side) else None
            papilla = (_papilla(place, mesial, tooth.gap), _papilla(place, distal, distal.tooth.gap if distal else 0.0))
            rows.append(
                (
                    place.origin,
                    place.axes,
                    _box(place),
                    anatomy.net_size(tooth),
                    anatomy.profile(tooth, rng),
                    anatomy.relief(tooth, rng),
                    anatomy.occlusal(tooth, patient.wear, rng),
                    anatomy.reach(tooth),
                    anatomy.section(tooth),
                    (*papilla, LINGUAL_RISE[tooth.kind]),
                )
            )
    return Crowns(*(np.array(column) for column in zip(*rows, strict=True)))


def _papilla(place: Place, neighbour: Place | None, gap: float) -> float:
    """Rise of the gum margin towards a neighbour, mm: to under the contact point, hardly at all beside a gap."""
    high = place.tooth.size[2]
    if neighbour is None or not neighbour.tooth.present:
        return 0.12 * high
    margin = (place.origin[2] + neighbour.origin[2]) / 2
    contact = min(p.origin[2] + CONTACT * p.tooth.size[2] for p in (place, neighbour))
    rise = 0.80 if gap < 0.4 else 0.45
    return max(margin + rise * (contact - margin) - place.origin[2], 0.1 * high)


def _box(place: Place) -> np.ndarray:
    """(2, 3) corners of all that a tooth and its gum can touch."""
    wide, deep, high = place.tooth.size
    low = np.array([-wide / 2 - 2.5, -deep / 2 - 2.5, -ROOT])
    ends = np.array([low, [-low[0], -low[1], high + 2.5]])
    corners = np.array([[ends[a, 0], ends[b, 1], ends[c, 2]] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    world = dot(corners[:, None], place.axes.T) + place.origin
    return np.array([world.min(axis=0), world.max(axis=0)])


def _grid(crowns: Crowns, body: Gums, voxel: float) -> tuple[np.ndarray, tuple[int, int, int]]:
    """First voxel and number of voxels of a grid that holds the whole jaw."""
    solid = (body.out < body.wall + 4.0) | (body.rim < 0) & (body.shelf > -100)
    where = [np.flatnonzero(solid.any(axis=axis)) for axis in (1, 0)]
    low = body.corner + MAP_STEP * np.array([where[0][0], where[1][0]])
    high = body.corner + MAP_STEP * np.array([where[0][-1], where[1][-1]])
    low = np.array([*np.minimum(low, crowns.box[:, 0, :2].min(axis=0)), body.floor]) - 2 * voxel
    high = np.array([*high, crowns.box[:, 1, 2].max()]) + 2 * voxel
    high[:2] = np.maximum(high[:2], crowns.box[:, 1, :2].max(axis=0))
    high[1] = min(high[1], body.back + 2 * voxel)
    nx, ny, nz = (int(n) for n in np.ceil((high - low) / voxel))
    return low, (nx, ny, nz)


def _noise(body: Gums, vertices: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The scanner's noise, and a slow warp of under a tenth of a millimetre that makes no two teeth quite alike."""
    warp = np.zeros(vertices.shape)
    for _ in range(12):
        direction = rng.standard_normal(3)
        direction *= 2 * np.pi / rng.uniform(5.0, 18.0) / norm(direction)
        wave = sin(dot(vertices, direction) + rng.uniform(0, 2 * np.pi))
        warp += wave[:, None] * rng.normal(0, 0.03, 3)
    made = np.clip((body.shelf + 1.0 - vertices[:, 2]) / 2.0, 0.0, 1.0)  # an artificial base is made, not scanned
    return (1 - made)[:, None] * warp + rng.normal(0, 0.005, vertices.shape)
