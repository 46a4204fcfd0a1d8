"""Material, light, and deferred shading of a visibility buffer.

Samples of a pixel that show one face, or faces that share a corner, are shaded once, at their mean position, from the
exact (unsnapped) triangle and its interpolated normal; the pixel is the mean of its samples. Lighting is two-sided:
normals of back faces are flipped.
"""

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from scans.cameras import Camera
from scans.elementary import power
from scans.errors import UserError
from scans.vectors import norm
from scans.visibility import MIDDLE_COLUMN, ROTATED_COLUMNS, lens_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Shading:
    """A grey material under one directional light that shines along the camera's line of sight.

    Attributes:
        base_colour: Linear grey of the material, 0 to 1 (pyrender's default material: 0.3).
        metallic: 0 for a dielectric to 1 for a metal (pyrender: 0.2).
        roughness: Perceptual roughness, 0 to 1; under 0.04 it counts as 0.04 (pyrender: 0.8).
        light: Intensity of the light, not negative; picture values grow with its 1/2.2th power.
        background: Grey value of the picture where there is no jaw, 0 to 255.

    Raises:
        UserError: A value is out of its bounds.
    """

    base_colour: float
    metallic: float
    roughness: float
    light: float
    background: int

    def __post_init__(self) -> None:
        for name in ("base_colour", "metallic", "roughness"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        _check_light(self.light, self.background)

    @property
    def materials(self) -> np.ndarray:
        """(1, 3) float64: base colour, metallic, roughness."""
        return np.array([(self.base_colour, self.metallic, self.roughness)], dtype=np.float64)

    @property
    def lights(self) -> np.ndarray:
        """(5,) float64: direction to the light in the camera's frame, its intensity, and that of the ambient light."""
        return np.array((0.0, 0.0, 1.0, self.light, 0.0))


@dataclass(frozen=True, kw_only=True, slots=True)
class ColourShading:
    """Two materials, teeth and gingiva, under a directional and an ambient light.

    Attributes:
        gingiva: Linear RGB of the gingiva, 0 to 1.
        teeth: Linear RGB of the teeth, 0 to 1.
        gingiva_roughness: Perceptual roughness of the gingiva, 0 to 1.
        teeth_roughness: That of the teeth.
        direction: To the light, a unit vector in the camera's frame (+x right, +y up, +z to the camera).
        light: Intensity of the light, not negative.
        ambient: Intensity of the ambient light, as a fraction of the base colour.
        background: Grey value of the picture where there is no jaw, 0 to 255.

    Raises:
        UserError: A value is out of its bounds.
    """

    gingiva: tuple[float, float, float]
    teeth: tuple[float, float, float]
    gingiva_roughness: float
    teeth_roughness: float
    direction: tuple[float, float, float]
    light: float
    ambient: float
    background: int

    def __post_init__(self) -> None:
        for name in ("gingiva", "teeth", "gingiva_roughness", "teeth_roughness", "ambient"):
            values = np.atleast_1d(getattr(self, name))
            if not ((values >= 0) & (values <= 1)).all():
                raise UserError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        if not abs(norm(np.array(self.direction)) - 1) < 1e-9:
            raise UserError(f"direction: expected a vector of length 1, got {self.direction}")
        _check_light(self.light, self.background)

    @property
    def materials(self) -> np.ndarray:
        """(2, 5) float64, gingiva and teeth: base colour, metallic (none), roughness."""
        rows = (*self.gingiva, 0.0, self.gingiva_roughness), (*self.teeth, 0.0, self.teeth_roughness)
        return np.array(rows, dtype=np.float64)

    @property
    def lights(self) -> np.ndarray:
        """(5,) float64: direction to the light in the camera's frame, its intensity, and that of the ambient light."""
        return np.array((*self.direction, self.light, self.ambient), dtype=np.float64)


def _check_light(light: float, background: int) -> None:
    if not 0 <= light < math.inf:
        raise UserError(f"light: expected a finite intensity of 0 or more, got {light}")
    if background not in range(256):
        raise UserError(f"background: expected a whole grey value from 0 to 255, got {background}")


def grey_table() -> np.ndarray:
    """The picture's value of a linear intensity: gamma 2.2 as in pyrender's shader, rounded to a whole number.

    A table, because a power per sample would cost half of the shading. From a value of 2 on, it is within 0.6 of the
    exact one.

    Returns:
        (65536,) uint8, whose entry round(65535 * intensity) is the value of an intensity from 0 to 1.
    """
    return np.floor(255.0 * power(np.linspace(0.0, 1.0, 65536), 1.0 / 2.2) + 0.5).astype(np.uint8)


_GREY = grey_table()


def shade(
    vertices: np.ndarray,
    faces: np.ndarray,
    normals: np.ndarray,
    teeth: np.ndarray,
    face_ids: np.ndarray,
    camera: Camera,
    shading: Shading | ColourShading,
    *,
    samples: int,
) -> np.ndarray:
    """Shade a visibility buffer.

    Args:
        vertices: (V, 3) float64, in the camera's world.
        faces: (F, 3) int32, valid indices into `vertices`.
        normals: (V, 3) float64, unit normals, interpolated over the faces.
        teeth: (V,) float64, 1 on teeth and 0 on gingiva, interpolated likewise; looked at for `ColourShading` alone.
        face_ids: (H * samples, W) int32, from `scans.visibility`.
        camera: The camera of the buffer.
        shading: Materials, light and background.
        samples: Samples per pixel in the buffer, 1 or 4.

    Returns:
        (H, W) uint8 for `Shading`, (H, W, 3) RGB for `ColourShading`.
    """
    materials = shading.materials
    channels = materials.shape[1] - 2
    image = np.empty((len(face_ids) // samples, face_ids.shape[1], channels), dtype=np.uint8)
    columns = np.array(ROTATED_COLUMNS if samples == 4 else MIDDLE_COLUMN)
    lit = materials, shading.lights, shading.background, _GREY
    _shade_pixels(vertices, normals, teeth, faces.view(np.uint32), face_ids, lens_of(camera), columns, *lit, image)
    return image if channels > 1 else image[:, :, 0]


def corner_weights(
    vertices: np.ndarray, faces: np.ndarray, face_ids: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray]:
    """Barycentric coordinates of pixel centres on their faces.

    Args:
        vertices: (V, 3) float64, in the camera's world.
        faces: (F, 3) int32, valid indices into `vertices`.
        face_ids: (H, W) int32, from `scans.visibility` with one sample per pixel.
        camera: The camera of the buffer.

    Returns:
        weights: (H, W, 3) float64, barycentric weights of the face's corners, 0 where there is no face.
        from_front: (H, W) bool, whether the face is seen from the side from which its corners run counter-clockwise.
    """
    weights = np.zeros((*face_ids.shape, 3))
    from_front = np.ones(face_ids.shape, dtype=np.bool_)
    _weigh_corners(vertices, faces.view(np.uint32), face_ids, lens_of(camera), weights, from_front)
    return weights, from_front


@njit(cache=True, error_model="numpy")
def _shade_pixels(
    vertices, normals, teeth, faces, face_ids, lens, columns, materials, lights, background, grey_values, image
):
    """Fills in the picture, (H, W, channels) uint8."""
    samples = len(columns)
    height, width, channels = image.shape
    left, total = np.empty(samples, dtype=np.int32), np.empty(channels, dtype=np.int64)
    material = materials[0].copy()
    lx = lens.right[0] * lights[0] + lens.up[0] * lights[1] + lens.backward[0] * lights[2]
    ly = lens.right[1] * lights[0] + lens.up[1] * lights[1] + lens.backward[1] * lights[2]
    lz = lens.right[2] * lights[0] + lens.up[2] * lights[1] + lens.backward[2] * lights[2]
    for row in range(height):
        for column in range(width):
            empty = 0
            for sample in range(samples):
                left[sample] = face_ids[row * samples + sample, column]
                empty += left[sample] < 0
            for channel in range(channels):
                total[channel] = samples // 2 + empty * background
            sample = 0 if empty < samples else samples
            while sample < samples:
                face = left[sample]
                sample += 1
                if face < 0:
                    continue
                # The samples that show it, or a face that shares a corner with it: the surface is smooth across.
                i, j, k = faces[face, 0], faces[face, 1], faces[face, 2]
                count, x, y = 1, columns[sample - 1], sample - 1.0
                for other in range(sample, samples):
                    beside = left[other]
                    if beside >= 0:
                        a, b, c = faces[beside, 0], faces[beside, 1], faces[beside, 2]
                        if (
                            (a == i)
                            | (a == j)
                            | (a == k)
                            | (b == i)
                            | (b == j)
                            | (b == k)
                            | (c == i)
                            | (c == j)
                            | (c == k)
                        ):
                            count += 1
                            x += columns[other]
                            y += other
                            left[other] = -1
                x, y = column + x / count, row + (y / count + 0.5) / samples
                origin, ray = _line_of_sight(lens, x, y)
                from_front, weight_j, weight_k = _hit(vertices, i, j, k, origin, ray)
                weight_i = 1.0 - weight_j - weight_k
                nx = weight_i * normals[i, 0] + weight_j * normals[j, 0] + weight_k * normals[k, 0]
                ny = weight_i * normals[i, 1] + weight_j * normals[j, 1] + weight_k * normals[k, 1]
                nz = weight_i * normals[i, 2] + weight_j * normals[j, 2] + weight_k * normals[k, 2]
                length = math.sqrt(nx * nx + ny * ny + nz * nz)
                if length == 0.0:
                    length = 1.0
                if not from_front:
                    length = -length
                if len(materials) > 1:
                    tooth = weight_i * teeth[i] + weight_j * teeth[j] + weight_k * teeth[k]
                    for entry in range(len(material)):
                        material[entry] = (1.0 - tooth) * materials[0, entry] + tooth * materials[1, entry]
                ray_inverse = 1.0 / math.sqrt(ray[0] * ray[0] + ray[1] * ray[1] + ray[2] * ray[2])
                n_dot_l = (nx * lx + ny * ly + nz * lz) / length
                n_dot_v = -(nx * ray[0] + ny * ray[1] + nz * ray[2]) / length * ray_inverse
                l_dot_v = -(lx * ray[0] + ly * ray[1] + lz * ray[2]) * ray_inverse
                cosine, schlick, lobe = _geometry(n_dot_l, n_dot_v, l_dot_v, material[channels + 1])
                for channel in range(channels):
                    colour = material[channel]
                    reflectance = _reflectance(schlick, lobe, colour, material[channels])
                    linear = lights[3] * cosine * reflectance + lights[4] * colour
                    total[channel] += count * grey_values[int(65535.0 * min(linear, 1.0) + 0.5)]
            for channel in range(channels):
                image[row, column, channel] = total[channel] // samples


@njit(cache=True, error_model="numpy")
def _weigh_corners(vertices, faces, face_ids, lens, weights, from_front):
    for row in range(face_ids.shape[0]):
        for column in range(face_ids.shape[1]):
            face = face_ids[row, column]
            if face >= 0:
                origin, ray = _line_of_sight(lens, column + 0.5, row + 0.5)
                front, weight_j, weight_k = _hit(vertices, faces[face, 0], faces[face, 1], faces[face, 2], origin, ray)
                from_front[row, column] = front
                weights[row, column, 0] = 1.0 - weight_j - weight_k
                weights[row, column, 1] = weight_j
                weights[row, column, 2] = weight_k


@njit(cache=True, error_model="numpy")
def _line_of_sight(lens, x, y):
    """Where the line of sight through a point of the picture starts, and its direction."""
    right, up = (x - lens.cx) / lens.fx, (lens.cy - y) / lens.fy
    ax = lens.right[0] * right + lens.up[0] * up
    ay = lens.right[1] * right + lens.up[1] * up
    az = lens.right[2] * right + lens.up[2] * up
    px, py, pz = lens.position
    bx, by, bz = lens.backward
    if lens.perspective:
        return (px, py, pz), (ax - bx, ay - by, az - bz)
    return (px + ax, py + ay, pz + az), (-bx, -by, -bz)


@njit(cache=True, error_model="numpy")
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


@njit(cache=True, error_model="numpy")
def reflected(
    n_dot_l: float, n_dot_v: float, l_dot_v: float, base_colour: float, metallic: float, roughness: float
) -> float:
    """Light that a surface element sends to the eye, per unit of light intensity, linear.

    The metallic-roughness model of glTF 2.0, appendix B (Lambert; Trowbridge-Reitz D, Smith G, Schlick F), in the
    variant of pyrender 0.1.45's `mesh.frag`: k = (roughness + 1)²/8 in G, |n·v|, the cosines n·l and n·v at least
    0.001, 0.001 added to the denominator of the specular term.

    Args:
        n_dot_l: Cosine between the normal and the direction to the light.
        n_dot_v: Cosine between the normal and the direction to the eye.
        l_dot_v: Cosine between these two directions.
        base_colour: As in `Shading`.
        metallic: As in `Shading`.
        roughness: As in `Shading`.
    """
    cosine, schlick, lobe = _geometry(n_dot_l, n_dot_v, l_dot_v, roughness)
    return cosine * _reflectance(schlick, lobe, base_colour, metallic)


@njit(cache=True, error_model="numpy")
def _geometry(n_dot_l, n_dot_v, l_dot_v, roughness):
    """What all colours share: the cosine to the light, Schlick's (1 - v·h)⁵, and G·D over 4 n·l n·v."""
    roughness = max(roughness, 0.04)
    # The half vector is h = (l + v)/|l + v|, so its cosines follow from the three given ones.
    sum_length = math.sqrt(max(2.0 + 2.0 * l_dot_v, 1e-12))
    n_dot_h = min(max((n_dot_l + n_dot_v) / sum_length, 0.0), 1.0)
    n_dot_l = min(max(n_dot_l, 0.001), 1.0)
    n_dot_v = min(max(abs(n_dot_v), 0.001), 1.0)
    fresnel_base = 1.0 - min(0.5 * sum_length, 1.0)
    square = fresnel_base * fresnel_base
    k = (roughness + 1.0) * (roughness + 1.0) / 8.0
    alpha_squared = roughness * roughness * roughness * roughness
    spread = n_dot_h * n_dot_h * (alpha_squared - 1.0) + 1.0
    # One division for the three of G, D and the denominator: they would cost a third of the shading.
    occlusion_below = (n_dot_v * (1.0 - k) + k) * (n_dot_l * (1.0 - k) + k)
    below = occlusion_below * math.pi * spread * spread * (4.0 * n_dot_l * n_dot_v + 0.001)
    return n_dot_l, square * square * fresnel_base, n_dot_v * n_dot_l * alpha_squared / below


@njit(cache=True, error_model="numpy")
def _reflectance(schlick, lobe, base_colour, metallic):
    """Diffuse and specular reflection of a colour."""
    f0 = 0.04 * (1.0 - metallic) + base_colour * metallic
    fresnel = f0 + (1.0 - f0) * schlick
    return (1.0 - fresnel) * base_colour * ((1.0 - 0.04) * (1.0 - metallic) / math.pi) + fresnel * lobe
