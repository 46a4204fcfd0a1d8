"""Polygons and strips to triangles, and the check that every corner is a vertex of the file."""

import mapbox_earcut
import numpy as np

from scans.mesh_files.parsed import MalformedError

TURNED = -1e-12  # of the polygon's squared normal; what turns less against it is rounding
MOST_CORNERS = 20_000  # of a polygon that takes ear clipping, whose worst case is quadratic


def triangulate(vertices: np.ndarray, corners: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut polygons into triangles.

    A polygon is cut into a fan around its first corner where no triangle of the fan turns against the polygon, as in
    every convex one. All others are cut by ear clipping (earcut, in the polygon's plane).

    Args:
        vertices: (V, 3) float64.
        corners: (C,) integers, the polygons' vertex indices one after another.
        sizes: (P,) how many corners each polygon has; they sum to C.

    Returns:
        (T, 3) int32 triangles in the polygons' order and winding, T = C − 2P where no polygon is degenerate;
        (T,) the polygon of each.

    Raises:
        MalformedError: a polygon has fewer than three corners or is too large, or a corner is no vertex of the file.
    """
    if len(sizes) and sizes.min() < 3:
        worst = int(np.argmax(sizes < 3))
        raise MalformedError(f"face {worst + 1} has {sizes[worst]} corners, and a face needs three")
    if len(corners) == 3 * len(sizes):
        return checked_faces(corners.reshape(-1, 3), len(vertices)), np.arange(len(sizes), dtype=np.int32)
    counts = sizes - 2
    polygon = np.repeat(np.arange(len(sizes)), counts)  # (T,)
    first = np.repeat(np.cumsum(sizes) - sizes, counts)
    step = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    faces = np.column_stack([corners[first], corners[first + step + 1], corners[first + step + 2]])
    faces = checked_faces(faces, len(vertices))

    large = np.flatnonzero(sizes[polygon] > 3)
    with np.errstate(over="ignore", invalid="ignore"):
        a, b, c = (vertices[faces[large, k]] for k in range(3))
        normals = np.cross(b - a, c - a)  # (L, 3)
        # Their sum is Newell's normal of the polygon; bincount adds in the order of the rows.
        whole = np.stack([np.bincount(polygon[large], normals[:, k], len(sizes)) for k in range(3)], axis=1)
        x, y, z = (normals * whole[polygon[large]]).T
        u, v, w = (whole[polygon[large]] ** 2).T
        against = x + y + z < TURNED * (u + v + w)  # false for NaN, which no ear clipping can mend
    turned = np.unique(polygon[large[against]])
    if len(turned) == 0:
        return faces, polygon
    pieces, owners = [faces[~np.isin(polygon, turned)]], [polygon[~np.isin(polygon, turned)]]
    starts = np.cumsum(sizes) - sizes
    for number in turned.tolist():
        ring = corners[starts[number] : starts[number] + sizes[number]]
        if len(ring) > MOST_CORNERS:
            raise MalformedError(f"face {number + 1} is a concave polygon of {len(ring)} corners: export triangles")
        ears = ring[clip_ears(vertices[ring], whole[number])]
        pieces.append(ears.astype(np.int32))
        owners.append(np.full(len(ears), number))
    faces, polygon = np.concatenate(pieces), np.concatenate(owners)
    order = np.argsort(polygon, kind="stable")
    return faces[order], polygon[order]


def clip_ears(ring: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Triangles (T, 3) of a simple polygon (N, 3), as indices into it, in its winding seen against `normal`."""
    axis = int(np.abs(normal).argmax())  # the projection along it keeps most of the area
    plane = ring[:, [(axis + 1) % 3, (axis + 2) % 3]]
    if normal[axis] < 0:
        plane = plane[:, ::-1]
    plane = np.ascontiguousarray(plane)
    ears = mapbox_earcut.triangulate_float64(plane, np.array([len(ring)], np.uint32)).reshape(-1, 3).astype(np.int64)
    a, b, c = (plane[ears[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    ears[area < 0] = ears[area < 0][:, ::-1]
    return ears


def strips(corners: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The triangles of triangle strips: corners k, k + 1, k + 2 of a strip, every other one turned round.

    Args:
        corners: (C,) integers, the strips' vertex indices one after another; −1 begins a new strip, as in PLY.
        sizes: (S,) how many corners each strip has; they sum to C.

    Returns:
        (T, 3) triangles, those with a repeated corner left out, for these only join strips; (T,) the strip of each.
    """
    n = len(corners)
    at = np.arange(n)
    strip = np.repeat(np.arange(len(sizes)), sizes)
    begins = np.zeros(n, np.int64)
    begins[(np.cumsum(sizes) - sizes)[sizes > 0]] = (np.cumsum(sizes) - sizes)[sizes > 0]
    begins[1:][corners[:-1] == -1] = at[1:][corners[:-1] == -1]
    start = np.maximum.accumulate(begins)  # (C,) where each corner's strip begins
    third = at[(at - start >= 2) & (corners != -1)]
    faces = np.stack([corners[third - 2], corners[third - 1], corners[third]], axis=1)
    odd = (third - start[third]) % 2 == 1
    faces[odd] = faces[odd][:, [1, 0, 2]]
    proper = ~(faces == faces[:, [1, 2, 0]]).any(axis=1)
    return faces[proper], strip[third][proper]


def list_items(values: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The vertex numbers of lists that lie in a flat array of numbers from text.

    Args:
        values: (N,) float64.
        starts: (P,) where each list's first item is.
        lengths: (P,) int64 how many items each list has; they lie inside `values`.

    Returns:
        (C,) int64, the items of all lists, one after another.

    Raises:
        MalformedError: an item is no whole number.
    """
    step = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    items = values[np.repeat(starts, lengths) + step]
    if not (np.abs(items) < 2**53).all() or (items != np.floor(items)).any():
        raise MalformedError("a face has a corner that is no vertex number")
    return items.astype(np.int64)


def checked_faces(faces: np.ndarray, vertex_count: int) -> np.ndarray:
    """The faces as int32.

    Raises:
        MalformedError: a face refers to a vertex that the file doesn't have.
    """
    unsigned = faces.view(faces.dtype.str.replace("i", "u"))  # negative ones are very large so: one pass finds both
    if faces.size and unsigned.max() >= vertex_count:
        broken = ((faces < 0) | (faces >= vertex_count)).any(axis=1)
        raise MalformedError(
            f"{broken.sum()} of {len(faces)} faces refer to vertices that the file doesn't have (it has {vertex_count})"
        )
    return np.ascontiguousarray(faces, dtype=np.int32)
