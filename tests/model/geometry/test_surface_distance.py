import numpy as np
import pytest
import torch

from model.geometry.surface_distance import SPACING, surface_distances


def test_distances_to_a_plane_between_its_points_and_beyond_its_end() -> None:
    grid = torch.cartesian_prod(*2 * [torch.arange(11) * 2 * SPACING])
    surface = torch.cat([grid, torch.zeros(len(grid), 1)], dim=1)
    normals = torch.tensor([0.0, 0, 1]).expand_as(surface)
    points = torch.tensor([[5 * SPACING, 4 * SPACING, 0.01], [4 * SPACING, 4 * SPACING, -0.02], [24 * SPACING, 0, 0.0]])
    found = surface_distances(points, surface, normals)
    np.testing.assert_allclose(found, [0.01, 0.02, 3 * SPACING], atol=1e-6)
    assert found.dtype == torch.float32
    assert found[2] == pytest.approx(4 * SPACING - SPACING, abs=1e-6), "from the border, less half a spacing"
