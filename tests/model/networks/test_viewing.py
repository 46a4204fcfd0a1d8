import numpy as np
import pytest
import torch

from model.networks import viewing
from model.networks.viewing import VIEWING_FEATURES, Viewing, viewing_of
from renderers.rigs.rigs import ring_rig
from scans.cameras import camera_array


def rig(*, orthographic: bool) -> torch.Tensor:
    """(2, 3, 23): three cameras around the jaw with pictures of 64 × 48 pixels, and the same with other centres."""
    cameras = camera_array(
        ring_rig(ring_views=2, elevation=20, distance=3.0, field_of_view=40, image_size=64, order=(0, 1, 2))
    )
    cameras = torch.from_numpy(np.stack([cameras, cameras])).float()
    focal = (15.0, 18.0) if orthographic else (70.0, 55.0)
    cameras[..., 16:] = torch.tensor([*focal, 30.0, 26.0, 64.0, 48.0, orthographic])
    cameras[1, :, 18:20] += 5.0
    return cameras


def test_a_point_by_hand() -> None:
    camera = torch.eye(4)
    camera[2, 3] = 3.0  # at (0, 0, 3), looking down
    cameras = torch.cat([camera.flatten(), torch.tensor([96.0, 96, 32, 32, 64, 64, 0])])[None, None]
    seen = viewing_of(torch.tensor([[[0.5, 0.0, 0.25], [9.0, 0, 0.25]]]), cameras)
    # The focal length is 3 half pictures, the depth 2.75.
    torch.testing.assert_close(seen.uv[0, 0], torch.tensor([[1.5 / 2.75, 0], [27 / 2.75, 0]]))
    direction = torch.tensor([0.5, 0, -2.75]) / np.hypot(0.5, 2.75)
    angles = -0.25 * np.pi * 2.0 ** torch.arange(6)
    expected = torch.cat([direction, torch.tensor([-0.25]), angles.sin(), angles.cos(), torch.ones(2)])
    torch.testing.assert_close(seen.features[0, 0, :, 0], expected, atol=1e-5, rtol=0)
    assert seen.features[0, 0, VIEWING_FEATURES - 1 :, 1].tolist() == [0, 1], "outside the image; the bias' one"


@pytest.mark.parametrize("orthographic", [False, True])
def test_compiled_it_is_the_same(orthographic: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    points = torch.rand(2, 40, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    cameras = rig(orthographic=orthographic)
    place, axis = cameras[0, 0, 3:12:4], cameras[0, 0, 2:11:4]
    points[0, 0], points[0, 1] = place, place + axis + torch.tensor([0.1, 0.2, 0.0])  # at the first camera; behind it
    points[1, 0] = torch.tensor([50.0, 0, 0])
    exact = viewing_of(points.double(), cameras.double())
    differentiable = viewing_of(points.clone().requires_grad_(), cameras)
    assert differentiable.features.requires_grad
    assert 0 < exact.features[:, :, VIEWING_FEATURES - 1].mean() < 1, "some lie within the images, some do not"
    monkeypatch.setattr(viewing, "_viewing_in_pytorch", None)
    for mine, same, theirs in zip(viewing_of(points, cameras), differentiable, exact, strict=True):
        assert mine.shape == theirs.shape
        ordinary = theirs.abs() < 100  # a point at the camera is anywhere in its image
        torch.testing.assert_close(mine.double()[ordinary], theirs[ordinary], atol=1e-3, rtol=1e-5)
        torch.testing.assert_close(mine[ordinary], same.detach()[ordinary], atol=1e-3, rtol=1e-5)


def test_autocast_does_not_round_coordinates() -> None:
    points, cameras = torch.rand(2, 40, 3, requires_grad=True), rig(orthographic=False)
    with torch.autocast("cpu", torch.bfloat16):
        seen = viewing_of(points, cameras)
    torch.testing.assert_close(seen.uv, viewing_of(points, cameras).uv)


def test_points_of_other_cases_are_refused() -> None:
    cameras = rig(orthographic=False)
    for points, cut in ((torch.zeros(3, 4, 3), cameras), (torch.zeros(2, 4, 3), cameras[..., :-1])):
        with pytest.raises(ValueError, match=r"expected points \(B, Q, 3\) and cameras \(B, V, 23\), got"):
            viewing_of(points, cut)


def test_what_is_not_a_number_lies_outside_the_image() -> None:
    seen: Viewing = viewing_of(torch.tensor([[[torch.nan, 0.0, 0.0]]]), rig(orthographic=False)[:1])
    assert seen.features[0, :, VIEWING_FEATURES - 1, 0].tolist() == [0, 0, 0]
    assert seen.features[0, :, 0, 0].isnan().all()
