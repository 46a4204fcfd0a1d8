import json
import struct

import numpy as np
import pytest
import trimesh

from scans.mesh import Mesh
from scans.mesh_files.glb import parse_glb
from scans.mesh_files.parsed import MalformedError


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


def test_a_mesh_may_stand_in_several_places(shape: trimesh.Trimesh) -> None:
    nodes = [{"mesh": 0}, {"mesh": 0, "translation": [0, 0, 5]}]
    mesh = parse_glb(edited(glb(shape), {"nodes": nodes, "scenes": [{"nodes": [0, 1]}]}))
    np.testing.assert_array_equal(mesh.vertices, np.concatenate([shape.vertices, shape.vertices + np.array([0, 0, 5])]))
    np.testing.assert_array_equal(mesh.faces, np.concatenate([shape.faces, shape.faces + 5]))


def test_what_mirrors_turns_the_faces(shape: trimesh.Trimesh) -> None:
    mirror = [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 3, 0, 0, 1]  # column by column
    nodes = [{"children": [1], "scale": [2, 2, 2]}, {"mesh": 0, "matrix": mirror}]
    mesh = parse_glb(edited(glb(shape), {"nodes": nodes, "scenes": [{"nodes": [0]}]}))
    np.testing.assert_array_equal(mesh.vertices, (shape.vertices * [-1, 1, 1] + [3, 0, 0]) * 2)
    np.testing.assert_array_equal(mesh.faces, shape.faces[:, ::-1])


def test_what_is_left_out_is_noted(shape: trimesh.Trimesh) -> None:
    content = glb(shape, shape.copy())
    mesh = parse_glb(edited(content, {"nodes": [{"mesh": 1}], "scenes": [{"nodes": [0]}], "scene": 0}))
    assert len(mesh.faces) == 4
    assert mesh.notes == ("1 meshes outside its default scene are left out",)
    points = [{"primitives": [{"attributes": {"POSITION": 0}, "mode": 0}]}]
    assert parse_glb(edited(glb(shape), {"meshes": points})).notes == ("1 primitives of points or lines are left out",)


def test_refusals(shape: trimesh.Trimesh) -> None:
    content = glb(shape)
    node = {"mesh": 0}
    many = {"nodes": [node] * 999, "scenes": [{"nodes": list(range(999))}]}
    view = {"buffer": 0, "byteLength": 8, "extensions": {"EXT_meshopt_compression": {}}}
    instances = {"mesh": 0, "extensions": {"EXT_mesh_gpu_instancing": {}}}
    for broken, reason in (
        (content[:100], "cut short"),
        (content[:4] + b"\1" + content[5:], "version 1"),
        (edited(content, {"buffers": [{"uri": "../secret.bin", "byteLength": 1}]}), "outside the file"),
        (edited(content, {"accessors": [{"count": 10**12, "type": "VEC3", "componentType": 5126}] * 2}), "compressed"),
        (edited(content, {"extensionsRequired": ["KHR_draco_mesh_compression"]}), r"compressed \(KHR_draco"),
        (edited(content, {"bufferViews": [view]}), r"compressed \(EXT_meshopt"),
        (edited(content, {"extensionsRequired": ["VENDOR_cipher"]}), "extension VENDOR_cipher"),
        (edited(content, {"nodes": [instances], "scenes": [{"nodes": [0]}]}), "EXT_mesh_gpu_instancing"),
        (edited(content, many), "more than the file"),
        (edited(content, {"nodes": [{"name": str(k)} for k in range(2000)]}), "over 1000 nodes"),
        (edited(content, {"nodes": [{"children": [0]}], "scenes": [{"nodes": [0]}]}), "several places of the tree"),
        (edited(content, {"nodes": [{"children": [7]}], "scenes": [{"nodes": [0]}]}), r"nodes\[7\], and it has 1"),
        (edited(content, {"nodes": [{"mesh": 0, "scale": [1, 1]}], "scenes": [{"nodes": [0]}]}), "no 3 numbers"),
        (edited(content, {"bufferViews": [{"buffer": 0, "byteLength": 10**12}] * 2}), "more than the file"),
        (edited(content, {"accessors": 3}), "accessors are no list"),
        (content[:60] + b"\xff" + content[61:], "scene is broken"),
    ):
        with pytest.raises(MalformedError, match=reason):
            parse_glb(broken)
