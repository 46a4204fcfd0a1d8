"""Cameras, a material and meshes for the renderers' tests."""

import math

import lightning_fabric  # noqa: F401  # loads Triton's LLVM; if Mesa's came first, the process would die of it
import numpy as np
import pytest
import trimesh

from renderers.rasteriser.shading import Shading


@pytest.fixture
def shading() -> Shading:
    """pyrender's default material under a light that shows no white."""
    return Shading(base_colour=0.3, metallic=0.2, roughness=0.8, light=5.0, background=255)


@pytest.fixture(scope="session")
def bumpy() -> tuple[np.ndarray, np.ndarray]:
    """A closed bumpy ball in the unit sphere, 20,480 faces."""
    ball = trimesh.creation.icosphere(subdivisions=5)
    x, y, z = np.asarray(ball.vertices).T
    radius = 0.85 + 0.08 * np.sin(9 * x + 1) * np.cos(7 * y) + 0.06 * np.sin(11 * z + 2 * x)
    return np.asarray(ball.vertices) * radius[:, None], np.asarray(ball.faces, dtype=np.int32)


@pytest.fixture(scope="session")
def grey():
    """Picture value by the vector form of the shader: unit vectors to the normal, the light and the eye."""

    def value(n: np.ndarray, to_light: np.ndarray, v: np.ndarray, *, light: float) -> float:
        base, metallic, roughness = 0.3, 0.2, 0.8
        h = (to_light + v) / np.linalg.norm(to_light + v)
        nl, nv = max(n @ to_light, 0.001), max(abs(n @ v), 0.001)
        f0 = 0.04 + (base - 0.04) * metallic
        fresnel = f0 + (1 - f0) * (1 - v @ h) ** 5
        k = (roughness + 1) ** 2 / 8
        smith = nv / (nv * (1 - k) + k) * nl / (nl * (1 - k) + k)
        alpha = roughness**2
        ggx = alpha**2 / (math.pi * (max(n @ h, 0) ** 2 * (alpha**2 - 1) + 1) ** 2)
        diffuse = (1 - fresnel) * base * 0.96 * (1 - metallic) / math.pi
        linear = light * nl * (diffuse + fresnel * smith * ggx / (4 * nl * nv + 0.001))
        return 255 * min(linear, 1.0) ** (1 / 2.2)

    return value
