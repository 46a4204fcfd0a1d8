"""The `pyrender` backend: OpenGL over EGL, without a display.

pyrender's single-sided shader leaves back faces black, so each face is given to it twice, once per side, with culling
on. One context per process is made at the first picture and kept until `close`. It belongs to the thread that made it,
and must not exist before a fork.
"""

import atexit
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from renderers.rasteriser.shading import Shading
from scans.cameras import Camera
from scans.errors import UserError
from scans.visibility import NEAR

_FAR = 1e4
_context: "_Context | None" = None
_device = 0


def choose_device(number: int) -> None:
    """Select the EGL device of this process, from 0; the number is checked when the context is created."""
    global _device
    if number != _device:
        close()
        _device = number


def available() -> tuple[bool, str]:
    """Whether this backend works here; creates its context.

    Returns:
        Whether it does, and the name of the OpenGL renderer, or else the reason.
    """
    try:
        return True, _current().name
    except UserError as error:
        return False, str(error)


def render(
    vertices: np.ndarray,
    faces: np.ndarray,
    normals: np.ndarray,
    cameras: Sequence[Camera],
    shading: Shading,
    *,
    samples: int,
) -> np.ndarray:
    """Render a mesh with pyrender.

    Args:
        vertices: (V, 3) float64, finite, in the cameras' world.
        faces: (F, 3) int32, valid indices into `vertices`.
        normals: (V, 3) float64, unit normals, interpolated over the faces.
        cameras: One per picture, all of one picture size.
        shading: Material, light and background.
        samples: Samples per pixel, 1 or 4 (multisampling).

    Returns:
        (views, H, W) uint8.

    Raises:
        UserError: EGL, OpenGL or a driver is missing.
    """
    return _current().render(vertices, faces, normals, cameras, shading, samples=samples)


def close() -> None:
    """Free the context of this process, if there is one; the next picture creates a new one."""
    global _context
    if _context is not None:
        _context.close()
        _context = None


atexit.register(close)


def _current() -> "_Context":
    global _context
    if _context is None:
        _context = _Context(_device)
    return _context


class _Context:
    """An EGL context and pyrender's renderer in it."""

    def __init__(self, device: int) -> None:
        # pyrender imports pyglet, which would look for a display; PyOpenGL chooses its platform when it is imported.
        os.environ["PYGLET_HEADLESS"] = "1"
        os.environ["PYOPENGL_PLATFORM"] = "egl"
        try:
            import pyrender
            from OpenGL import GL
            from pyrender.platforms import egl

            devices = egl.query_devices()
            if device >= len(devices):
                raise UserError(
                    f"compute.egl_device: no EGL device {device}; this machine has {len(devices)}, counted from 0"
                )
            self._platform = egl.EGLPlatform(1, 1, devices[device])
            self._platform.init_context()
            self.name = GL.glGetString(GL.GL_RENDERER).decode()
        except UserError:
            raise
        # Whatever is missing shows as one of a dozen types: ImportError, AttributeError, AssertionError, EGLError, ...
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise UserError(
                f"backend pyrender: OpenGL over EGL does not work here ({reason}). Install the "
                f"system packages libegl1, libgl1 and libgl1-mesa-dri, or the GPU's driver with EGL, or set the "
                f"backend to numba"
            ) from error
        self._pyrender, self._gl = pyrender, GL
        self._renderers: dict[int, Any] = {}

    def render(
        self,
        vertices: np.ndarray,
        faces: np.ndarray,
        normals: np.ndarray,
        cameras: Sequence[Camera],
        shading: Shading,
        *,
        samples: int,
    ) -> np.ndarray:
        pyrender = self._pyrender
        scene = pyrender.Scene(bg_color=np.full(4, shading.background / 255))
        material = pyrender.MetallicRoughnessMaterial(
            baseColorFactor=(*[shading.base_colour] * 3, 1.0),
            metallicFactor=shading.metallic,
            roughnessFactor=shading.roughness,
        )
        both_sides = pyrender.Primitive(
            positions=np.concatenate((vertices, vertices)),
            normals=np.concatenate((normals, -normals)),
            indices=np.concatenate((faces, faces[:, ::-1] + len(vertices))),
            material=material,
        )
        scene.add(pyrender.Mesh([both_sides]))
        light = scene.add(pyrender.DirectionalLight(intensity=shading.light))
        self._platform.make_current()
        renderer = self._renderer(samples)
        images = np.empty((len(cameras), cameras[0].height, cameras[0].width), dtype=np.uint8)
        for image, camera in zip(images, cameras, strict=True):
            intrinsics = camera.fx, camera.fy, camera.cx, camera.cy
            kind = _orthographic(pyrender.IntrinsicsCamera) if camera.orthographic else pyrender.IntrinsicsCamera
            lens = kind(*intrinsics, znear=NEAR, zfar=_FAR)
            node = scene.add(lens, pose=camera.transform)
            scene.set_pose(light, camera.transform)
            renderer.viewport_width, renderer.viewport_height = camera.width, camera.height
            colour, _ = renderer.render(scene, pyrender.RenderFlags.OFFSCREEN)
            image[:] = colour[:, :, 0]
            scene.remove_node(node)
        return images

    def _renderer(self, samples: int) -> Any:
        if samples not in self._renderers:
            made = self._pyrender.Renderer if samples == 4 else _single_sample(self._pyrender.Renderer, self._gl)
            self._renderers[samples] = made(1, 1)
        return self._renderers[samples]

    def close(self) -> None:
        self._platform.make_current()
        for renderer in self._renderers.values():
            renderer.delete()
        self._platform.delete_context()


def _single_sample(renderer: Any, gl: Any) -> Any:
    """pyrender's renderer class with one sample per pixel; its own takes four and offers no choice."""

    class SingleSample(renderer):
        def _configure_main_framebuffer(self) -> None:
            super()._configure_main_framebuffer()
            for buffer, kind in ((self._main_cb_ms, gl.GL_RGBA), (self._main_db_ms, gl.GL_DEPTH_COMPONENT24)):
                gl.glBindRenderbuffer(gl.GL_RENDERBUFFER, buffer)
                gl.glRenderbufferStorageMultisample(gl.GL_RENDERBUFFER, 0, kind, *self._main_fb_dims)

    return SingleSample


def _orthographic(camera: Any) -> Any:
    """pyrender's camera class for given intrinsics, with parallel lines of sight; its own knows no optical axis."""

    class Orthographic(camera):
        def get_projection_matrix(self, width: int, height: int) -> np.ndarray:
            depth = self.zfar - self.znear
            return np.array(
                [
                    [2 * self.fx / width, 0, 0, 2 * self.cx / width - 1],
                    [0, 2 * self.fy / height, 0, 1 - 2 * self.cy / height],
                    [0, 0, -2 / depth, -(self.zfar + self.znear) / depth],
                    [0, 0, 0, 1],
                ]
            )

    return Orthographic
