"""Point clouds and meshes for the 3D view, quantised: positions to 16 bits, normals and values to 8."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from scans.seeds import generator

WORST_SHOWN_MM = 2.0  # distances from here on have the last colour of the colour map
WIDEST_SHOWN = 2.0  # the same for nearest-neighbour distances, as multiples of the ground truth's median
BASE64 = 4 / 3  # bytes of text a byte


def legend_in_mm(name: str) -> dict[str, str]:
    """The legend of distances, which colour by WORST_SHOWN_MM."""
    return {"name": name, "low": "0", "high": f"≥ {WORST_SHOWN_MM:g} mm"}


EXPECTED_ERROR = legend_in_mm("expected error")


@dataclass(frozen=True, slots=True)
class Layer:
    """A point cloud, or a mesh if it has faces, that can be shown or hidden.

    Attributes:
        name: label of its switch. colour: "#rrggbb", used when no value colours it.
        points: (N, 3), normalised. normals: (N, 3); None for a mesh, whose normals follow from its faces.
        faces: (F, 3) indices, or None.
        values: by name, (N,) numbers that can colour it, clipped to [0, 1].
        shown: whether it is visible at first.
        tint: (N, 3) uint8 RGB, a colour of each point's own, or None.
    """

    name: str
    colour: str
    points: np.ndarray
    normals: np.ndarray | None = None
    faces: np.ndarray | None = None
    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    shown: bool = True
    tint: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Name:
    """A name that stands at a place of the jaw, seen from where it looks to.

    Attributes:
        text: of a few letters. at: (3,) normalised. outward: (3,) of length 1.
    """

    text: str
    at: np.ndarray
    outward: np.ndarray


def pack(layers: Sequence[Layer], size: float, case_id: str, names: Sequence[Name] = ()) -> dict[str, Any]:
    """The scene that viewer.js reads, as plain JSON of at most about `size` bytes; larger layers are subsampled.

    The random choice of points is seeded by `case_id` alone.
    """
    bytes_each = size / len(layers) / BASE64
    extent = max(float(np.abs(layer.points).max()) for layer in layers)
    return {
        "extent": extent,
        "layers": [_packed(_subsampled(layer, bytes_each, case_id), extent) for layer in layers],
        "names": [
            {"text": name.text, "at": name.at.round(4).tolist(), "outward": name.outward.round(4).tolist()}
            for name in names
        ],
    }


def spacing(points: np.ndarray) -> np.ndarray:
    """(N,) distance from each of the points (N, 3) to the nearest other one."""
    return cKDTree(points).query(points, k=2)[0][:, 1]


def estimated_normals(points: np.ndarray, neighbours: int = 12) -> np.ndarray:
    """(N, 3) unit normals by PCA of each point's neighbourhood; their sign is arbitrary."""
    _, nearest = cKDTree(points).query(points, k=min(neighbours, len(points)))
    around = points[nearest] - points[nearest].mean(axis=1, keepdims=True)  # (N, k, 3)
    return np.linalg.eigh(np.einsum("nki,nkj->nij", around, around))[1][:, :, 0]


def _subsampled(layer: Layer, size: float, case_id: str) -> Layer:
    """The layer with at most so many points or vertices that it takes `size` bytes."""
    each = 6 + 3 * (layer.normals is not None) + 3 * (layer.tint is not None) + len(layer.values)
    if layer.faces is not None:
        each += 2 * 3 * 4  # a closed mesh has two faces a vertex, three 32-bit indices each
    count = max(int(size / each), 100)
    if len(layer.points) <= count:
        return layer
    if layer.faces is not None:
        return _coarser(layer, count)
    kept = np.sort(generator(0, case_id).choice(len(layer.points), count, replace=False))
    normals = None if layer.normals is None else layer.normals[kept]
    values = {name: value[kept] for name, value in layer.values.items()}
    tint = None if layer.tint is None else layer.tint[kept]
    return Layer(layer.name, layer.colour, layer.points[kept], normals, None, values, layer.shown, tint)


def _coarser(layer: Layer, count: int) -> Layer:
    """The mesh decimated to at most `count` vertices by clustering them in a grid; each cluster becomes its mean."""
    cell = float(np.ptp(layer.points, axis=0).max()) / np.sqrt(count)
    while True:
        grid = np.floor(layer.points / cell).astype(np.int64)
        _, group = np.unique(grid, axis=0, return_inverse=True)
        members = np.bincount(group)
        if len(members) <= count:
            break
        cell *= 1.1
    assert layer.faces is not None

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(group, weights=values) / members

    faces = group[layer.faces]
    whole = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
    points = np.stack([mean(axis) for axis in layer.points.T], axis=1)
    values = {name: mean(value) for name, value in layer.values.items()}
    tint = None if layer.tint is None else np.stack([mean(channel) for channel in layer.tint.T], axis=1)
    return Layer(layer.name, layer.colour, points, None, faces[whole], values, layer.shown, tint)


def _packed(layer: Layer, extent: float) -> dict[str, Any]:
    return {
        "name": layer.name,
        "colour": layer.colour,
        "shown": layer.shown,
        "positions": _text(np.round(layer.points / extent * 32767), np.int16),
        "normals": None if layer.normals is None else _text(np.round(layer.normals * 127), np.int8),
        "faces": None if layer.faces is None else _text(layer.faces, np.uint32),
        "tint": None if layer.tint is None else _text(np.round(layer.tint), np.uint8),
        "values": {name: _text(np.round(np.clip(value, 0, 1) * 255), np.uint8) for name, value in layer.values.items()},
    }


def _text(array: np.ndarray, dtype: type[np.generic]) -> str:
    little_endian = np.dtype(dtype).newbyteorder("<")
    return base64.b64encode(np.ascontiguousarray(array, dtype=little_endian).tobytes()).decode()
