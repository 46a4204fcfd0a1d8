"""`scans.cameras.project` of one point, for compiled code."""

from numba import njit

from scans.cameras import NEAREST


@njit(cache=True, nogil=True, error_model="numpy")
def pixel_of(x, y, z, lens):
    """Column and row in pixels, and depth, of a point in a camera's picture (`scans.visibility.Lens`)."""
    x, y, z = x - lens.position[0], y - lens.position[1], z - lens.position[2]
    right = x * lens.right[0] + y * lens.right[1] + z * lens.right[2]
    up = x * lens.up[0] + y * lens.up[1] + z * lens.up[2]
    depth = -(x * lens.backward[0] + y * lens.backward[1] + z * lens.backward[2])
    scale = max(depth, NEAREST) if lens.perspective else 1.0
    return lens.cx + lens.fx * right / scale, lens.cy - lens.fy * up / scale, depth
