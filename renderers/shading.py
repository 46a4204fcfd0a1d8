"""The material and the light of the pictures, and the pass that shades a visibility buffer.

Each sample that shows a face gets its grey value from the exact (unsnapped) triangle and its interpolated normal. A
face seen from behind is lit as its front would be: its normals are turned round.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from renderers.cameras import Camera
from renderers.visibility import pixel_grid
from scans.errors import UserError


@dataclass(frozen=True, kw_only=True, slots=True)
class Shading:
    """A grey material under one directional light that shines along the camera's line of sight.

    Attributes:
        base_color: Linear grey of the material, 0 to 1 (pyrender's default material: 0.3).
        metallic: 0 for a dielectric to 1 for a metal (pyrender: 0.2).
        roughness: Perceptual roughness, 0 to 1; under 0.04 it counts as 0.04 (pyrender: 0.8).
        light: Intensity of the light, not negative; picture values grow with its 1/2.2th power.
        background: Grey value of the picture where there is no jaw, 0 to 255.

    Raises:
        UserError: A value is out of its bounds.
    """

    base_color: float
    metallic: float
    roughness: float
    light: float
    background: int

    def __post_init__(self) -> None:
        for name in ("base_color", "metallic", "roughness"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        if not 0 <= self.light < math.inf:
            raise UserError(f"light: expected a finite intensity of 0 or more, got {self.light}")
        if self.background not in range(256):
            raise UserError(f"background: expected a whole grey value from 0 to 255, got {self.background}")


def grey_table() -> np.ndarray:
    """The picture's value of a linear intensity: gamma 2.2 as in pyrender's shader, rounded to a whole number.

    A table, because a power per sample would cost half of the shading, and because the C library's power may differ
    in the last bit between machines. From a value of 2 on, it is within 0.6 of the exact one.

    Returns:
        (65536,) uint8, whose entry round(65535 * intensity) is the value of an intensity from 0 to 1.
    """
    return np.floor(255.0 * np.linspace(0.0, 1.0, 65536) ** (1.0 / 2.2) + 0.5).astype(np.uint8)


_GREY = grey_table()


def shade(
    vertices: np.ndarray,
    faces: np.ndarray,
    normals: np.ndarray,
    face_ids: np.ndarray,
    camera: Camera,
    shading: Shading,
    *,
    samples: int,
) -> np.ndarray:
    """The grey value of every sample of a visibility buffer.

    Args:
        vertices: (V, 3) float64, in the camera's world.
        faces: (F, 3) int32, valid indices into `vertices`.
        normals: (V, 3) float64, unit normals, interpolated over the faces.
        face_ids: (H * samples, W * samples) int32, from `renderers.visibility`.
        camera: The camera of the buffer.
        shading: Material, light and background.
        samples: Samples per side of a pixel in the buffer.

    Returns:
        (H * samples, W * samples) uint8.
    """
    # Floats whatever the caller wrote, so that nothing is compiled twice.
    material = (
        *map(float, (shading.base_color, shading.metallic, shading.roughness, shading.light)),
        shading.background,
    )
    camera_arrays = pixel_grid(camera, samples)
    return _shade_samples(vertices, normals, faces.view(np.uint32), face_ids, *camera_arrays, material, _GREY)


# Functions that call each other stay in one file: renderers.visibility says why.
@njit(cache=True)
def _shade_samples(vertices, normals, faces, face_ids, rotation, position, intrinsics, material, grey_values):
    """The grey value of every sample, (rows, columns) uint8."""
    base_color, metallic, roughness, light, background = material
    rows, columns = face_ids.shape
    grey = np.empty((rows, columns), dtype=np.uint8)
    for row in range(rows):
        up = (intrinsics[3] - (row + 0.5)) / intrinsics[1]
        for column in range(columns):
            face = face_ids[row, column]
            if face < 0:
                grey[row, column] = background
                continue
            right = (column + 0.5 - intrinsics[2]) / intrinsics[0]
            ray = (
                rotation[0, 0] * right + rotation[0, 1] * up - rotation[0, 2],
                rotation[1, 0] * right + rotation[1, 1] * up - rotation[1, 2],
                rotation[2, 0] * right + rotation[2, 1] * up - rotation[2, 2],
            )
            i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
            from_front, weight_j, weight_k = _hit(vertices, i, j, k, position, ray)
            weight_i = 1.0 - weight_j - weight_k
            nx = weight_i * normals[i, 0] + weight_j * normals[j, 0] + weight_k * normals[k, 0]
            ny = weight_i * normals[i, 1] + weight_j * normals[j, 1] + weight_k * normals[k, 1]
            nz = weight_i * normals[i, 2] + weight_j * normals[j, 2] + weight_k * normals[k, 2]
            length = math.sqrt(nx * nx + ny * ny + nz * nz)
            if length == 0.0:
                length = 1.0
            if not from_front:
                length = -length
            # The light shines along the camera's line of sight, so it comes from the camera's backward direction.
            ray_length = math.sqrt(1.0 + right * right + up * up)
            n_dot_l = (nx * rotation[0, 2] + ny * rotation[1, 2] + nz * rotation[2, 2]) / length
            n_dot_v = -(nx * ray[0] + ny * ray[1] + nz * ray[2]) / (length * ray_length)
            linear = light * reflected(n_dot_l, n_dot_v, 1.0 / ray_length, base_color, metallic, roughness)
            grey[row, column] = grey_values[int(65535.0 * min(linear, 1.0) + 0.5)]
    return grey


@njit(cache=True)
def _hit(vertices, i, j, k, origin, ray):
    """Where a ray meets the plane of a face: whether from the front, and the barycentric weights of corners j and k.

    Möller and Trumbore, Fast, Minimum Storage Ray/Triangle Intersection (1997). The weights are clamped to the face,
    which a sample on the border of its snapped twin may just miss.
    """
    ax, ay, az = vertices[i, 0], vertices[i, 1], vertices[i, 2]
    ux, uy, uz = vertices[j, 0] - ax, vertices[j, 1] - ay, vertices[j, 2] - az
    vx, vy, vz = vertices[k, 0] - ax, vertices[k, 1] - ay, vertices[k, 2] - az
    px, py, pz = ray[1] * vz - ray[2] * vy, ray[2] * vx - ray[0] * vz, ray[0] * vy - ray[1] * vx
    determinant = ux * px + uy * py + uz * pz
    if determinant == 0.0:
        return True, 1.0 / 3.0, 1.0 / 3.0
    sx, sy, sz = origin[0] - ax, origin[1] - ay, origin[2] - az
    qx, qy, qz = sy * uz - sz * uy, sz * ux - sx * uz, sx * uy - sy * ux
    weight_j = min(max((sx * px + sy * py + sz * pz) / determinant, 0.0), 1.0)
    weight_k = min(max((ray[0] * qx + ray[1] * qy + ray[2] * qz) / determinant, 0.0), 1.0 - weight_j)
    return determinant > 0.0, weight_j, weight_k


@njit(cache=True)
def reflected(
    n_dot_l: float, n_dot_v: float, l_dot_v: float, base_color: float, metallic: float, roughness: float
) -> float:
    """Light that a surface element sends to the eye, per unit of light intensity, linear.

    The metallic-roughness model of glTF 2.0, appendix B (Lambert; Trowbridge-Reitz D, Smith G, Schlick F), in the
    variant of pyrender 0.1.45's `mesh.frag`: k = (roughness + 1)²/8 in G, |n·v|, the cosines n·l and n·v at least
    0.001, 0.001 added to the denominator of the specular term.

    Args:
        n_dot_l: Cosine between the normal and the direction to the light.
        n_dot_v: Cosine between the normal and the direction to the eye.
        l_dot_v: Cosine between these two directions.
        base_color: As in `Shading`.
        metallic: As in `Shading`.
        roughness: As in `Shading`.
    """
    roughness = max(roughness, 0.04)
    f0 = 0.04 * (1.0 - metallic) + base_color * metallic
    diffuse_color = base_color * (1.0 - 0.04) * (1.0 - metallic)
    # The half vector is h = (l + v)/|l + v|, so its cosines follow from the three given ones.
    sum_length = math.sqrt(2.0 + 2.0 * l_dot_v)
    v_dot_h = min(0.5 * sum_length, 1.0)
    n_dot_h = min(max((n_dot_l + n_dot_v) / sum_length, 0.0), 1.0)
    n_dot_l = min(max(n_dot_l, 0.001), 1.0)
    n_dot_v = min(max(abs(n_dot_v), 0.001), 1.0)
    fresnel_base = 1.0 - v_dot_h
    square = fresnel_base * fresnel_base
    fresnel = f0 + (1.0 - f0) * square * square * fresnel_base
    k = (roughness + 1.0) * (roughness + 1.0) / 8.0
    occlusion = n_dot_v / (n_dot_v * (1.0 - k) + k) * (n_dot_l / (n_dot_l * (1.0 - k) + k))
    alpha_squared = roughness * roughness * roughness * roughness
    spread = n_dot_h * n_dot_h * (alpha_squared - 1.0) + 1.0
    distribution = alpha_squared / (math.pi * spread * spread)
    specular = fresnel * occlusion * distribution / (4.0 * n_dot_l * n_dot_v + 0.001)
    return n_dot_l * ((1.0 - fresnel) * diffuse_color / math.pi + specular)
