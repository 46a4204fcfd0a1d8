"""3MF, the format of 3D printing: a ZIP of XML (3MF Core Specification 1.3, Materials Extension 1.2).

Written here and not by a library: lib3mf and trimesh draw random UUIDs, so that the same mesh would give other bytes
each time, and trimesh leaves the colours out.
"""

import io
import zipfile

import numpy as np

from scans.mesh import Mesh

CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
MATERIALS = "http://schemas.microsoft.com/3dmanufacturing/material/2015/02"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
MODEL = "3D/3dmodel.model"  # as the specification recommends
TYPES = (
    f'{XML}<Types xmlns="{PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>'
)
RELATIONS = (
    f'{XML}<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="model" Target="/{MODEL}" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/>'
    "</Relationships>"
)


def encode_3mf(mesh: Mesh, colours: np.ndarray | None = None) -> bytes:
    """A mesh in millimetres as a 3MF file with one object; places are rounded to float32, as in STL.

    Args:
        colours: (V, 3) uint8 RGB of the vertices.

    Returns:
        the file's bytes, the same for the same mesh.
    """
    vertices = np.asarray(mesh.vertices, np.float32).astype(np.float64)
    corners = _repeated('<vertex x="%.9g" y="%.9g" z="%.9g"/>', vertices)
    palette, attributes = "", ""
    if colours is None:
        triangles = _repeated('<triangle v1="%d" v2="%d" v3="%d"/>', mesh.faces)
    else:
        shades, shade = np.unique(colours, axis=0, return_inverse=True)
        names = _repeated('<m:color color="#%02X%02X%02XFF"/>', shades)
        palette, attributes = f'<m:colorgroup id="1">{names}</m:colorgroup>', ' pid="1" pindex="0"'
        rows = np.concatenate([mesh.faces, shade.reshape(-1)[mesh.faces]], axis=1)
        triangles = _repeated('<triangle v1="%d" v2="%d" v3="%d" pid="1" p1="%d" p2="%d" p3="%d"/>', rows)
    model = (
        f'{XML}<model unit="millimeter" xml:lang="en-US" xmlns="{CORE}" xmlns:m="{MATERIALS}"><resources>{palette}'
        f'<object id="2" type="model"{attributes}><mesh><vertices>{corners}</vertices>'
        f'<triangles>{triangles}</triangles></mesh></object></resources><build><item objectid="2"/></build></model>'
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (("[Content_Types].xml", TYPES), ("_rels/.rels", RELATIONS), (MODEL, model)):
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)  # dated 1980
    return buffer.getvalue()


def _repeated(row: str, values: np.ndarray) -> str:
    """A line of text for each row (N, K) of numbers."""
    return row * len(values) % tuple(values.ravel().tolist())
