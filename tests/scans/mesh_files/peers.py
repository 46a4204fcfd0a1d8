"""What VTK and trimesh read of mesh files: `python peers.py vtk|trimesh FILE …` prints a line of JSON for each.

Run in a process of its own, for VTK may end it.
"""

import contextlib
import json
import os
import sys
from pathlib import Path

import numpy as np


def by_vtk(path: Path) -> tuple[np.ndarray, np.ndarray]:
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkFiltersCore import vtkTriangleFilter
    from vtkmodules.vtkFiltersGeometry import vtkCompositeDataGeometryFilter
    from vtkmodules.vtkIOGeometry import vtkGLTFReader, vtkOBJReader, vtkOFFReader, vtkSTLReader
    from vtkmodules.vtkIOPLY import vtkPLYReader
    from vtkmodules.vtkIOXML import vtkXMLPolyDataReader

    readers = {
        ".obj": vtkOBJReader,
        ".ply": vtkPLYReader,
        ".stl": vtkSTLReader,
        ".off": vtkOFFReader,
        ".vtp": vtkXMLPolyDataReader,
        ".glb": vtkGLTFReader,
    }
    reader = readers[path.suffix]()
    if path.suffix == ".stl":
        reader.MergingOff()
    reader.SetFileName(str(path))
    whole = reader
    if path.suffix == ".glb":
        whole = vtkCompositeDataGeometryFilter()
        whole.SetInputConnection(reader.GetOutputPort())
    triangles = vtkTriangleFilter()
    triangles.SetInputConnection(whole.GetOutputPort())
    triangles.PassVertsOff()
    triangles.PassLinesOff()
    triangles.Update()
    polydata = triangles.GetOutput()
    if polydata.GetNumberOfPolys() == 0:
        raise ValueError("no faces")
    faces = vtk_to_numpy(polydata.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    return vtk_to_numpy(polydata.GetPoints().GetData()), faces


def by_trimesh(path: Path) -> tuple[np.ndarray, np.ndarray]:
    import trimesh

    mesh = trimesh.load(path, process=False, maintain_order=True, force="mesh")
    return mesh.vertices, mesh.faces


def main() -> None:
    read = {"vtk": by_vtk, "trimesh": by_trimesh}[sys.argv[1]]
    answers = os.fdopen(os.dup(1), "w")  # VTK writes its warnings to stdout
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    for name in sys.argv[2:]:
        answer: dict = {"name": Path(name).name}
        try:
            vertices, faces = read(Path(name))
            corners = np.asarray(vertices, np.float64)[faces]
            normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
            answer["area"] = float(np.linalg.norm(normals, axis=1).sum() / 2)
            answer["bounds"] = [corners.min((0, 1)).tolist(), corners.max((0, 1)).tolist()]
            answer["faces"] = len(faces)
        except BaseException as error:
            answer["error"] = f"{type(error).__name__}: {error}"[:200]
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
