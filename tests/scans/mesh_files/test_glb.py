import json
import struct

import numpy as np
import pytest
import trimesh

from scans.mesh import Mesh
from scans.mesh_files.glb import parse_glb
from scans.mesh_files.malformed import MalformedError


def glb(*meshes: trimesh.Trimesh) -> bytes:
    return trimesh.Scene(list(meshes)).export(file_type="glb")


def edited(content: bytes, edit: dict) -> bytes:
    """The same file with top-level keys of its scene replaced."""
    length = struct.unpack("<I", content[12:16])[0]
    scene = json.dumps(json.loads(content[20 : 20 + length]) | edit).encode()
    scene += b" " * (-len(scene) % 4)
    rest = content[20 + length :]
    return (
        struct.pack("<4sII", b"glTF", 2, 20 + len(scene) + len(rest))
        + struct.pack("<I4s", len(scene), b"JSON")
        + scene
        + rest
    )


@pytest.fixture
def shape(tetrahedron: Mesh) -> trimesh.Trimesh:
    """With a vertex that no face uses in front."""
    return trimesh.Trimesh(np.vstack([[[9, 9, 9]], tetrahedron.vertices]), tetrahedron.faces + 1, process=False)


def test_keeps_unreferenced_vertices(shape: trimesh.Trimesh) -> None:
    mesh = parse_glb(glb(shape))
    np.testing.assert_array_equal(mesh.vertices, shape.vertices)
    np.testing.assert_array_equal(mesh.faces, shape.faces)


def test_meshes_stand_where_the_scene_puts_them(shape: trimesh.Trimesh) -> None:
    scene = trimesh.Scene()
    scene.add_geometry(shape, transform=trimesh.transformations.translation_matrix([0, 0, 5]))
    np.testing.assert_allclose(parse_glb(scene.export(file_type="glb")).vertices, shape.vertices + np.array([0, 0, 5]))
    assert len(parse_glb(glb(shape, shape.copy())).vertices) == 10


def test_refusals(shape: trimesh.Trimesh) -> None:
    content = glb(shape)
    node = {"mesh": 0}
    for broken, reason in (
        (content[:100], "cut short"),
        (edited(content, {"buffers": [{"uri": "../secret.bin", "byteLength": 1}]}), "outside the file"),
        (edited(content, {"accessors": [{"count": 10**12, "type": "VEC3", "componentType": 5126}]}), "compressed"),
        (edited(content, {"nodes": [node] * 9}), "several times"),
        (edited(content, {"nodes": [{"name": str(k)} for k in range(2000)]}), "over 1000 nodes"),
        (edited(content, {"bufferViews": [{"buffer": 0, "byteLength": len(content)}] * 50}), "more than the file"),
        (edited(content, {"accessors": 3}), "no GLB that can be read"),
        (content[:60] + b"\xff" + content[61:], "no GLB that can be read"),
    ):
        with pytest.raises(MalformedError, match=reason):
            parse_glb(broken)
