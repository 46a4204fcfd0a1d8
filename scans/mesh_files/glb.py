"""GLB, binary glTF 2.0: the triangles of the default scene."""

import json
from typing import Any

import numpy as np

from scans.mesh_files.parsed import MalformedError, Parsed
from scans.mesh_files.polygons import checked_faces, strips

JSON_CHUNK, BINARY_CHUNK = b"JSON", b"BIN\0"
COMPONENTS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
TRIANGLES, STRIP, FAN = 4, 5, 6
COMPRESSIONS = ("KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression")
KNOWN = ("KHR_mesh_quantization", "KHR_materials_", "KHR_texture_", "EXT_texture_", "KHR_lights_", "KHR_xmp")
MOST_NODES = 1000
MOST_PER_BYTE = 2  # vertices and corners that parts which share data may come to, per byte of its data


class Glb:
    """The two chunks of a GLB file: a scene in JSON and the bytes that it describes.

    Raises:
        MalformedError: the file is cut short, of another version, compressed, or its data lies elsewhere.
    """

    def __init__(self, data: bytes) -> None:
        version, length = int.from_bytes(data[4:8], "little"), int.from_bytes(data[12:16], "little")
        if version != 2:
            raise MalformedError(f"it is glTF of version {version}: only version 2 is supported")
        if len(data) < 20 + length or data[16:20] != JSON_CHUNK:
            raise MalformedError("it is cut short or broken: its glTF scene can't be found")
        self.scene = json.loads(data[20 : 20 + length])
        start = 28 + length
        size = int.from_bytes(data[start - 8 : start - 4], "little")
        if data[start - 4 : start] != BINARY_CHUNK or start + size > len(data):
            size = 0 if data[start - 4 : start] != BINARY_CHUNK else len(data) - start
        self.binary = np.frombuffer(data, np.uint8, count=size, offset=start) if size else np.empty(0, np.uint8)
        self.most = MOST_PER_BYTE * len(self.binary)
        self.check()

    def check(self) -> None:
        """Refuse what needs an extension that isn't known, or another file."""
        required = self.scene.get("extensionsRequired", [])
        packed = [name for name in COMPRESSIONS if name in required]
        views = [str(view.get("extensions", "")) for view in self.entries("bufferViews")]
        packed += [name for name in COMPRESSIONS if any(name in extensions for extensions in views)]
        if packed:
            raise MalformedError(f"it is compressed ({packed[0]}), which isn't supported: export it uncompressed")
        strange = [name for name in required if not name.startswith(KNOWN)]
        if strange:
            raise MalformedError(f"it needs the glTF extension {strange[0]}, which isn't supported: export it without")
        if any("uri" in buffer for buffer in self.entries("buffers")):
            raise MalformedError("its data lies outside the file: export a GLB that holds everything")
        if len(self.entries("nodes")) > MOST_NODES:
            raise MalformedError(f"it has over {MOST_NODES} nodes: export it as one mesh")

    def entries(self, name: str) -> list[dict[str, Any]]:
        """A top-level list of the scene."""
        found = self.scene.get(name, [])
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            raise MalformedError(f"its {name} are no list of objects")
        return found

    def entry(self, name: str, index: Any) -> dict[str, Any]:
        """An element of a top-level list."""
        entries = self.entries(name)
        if type(index) is not int or not 0 <= index < len(entries):
            raise MalformedError(f"it refers to {name}[{index}], and it has {len(entries)}")
        return entries[index]

    def array(self, index: Any, width: int) -> np.ndarray:
        """The numbers (N, width) of an accessor as they are stored.

        Raises:
            MalformedError: they don't all lie in the file, or are of another kind.
        """
        accessor = self.entry("accessors", index)
        if "bufferView" not in accessor or "sparse" in accessor:
            raise MalformedError("it is compressed or has sparse data, which isn't supported: export it without")
        if accessor.get("componentType") not in COMPONENTS or accessor.get("type") != {1: "SCALAR", 3: "VEC3"}[width]:
            raise MalformedError(f"its accessors[{index}] has no {width} numbers of a known type in a row")
        view, kind = self.entry("bufferViews", accessor["bufferView"]), np.dtype(COMPONENTS[accessor["componentType"]])
        row = width * kind.itemsize
        sizes = (
            view.get("byteOffset", 0),
            view["byteLength"],
            accessor.get("byteOffset", 0),
            accessor["count"],
            view.get("byteStride", row),
        )
        if not all(type(size) is int and size >= 0 for size in sizes) or view.get("buffer") != 0:
            raise MalformedError(f"its accessors[{index}] has a size that is no whole number")
        start, length, offset, count, stride = sizes
        end = start + offset + stride * (count - 1) + row if count else 0
        if stride < row or start + length > len(self.binary) or end > start + length:
            raise MalformedError("it is cut short: an accessor promises more than the file holds")
        return np.ndarray((count, width), kind, self.binary, start + offset, (stride, kind.itemsize))

    def placed_meshes(self) -> list[tuple[Any, np.ndarray]]:
        """The mesh number and the (3, 4) matrix to the scene's axes of each node with a mesh in the default scene."""
        nodes = self.entries("nodes")
        children = {child for node in nodes for child in node.get("children", [])}
        roots: Any = [k for k in range(len(nodes)) if k not in children]
        if self.entries("scenes"):
            roots = self.entry("scenes", self.scene.get("scene", 0)).get("nodes", [])
        identity = np.eye(4)[:3]
        waiting = [(root, identity) for root in reversed(roots)]
        seen: set[int] = set()
        placed = []
        while waiting:
            index, above = waiting.pop()
            node = self.entry("nodes", index)
            if index in seen:
                raise MalformedError(f"its node {index} stands in several places of the tree")
            seen.add(index)
            if "EXT_mesh_gpu_instancing" in node.get("extensions", {}):
                raise MalformedError("it repeats meshes by EXT_mesh_gpu_instancing, which isn't supported")
            matrix = product(above, local_matrix(node))
            if "mesh" in node:
                placed.append((node["mesh"], matrix))
            waiting += [(child, matrix) for child in reversed(node.get("children", []))]
        return placed


def local_matrix(node: dict[str, Any]) -> np.ndarray:
    """The (3, 4) matrix of a node: as it is written, or of its scale, rotation and translation.

    Raises:
        MalformedError: it has too few numbers, or too many.
    """
    if "matrix" in node:
        return numbers(node["matrix"], 16).reshape(4, 4).T[:3]
    if not {"translation", "rotation", "scale"} & node.keys():
        return np.eye(4)[:3]
    x, y, z, w = numbers(node.get("rotation", [0, 0, 0, 1]), 4)
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    scaled = turn * numbers(node.get("scale", [1, 1, 1]), 3)
    return np.column_stack([scaled, numbers(node.get("translation", [0, 0, 0]), 3)])


def numbers(values: Any, count: int) -> np.ndarray:
    """So many finite numbers of the scene."""
    found = np.array(values, np.float64)
    if found.shape != (count,) or not np.isfinite(found).all():
        raise MalformedError(f"a node has no {count} numbers where it should")
    return found


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product of two affine (3, 4) matrices, added up in one order on every machine."""
    result = a[:, :1] * b[0] + a[:, 1:2] * b[1] + a[:, 2:3] * b[2]
    result[:, 3] += a[:, 3]
    return result


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Points (N, 3) by an affine (3, 4) matrix."""
    x, y, z = points.T
    return np.column_stack([row[0] * x + row[1] * y + row[2] * z + row[3] for row in matrix])


def positions(stored: np.ndarray, normalised: bool) -> np.ndarray:
    """Stored positions (N, 3) as float64; normalised integers stand for −1 … 1."""
    points = stored.astype(np.float64)
    if normalised and stored.dtype.kind in "iu":
        points = np.maximum(points / np.iinfo(stored.dtype).max, -1.0)
    return points


def triangles(corners: np.ndarray, mode: int) -> np.ndarray:
    """The triangles (T, 3) that a primitive's corners (C,) make."""
    if mode == TRIANGLES:
        if len(corners) % 3:
            raise MalformedError(f"a primitive has {len(corners)} corners, which make no triangles")
        return corners.reshape(-1, 3)
    corners = corners.astype(np.int64)
    if mode == STRIP:
        return strips(corners, np.array([len(corners)]))[0]
    return np.stack([np.full(max(len(corners) - 2, 0), corners[0]), corners[1:-1], corners[2:]], axis=1)


def parse_glb(data: bytes) -> Parsed:
    """The triangles of a GLB file's default scene, in place, each mesh's vertices in the file's order.

    Raises:
        MalformedError: it is broken, compressed, or a face refers to no vertex.
    """
    try:
        return _parsed(Glb(data))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        if isinstance(error, MalformedError):
            raise
        raise MalformedError(f"its glTF scene is broken ({type(error).__name__}: {error})") from error


def _parsed(glb: Glb) -> Parsed:
    all_vertices: list[np.ndarray] = []
    all_faces: list[np.ndarray] = []
    placed = glb.placed_meshes()
    vertex_count, corner_count, skipped = 0, 0, 0
    for index, matrix in placed:
        mirrored = determinant(matrix) < 0
        first_of: dict[int, int] = {}  # primitives of a mesh may share their vertices
        for primitive in glb.entry("meshes", index)["primitives"]:
            mode = primitive.get("mode", TRIANGLES)
            if mode not in (TRIANGLES, STRIP, FAN):
                skipped += 1
                continue
            at = primitive["attributes"]["POSITION"]
            stored = glb.array(at, 3)
            if at not in first_of:
                first_of[at] = vertex_count
                points = positions(stored, glb.entry("accessors", at).get("normalized") is True)
                all_vertices.append(points if (matrix == np.eye(4)[:3]).all() else moved(points, matrix))
                vertex_count += len(points)
            if "indices" in primitive:
                indices = glb.array(primitive["indices"], 1).reshape(-1)
                if indices.dtype.kind != "u":
                    raise MalformedError("its faces refer to vertices by numbers that are no whole ones")
            else:
                indices = np.arange(len(stored), dtype=np.uint32)
            corner_count += len(indices)
            if vertex_count + corner_count > glb.most:
                raise MalformedError("its parts promise more than the file can hold")
            faces = checked_faces(triangles(indices, mode), len(stored))
            if mirrored:
                faces = faces[:, ::-1]
            all_faces.append(faces + first_of[at] if first_of[at] else faces)
    notes = []
    if skipped:
        notes.append(f"{skipped} primitives of points or lines are left out")
    elsewhere = set(range(len(glb.entries("meshes")))) - {index for index, _ in placed}
    if elsewhere:
        notes.append(f"{len(elsewhere)} meshes outside its default scene are left out")
    if not all_faces:
        return Parsed(np.empty((0, 3)), np.empty((0, 3), np.int32), notes=tuple(notes))
    vertices, faces = (parts[0] if len(parts) == 1 else np.concatenate(parts) for parts in (all_vertices, all_faces))
    return Parsed(vertices, np.ascontiguousarray(faces, np.int32), notes=tuple(notes))


def determinant(matrix: np.ndarray) -> float:
    """Of the left three columns: negative where a matrix mirrors."""
    a, b, c = matrix[:, :3]
    return float((np.cross(a, b) * c).sum())
