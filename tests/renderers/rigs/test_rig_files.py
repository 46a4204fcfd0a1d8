import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from renderers.rigs.rig_files import read_rig
from renderers.rigs.transforms import transforms_json
from scans.cameras import Camera, camera_array, look_at_origin
from scans.cameras import project as project_points
from scans.errors import UserError

HEADER = "azimuth,elevation,distance,field_of_view"


def read(folder: Path, text: str, name: str = "rig.csv") -> list[Camera]:
    (folder / name).write_text(text)
    return read_rig(folder / name, image_size=96)


def write_json(folder: Path, cameras: list[Camera]) -> Path:
    path = folder / "rig.json"
    path.write_text(json.dumps(transforms_json(cameras, ["a.png"] * len(cameras))))
    return path


def test_a_list_can_be_the_ten(rig: list[Camera], tmp_path: Path) -> None:
    lines = [f"{40 * view},20,3,40" for view in range(9)]
    cameras = read(tmp_path, "\n".join([HEADER, *lines, "180,90,3,40"]))
    np.testing.assert_array_equal(camera_array(cameras[:9]), camera_array(rig[:9]))
    np.testing.assert_allclose(camera_array(cameras), camera_array(rig), atol=1e-12)


def test_what_the_render_stage_writes_is_a_camera_file(rig: list[Camera], tmp_path: Path) -> None:
    cameras = read_rig(write_json(tmp_path, rig), image_size=96)
    np.testing.assert_array_equal(camera_array(cameras), camera_array(rig))


def test_the_height_of_an_orthographic_picture_is_in_jaw_radii(tmp_path: Path) -> None:
    text = "\ufeffazimuth, elevation, distance, half_height, field_of_view\r\n0, 0, 3, 1.2,\r\n90, 0, 3, , 40\r\n"
    front, right = read(tmp_path, text)
    assert front.orthographic
    assert front.fx == front.fy == 96 / 2.4
    assert not right.orthographic
    np.testing.assert_allclose(front.position, (0, -3, 0), atol=1e-12)
    np.testing.assert_allclose(right.position, (3, 0, 0), atol=1e-12)


def test_the_clinics_cameras_stand_before_the_jaw_and_show_all_of_it(project: Path) -> None:
    cameras = read_rig(project / "rigs/clinic.csv", image_size=96)
    right, front, up = np.stack([camera.position for camera in cameras]).T * [[1], [-1], [1]]
    azimuth, elevation = np.degrees([np.arctan2(right, front), np.arctan2(up, np.hypot(right, front))])
    assert len(cameras) == 10
    assert np.abs(azimuth).max() < 36, "cheeks stop a camera that goes farther round"
    assert elevation.min() > -9, "a camera under the palate would stand in the head"
    assert elevation.max() < 81
    assert np.linalg.norm([right, front, up], axis=0).min() > 1.7, "outside the jaw, and not nearer than photographs"
    # What the first four are: those that orthodontists take of an upper jaw.
    np.testing.assert_allclose(azimuth[:4], (0, 28, -28, 0), atol=1e-9)
    np.testing.assert_allclose(elevation[:4], (-5, -3, -3, 50), atol=1e-9)
    sphere = np.random.default_rng(0).normal(size=(1000, 3))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    for camera in camera_array(cameras):
        uv, depth = project_points(sphere, camera)
        seen = uv[depth < np.linalg.norm(camera[[3, 7, 11]])]
        assert 0 < seen.min() < seen.max() < 96


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "first line must name the columns azimuth"),
        ("azimuth;elevation;distance;field_of_view\n1;2;3;4", "separated by commas"),
        ("azimuth,elevation,distance,fov\n1,2,3,4", "first line must name the columns"),
        ("azimuth,azimuth,elevation,distance,half_height\n1,1,2,3,4", "first line must name the columns"),
        (HEADER, "0 cameras; a rig has 1 to 256"),
        (HEADER + "\n0,20,3,40" * 10_000, "10000 cameras; a rig has 1 to 256"),
        (HEADER + "\n0,20,3,40\n0,20,3", "line 3: not as many values"),
        (HEADER + "\n0,20,3,40\n\n0,20,3,40,50", "line 4: not as many values"),
        (HEADER + "\n0,20,,40", "line 2: no distance"),
        (HEADER + "\n0,20,3,", "line 2: give either a field_of_view"),
        (HEADER + ",half_height\n0,20,3,40,1", "line 2: give either a field_of_view"),
        (HEADER + "\n0,20,three,40", "line 2: .*three"),
        (HEADER + "\nnan,20,3,40", "line 2: azimuth must lie"),
        (HEADER + "\n0,91,3,40", "line 2: .*elevation within -90"),
        (HEADER + "\n0,20,0.9,40", "line 2: distance must lie within 1.05 and 10000 jaw radii, not 0.9"),
        (HEADER + "\n0,20,inf,40", "line 2: distance"),
        (HEADER + "\n0,20,3,0", "line 2: field_of_view must lie"),
        (HEADER + "\n0,20,3,180", "line 2: field_of_view must lie"),
        ("azimuth,elevation,distance,half_height\n0,20,3,0", "line 2: half_height must lie"),
        (HEADER + "\n\x00", "line 2: |can't be read as CSV"),
        (HEADER + "\n" + "1" * 200_000, "can't be read as CSV: field larger"),
    ],
)
def test_a_broken_list_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=rf"rig\.csv: .*({message})"):
        read(tmp_path, text)


@pytest.mark.parametrize("text", ["{", "", "[" * 100_000, "frames: []"])
def test_what_is_no_json_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match=r"rig\.json: can't be read as JSON"):
        read(tmp_path, text, "rig.json")


def test_files_that_are_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.json: no such file; .* holds no camera file"):
        read_rig(tmp_path / "a.json", image_size=96)
    read(tmp_path, HEADER + "\n0,20,3,40", "ten.csv")
    with pytest.raises(UserError, match=r"a\.json: no such file; .* holds ten\.csv"):
        read_rig(tmp_path / "a.json", image_size=96)
    for name in ("b.json", "b.csv"):
        (tmp_path / name).write_bytes(b"\xff\xfe\x00")
        with pytest.raises(UserError, match=rf"{name}: can't be read as"):
            read_rig(tmp_path / name, image_size=96)
    (tmp_path / "c.csv").mkdir()
    with pytest.raises(UserError, match=r"c\.csv: can't be read as CSV"):
        read_rig(tmp_path / "c.csv", image_size=96)


def at(camera: Camera, position: tuple[float, float, float]) -> Camera:
    transform = camera.transform.copy()
    transform[:3, 3] = position
    return replace(camera, transform=transform)


def turned(camera: Camera, degrees: float) -> Camera:
    """The camera turned to its left, in its place."""
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[cosine, 0, sine, 0], [0, 1, 0, 0], [-sine, 0, cosine, 0], [0, 0, 0, 1]])
    return replace(camera, transform=camera.transform @ turn)


def test_a_camera_in_the_jaw_or_far_off_is_refused(rig: list[Camera], tmp_path: Path) -> None:
    for position, away in (
        ((0, 0, 0), "0"),
        ((0, 0.5, 0.5), "0.707"),
        ((0, 0, 2e4), "2e\\+04"),
        ((1e200, 0, 0), "1e\\+200"),
    ):
        path = write_json(tmp_path, [*rig[:4], at(rig[4], position)])
        with pytest.raises(UserError, match=rf"rig\.json: frame 4: the camera stands {away} jaw radii"):
            read_rig(path, image_size=96)


@pytest.mark.parametrize("orthographic", [False, True])
def test_a_camera_that_looks_past_the_jaw_is_refused(rig: list[Camera], tmp_path: Path, orthographic: bool) -> None:
    """At distance 3, the unit sphere reaches over a border of 20 degrees up to 20 + 19.47 degrees off.

    The orthographic ones have half a height of 1.5 and see the sphere until the origin is 2.5 beside their axis, that
    is, 3 * sin(56.4 degrees).
    """
    fx = 48 / 1.5 if orthographic else rig[0].fx
    edge = np.degrees(np.arcsin(2.5 / 3)) if orthographic else 20 + np.degrees(np.arcsin(1 / 3))
    for camera in (rig[2], rig[9]):
        camera = replace(camera, fx=fx, fy=fx, orthographic=orthographic)
        for sign in (-1, 1):
            (kept,) = read_rig(write_json(tmp_path, [turned(camera, sign * (edge - 0.1))]), image_size=96)
            assert kept.orthographic == orthographic
            for degrees in (edge + 0.1, 90, 180):
                path = write_json(tmp_path, [camera, turned(camera, sign * degrees)])
                with pytest.raises(UserError, match=r"rig\.json: frame 1: the camera looks past the jaw"):
                    read_rig(path, image_size=96)


def test_a_shifted_picture_may_miss_the_jaw_on_each_side(rig: list[Camera], tmp_path: Path) -> None:
    for shift in ({"cx": 300.0}, {"cx": -300.0}, {"cy": 300.0}, {"cy": -300.0}):
        for orthographic in (False, True):
            camera = replace(rig[0], **shift, orthographic=orthographic)
            with pytest.raises(UserError, match="looks past"):
                read_rig(write_json(tmp_path, [camera]), image_size=96)


def test_pictures_of_different_shapes_are_refused(rig: list[Camera], tmp_path: Path) -> None:
    path = write_json(tmp_path, [rig[0], replace(rig[1], width=48)])
    with pytest.raises(UserError, match=r"rig\.json: frame 1: its picture has another shape"):
        read_rig(path, image_size=96)


def test_a_near_camera_that_does_not_look_at_the_centre_is_fine(rig: list[Camera], tmp_path: Path) -> None:
    near = replace(rig[0], transform=look_at_origin((0, -1.1, 0), (0, 0, 1)))
    assert len(read_rig(write_json(tmp_path, [turned(near, 60)]), image_size=96)) == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_json_in_any_encoding_of_unicode(rig: list[Camera], tmp_path: Path, encoding: str) -> None:
    path = write_json(tmp_path, rig)
    path.write_bytes(path.read_text().encode(encoding))
    np.testing.assert_array_equal(camera_array(read_rig(path, image_size=96)), camera_array(rig))
    path.rename(tmp_path / "RIG.JSON")
    assert len(read_rig(tmp_path / "RIG.JSON", image_size=96)) == len(rig)


def moved(camera: Camera, factor: float) -> Camera:
    transform = camera.transform.copy()
    transform[:3, 3] *= factor
    return replace(camera, transform=transform)


def test_positions_in_millimetres_are_refused_and_a_long_lens_is_not(rig: list[Camera], tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"frame 0: the jaw would fill 2\.3% of the picture.*jaw radii.*milli- or centimetres"
    ):
        read_rig(write_json(tmp_path, [moved(camera, 40) for camera in rig]), image_size=96)
    with pytest.raises(UserError, match=r"frame 0: the jaw would fill 22\.9% of the picture"):
        read_rig(write_json(tmp_path, [moved(camera, 4) for camera in rig]), image_size=96)
    long = [replace(moved(camera, 40), fx=40 * camera.fx, fy=40 * camera.fy) for camera in rig]
    assert len(read_rig(write_json(tmp_path, long), image_size=96)) == 10
    flat = [replace(moved(camera, 40), orthographic=True) for camera in rig]
    assert len(read_rig(write_json(tmp_path, flat), image_size=96)) == 10


def test_world_to_camera_matrices_are_refused(rig: list[Camera], tmp_path: Path) -> None:
    inverse = [replace(camera, transform=np.linalg.inv(camera.transform)) for camera in rig]
    with pytest.raises(UserError, match="all 10 cameras stand in one place: world-to-camera matrices, most likely"):
        read_rig(write_json(tmp_path, inverse), image_size=96)
    assert len(read_rig(write_json(tmp_path, [rig[0], rig[0]]), image_size=96)) == 2, (
        "one camera twice is no such thing"
    )
