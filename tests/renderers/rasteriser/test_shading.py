import numpy as np
import pytest

from renderers.rasteriser.shading import Shading, grey_table, reflected
from scans.errors import UserError


def test_reflected_is_the_shader_in_vector_form(grey) -> None:
    directions = np.random.default_rng(0).normal(size=(200, 3, 3))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    for n, to_light, v in directions:
        linear = 5.0 * reflected(n @ to_light, n @ v, to_light @ v, 0.3, 0.2, 0.8)
        assert 255 * min(linear, 1) ** (1 / 2.2) == pytest.approx(grey(n, to_light, v, light=5.0), rel=1e-9)


def test_reflected_head_on_by_hand() -> None:
    # F = f0 = 0.092, G = 1, D = 1/(pi * 0.8^4), diffuse colour 0.3 * 0.96 * 0.8.
    expected = (1 - 0.092) * 0.2304 / np.pi + 0.092 / (np.pi * 0.4096) / 4.001
    assert reflected(1.0, 1.0, 1.0, 0.3, 0.2, 0.8) == pytest.approx(expected, rel=1e-12)


def test_grey_table() -> None:
    table = grey_table()
    assert table[0] == 0
    assert table[-1] == 255
    linear = np.linspace(0, 1, 1_000_003)
    exact = 255 * linear ** (1 / 2.2)
    looked_up = table[(65535 * linear + 0.5).astype(int)]
    assert np.abs(looked_up - exact)[exact >= 2].max() < 0.6
    # No entry is so near to the middle of two values that another C library's power could turn it.
    middle = 255 * np.linspace(0, 1, 65536) ** (1 / 2.2) + 0.5
    assert np.abs(middle - np.round(middle)).min() > 1e-9


@pytest.mark.parametrize(
    ("name", "value"), [("base_colour", 1.1), ("metallic", -0.1), ("roughness", float("nan")), ("light", float("inf"))]
)
def test_values_out_of_bounds_are_named(name: str, value: float) -> None:
    figures = {"base_colour": 0.3, "metallic": 0.2, "roughness": 0.8, "light": 5.0, "background": 255}
    with pytest.raises(UserError, match=name):
        Shading(**{**figures, name: value})
    with pytest.raises(UserError, match="background"):
        Shading(**{**figures, "background": 256})
