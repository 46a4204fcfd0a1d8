"""GLB, binary glTF, through trimesh, with the promises checked that trimesh takes on trust."""

import io
import json

import numpy as np
import trimesh

from scans.mesh import Mesh
from scans.mesh_files.malformed import MalformedError
from scans.mesh_files.polygons import checked_faces

JSON_CHUNK = b"JSON"
MOST_NODES = 1000
MOST_PER_BYTE = 8  # parts may share their data, but not without end


def check_scene(data: bytes) -> None:
    """Refuse what could make a small file large, or reach for other files.

    Raises:
        MalformedError: the header is broken, data lies outside the file, or a mesh stands in several places.
    """
    length = int.from_bytes(data[12:16], "little")
    if len(data) < 20 + length or data[16:20] != JSON_CHUNK:
        raise MalformedError("it is cut short or broken: its glTF scene can't be found")
    scene = json.loads(data[20 : 20 + length])
    nodes, accessors = scene.get("nodes", []), scene.get("accessors", [])
    if any("uri" in buffer for buffer in scene.get("buffers", [])):
        raise MalformedError("its data lies outside the file: export a GLB that holds everything")
    if any("bufferView" not in accessor or "sparse" in accessor for accessor in accessors):
        raise MalformedError("it is compressed (draco) or sparse, which isn't supported: export it without compression")
    placed = [node["mesh"] for node in nodes if "mesh" in node]
    if len(placed) != len(set(placed)) or len(nodes) > MOST_NODES:
        raise MalformedError(f"it places a mesh several times or has over {MOST_NODES} nodes: export it as one mesh")
    promised = sum(view["byteLength"] for view in scene.get("bufferViews", []))
    promised += sum(accessor["count"] for accessor in accessors)
    for mesh in scene.get("meshes", []):
        for primitive in mesh["primitives"]:
            used = [primitive["attributes"]["POSITION"], primitive.get("indices")]
            promised += sum(accessors[k]["count"] for k in used if k is not None)
    if promised > MOST_PER_BYTE * len(data):
        raise MalformedError("its parts promise more than the file can hold")


def parse_glb(data: bytes) -> Mesh:
    """The triangles of all meshes of a GLB file, in place, each one's vertices in the file's order.

    Raises:
        MalformedError: trimesh can't read it, or a face refers to no vertex.
    """
    try:
        check_scene(data)
        scene = trimesh.load_scene(
            io.BytesIO(data), file_type="glb", process=False, maintain_order=True, skip_materials=True
        )
        whole = scene.to_mesh()
        vertices, faces = np.array(whole.vertices, np.float64), np.array(whole.faces)
    except MalformedError:
        raise
    except Exception as error:  # trimesh raises whatever a broken file makes numpy and json raise
        raise MalformedError(f"it is no GLB that can be read ({type(error).__name__}: {error})") from error
    return Mesh(vertices.reshape(-1, 3), checked_faces(faces.reshape(-1, 3), len(vertices)))
