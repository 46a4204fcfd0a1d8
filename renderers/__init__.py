"""Pictures of meshes: rigs of cameras, a software rasteriser and OpenGL, shading, passes."""

import scans  # noqa: F401 - it says where numba keeps what it compiles
