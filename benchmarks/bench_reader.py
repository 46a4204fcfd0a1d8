"""Reading and writing meshes against trimesh, in one run: `python benchmarks/bench_reader.py`."""

import tempfile
from pathlib import Path

import numpy as np
import trimesh
from table import Row, offer
from toy_jaw import best_of, toy_jaw

from scans.mesh import Mesh
from scans.mesh_files.read import read_mesh
from scans.preparing.cleaning import same_place
from scans.teeth3ds.layout import labels_path, read_labels, write_case

RUNS = 7


def obj_files(mesh: Mesh, folder: Path) -> dict[str, Path]:
    """The mesh as Teeth3DS writes it, with plain corners and with slashes, and with all digits of its doubles."""
    shape = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    shape.visual.vertex_colors = np.full((len(mesh.vertices), 4), (200, 200, 200, 255), np.uint8)
    plain = trimesh.exchange.obj.export_obj(shape, include_color=True, include_normals=False)
    digits = "".join(f"v {x!r} {y!r} {z!r}\n" for x, y, z in mesh.vertices.tolist())
    faces = plain[plain.index("\nf ") + 1 :]
    texts = {
        "v x y z r g b, f a b c": plain,
        "f a//n": trimesh.exchange.obj.export_obj(shape, include_color=True, include_normals=True),
        "17 digits": digits + faces,
    }
    paths = {}
    for name, text in texts.items():
        paths[name] = folder / f"{len(paths)}.obj"
        paths[name].write_text(text)
    return paths


def merged(path: Path) -> np.ndarray:
    """The faces of a file, by the first vertex at each place, as cleaning finds them."""
    mesh = read_mesh(path)
    return same_place(mesh.vertices, mesh.faces)[mesh.faces]


def main() -> None:
    """Print times and ratios."""
    mesh = toy_jaw()
    shape = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    print(f"{len(mesh.vertices)} vertices, {len(mesh.faces)} faces; best of {RUNS}; trimesh {trimesh.__version__}")
    print(f"{'file':34}{'MB':>6}{'ours ms':>10}{'trimesh ms':>12}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {f"obj, {kind}": path for kind, path in obj_files(mesh, folder).items()}
        for kind, options in {
            "ply": {},
            "ply, text": {"file_type": "ply", "encoding": "ascii"},
            "stl": {},
            "stl, text": {"file_type": "stl_ascii"},
            "off": {},
            "glb": {},
        }.items():
            files[kind] = folder / f"{len(files)}.{kind[:3]}"
            shape.export(files[kind], **options)
        for kind, path in files.items():
            read_mesh(path)  # compile
            ours, theirs = best_of(
                RUNS,
                lambda path=path: read_mesh(path),
                lambda path=path: trimesh.load(path, process=False, maintain_order=True),
            )
            size = path.stat().st_size / 1e6
            print(f"{kind:34}{size:6.1f}{ours * 1e3:10.1f}{theirs * 1e3:12.1f}{theirs / ours:8.1f}")
            offer(Row("reader", f"{kind}, {len(mesh.faces):,} faces", "ms", ours * 1e3, "trimesh", theirs * 1e3))
            if kind == "stl":
                ours, theirs = best_of(RUNS, lambda path=path: merged(path), lambda path=path: trimesh.load(path))
                print(
                    f"{'stl, equal vertices merged':34}{'':6}{ours * 1e3:10.1f}{theirs * 1e3:12.1f}{theirs / ours:8.1f}"
                )
                offer(Row("reader", "stl, equal vertices merged", "ms", ours * 1e3, "trimesh", theirs * 1e3))
            if kind.startswith("obj"):
                loaded = trimesh.load(path, process=False, maintain_order=True)
                same = np.array_equal(read_mesh(path).vertices, loaded.vertices)
                print(f"    the same coordinates to the bit: {same}")

        write_case(folder, "X", "upper", mesh)
        target = folder / "trimesh.obj"
        ours, theirs, labels = best_of(
            RUNS,
            lambda: write_case(folder, "X", "upper", mesh),
            lambda: shape.export(target),
            lambda: read_labels(labels_path(folder, "X", "upper"), len(mesh.vertices)),
        )
        print(f"{'write OBJ (ours: and labels)':40}{ours * 1e3:10.1f}{theirs * 1e3:12.1f}{theirs / ours:8.1f}")
        print(f"{'read labels':40}{labels * 1e3:10.1f}")


if __name__ == "__main__":
    main()
