"""Images of a reconstruction from the cameras of its input."""

import cv2
import numpy as np

from renderers.contact_sheet import contact_sheet
from renderers.rasteriser.shading import Shading
from renderers.render import render_views
from scans.cameras import HEIGHT, WIDTH, cameras_from_array, project
from scans.mesh import Mesh
from scans.visibility import NEAR

WORST_SHOWN_MM = 2.0
PAPER = 255
OUTLINE = (217, 72, 15)
_DARKEST, _LIGHTEST = 60.0, 210.0  # grey of the farthest and of the nearest point


def preview(rows: dict[str, np.ndarray]) -> np.ndarray:
    """A contact sheet with one row of images per title; absent views are blank.

    Args:
        rows: by title, (V, H, W) or (V, H, W, 3) uint8.
    """
    if any(pictures.ndim == 4 for pictures in rows.values()):
        rows = {
            title: pictures if pictures.ndim == 4 else np.repeat(pictures[..., None], 3, axis=3)
            for title, pictures in rows.items()
        }
    return contact_sheet({title: list(pictures) for title, pictures in rows.items()})


def surface_pictures(mesh: Mesh, cameras: np.ndarray, shading: Shading) -> np.ndarray:
    """(V, H, W) uint8 renderings of a mesh from the cameras (V, 23)."""
    return render_views(mesh.vertices, mesh.faces, cameras_from_array(cameras), shading, backend="numba", samples=4)


def outlined(pictures: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Pictures with the silhouettes of renderings from the same cameras drawn over them as lines.

    Args:
        pictures: (V, H, W) or (V, H, W, 3) uint8. shown: (V, H, W) uint8.

    Returns:
        (V, H, W, 3) uint8.
    """
    from model.metrics.plausibility import foreground

    drawn = pictures.copy() if pictures.ndim == 4 else np.repeat(pictures[..., None], 3, axis=3)
    for picture, rendering in zip(drawn, shown, strict=True):
        gaps = np.ones((5, 5), np.uint8)  # between the points of a cloud
        silhouette = cv2.morphologyEx(foreground(rendering).astype(np.uint8), cv2.MORPH_CLOSE, gaps)
        picture[cv2.dilate(silhouette, np.ones((3, 3), np.uint8)) > silhouette] = OUTLINE
    return drawn


def point_pictures(points: np.ndarray, cameras: np.ndarray, colours: np.ndarray | None = None) -> np.ndarray:
    """Renderings of a point cloud, 2 × 2 pixels per point, with the nearest in front.

    Args:
        points: (N, 3). cameras: (V, 23) float64.
        colours: (N, 3) uint8; None shades by depth.

    Returns:
        (V, H, W) uint8, or (V, H, W, 3) with colours.
    """
    pictures = []
    for camera in cameras:
        width, height = (int(side) for side in camera[[WIDTH, HEIGHT]])
        uv, depth = project(points, camera)
        order = np.argsort(-depth, kind="stable")
        nearness = (depth.max() - depth) / max(float(np.ptp(depth)), 1e-9)
        values = (_DARKEST + (_LIGHTEST - _DARKEST) * nearness).astype(np.uint8) if colours is None else colours
        picture = np.full((height + 2, width + 2, *values.shape[1:]), PAPER, np.uint8)  # with a margin that is cut off
        column, row = np.floor(uv[order]).T
        seen = (depth[order] > NEAR) & (row >= 0) & (row < height) & (column >= 0) & (column < width)
        row, column, value = row[seen].astype(np.int64), column[seen].astype(np.int64), values[order][seen]
        for down, right in ((1, 1), (1, 0), (0, 1), (0, 0)):
            picture[row + down, column + right] = value
        pictures.append(picture[:height, :width])
    return np.stack(pictures)


def distance_colours(distance_mm: np.ndarray) -> np.ndarray:
    """(N, 3) uint8 RGB, the colour map viridis from 0 to 2 mm."""
    steps = np.clip(distance_mm / WORST_SHOWN_MM * 255, 0, 255).astype(np.uint8)
    return cv2.applyColorMap(steps[:, None], cv2.COLORMAP_VIRIDIS)[:, 0, ::-1].copy()


def distance_scale(width: int) -> np.ndarray:
    """(H, width, 3) uint8, the colour bar of `distance_colours`."""
    bar = np.full((34, width, 3), PAPER, np.uint8)
    length = min(256, width // 2)
    bar[10:24, 10 : 10 + length] = distance_colours(np.linspace(0, WORST_SHOWN_MM, length))[None]
    text = f"0 to {WORST_SHOWN_MM:g} mm and more"
    cv2.putText(bar, text, (20 + length, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return bar


def tooth_colours(labels: np.ndarray) -> np.ndarray:
    """(V, 3) uint8 RGB by FDI label: gingiva pink, each tooth its own hue, unlike its neighbours'."""
    numbers = np.arange(256)
    hue = (numbers % 10 * 71 + numbers // 10 * 37) % 180
    table = np.stack([hue, np.full(256, 110), np.full(256, 230)], axis=1).astype(np.uint8)
    rgb = cv2.cvtColor(table[:, None], cv2.COLOR_HSV2RGB)[:, 0]
    rgb[0] = (224, 150, 150)
    return rgb[labels]
