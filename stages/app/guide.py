"""Which view is which: the views of the model's rig in words, and a sample jaw as they show it.

The sample is generated, and no model has seen it; its pictures are what a user's should look like, and can be tried.
"""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from stages.params.tree import RenderParams
from stages.prediction.trained import params_and_rig
from stages.runtime.workspace import model_folder

if TYPE_CHECKING:
    from scans.cameras import Camera

SAMPLE_SEED, SAMPLE = 2700, "sample-34"  # of the generated jaw: all its teeth but the third molars, and no base
LARGER = 2  # times the size that the model sees: larger pictures give finer crops
_drawing = Lock()


@dataclass(frozen=True)
class View:
    """A view of the guide.

    Attributes:
        name: what its picture is to be called, without a suffix.
        words: from where it is taken.
        place: the same in degrees, as camera files count them.
        aspect: width of its picture by its height.
    """

    name: str
    words: str
    place: str
    aspect: float


def views_of_model() -> tuple[list[View], int]:
    """The views of the model that is used now, and the grey value of their background.

    Raises:
        UserError: its params or its camera file can't be read.
    """
    render, rig = _render_and_rig()
    views = []
    for number, camera in enumerate(rig):
        azimuth, elevation = _angles(camera)
        place = f"azimuth {azimuth:.0f}°, elevation {elevation:.0f}°".replace("-", "−")
        views.append(View(f"view_{number:02d}", in_words(azimuth, elevation), place, camera.width / camera.height))
    return views, render.background


def picture(number: int) -> bytes | None:
    """PNG of the sample jaw as view `number` of the model shows it, whole; None where there is no such view.

    Raises:
        UserError: the model's params or its camera file can't be read.
    """
    from scans.cameras import camera_array

    render, rig = _render_and_rig()
    with _drawing:  # the page asks for all pictures at once, and the first request draws them
        pictures = _pictures(render.model_dump_json(), camera_array(rig).tobytes())
    return pictures[number] if number < len(pictures) else None


def in_words(azimuth: float, elevation: float) -> str:
    """From where a camera sees the jaw, by its angles in degrees as camera files count them."""
    side, away = "right" if azimuth > 0 else "left", abs(azimuth)
    if elevation > 75:
        return "from above, onto the crowns"
    if elevation < -60:
        return "from below"
    if elevation > 40:
        return f"onto the crowns from the {_side(side, away)}"
    if away <= 10:
        return "front: the incisors"
    if away <= 60:
        return f"front {side} of the patient"
    if away <= 100:
        return f"the patient’s {side} cheek side"
    if away <= 150:
        return f"behind, {side}"
    return f"behind, {side} of the middle" if away <= 175 else "behind"


def _side(side: str, away: float) -> str:
    if away <= 10:
        return "front"
    if away <= 60:
        return f"front {side}"
    return side if away <= 120 else "back"


def _angles(camera: "Camera") -> tuple[float, float]:
    """Azimuth and elevation of a camera in degrees, as `renderers.rigs.rigs.around_the_jaw` takes them."""
    x, y, z = camera.position.tolist()
    return math.degrees(math.atan2(x, -y)), math.degrees(math.atan2(z, math.hypot(x, y)))


def _render_and_rig() -> "tuple[RenderParams, list[Camera]]":
    params, rig = params_and_rig(model_folder(tell=lambda _: None))
    return params.render, rig


@lru_cache(maxsize=1)
def _pictures(render_json: str, cameras: bytes) -> list[bytes]:
    """All pictures; a few seconds, most of them for compiling the rasteriser or reading what was compiled."""
    import numpy as np

    from renderers.render import render_views
    from scans.cameras import CAMERA_VECTOR_SIZE, cameras_from_array
    from scans.preparing.normalise import center_and_radius, normalise
    from scans.shards.png import encode_png
    from scans.synthetic.jaw import make_jaw
    from stages.per_case.render_case import shading_of

    render = RenderParams.model_validate_json(render_json)
    rig = cameras_from_array(np.frombuffer(cameras).reshape(-1, CAMERA_VECTOR_SIZE))
    mesh = make_jaw(SAMPLE_SEED, SAMPLE)
    vertices = normalise(mesh.vertices, *center_and_radius(mesh.vertices)).astype(np.float32)
    shading = shading_of(render, SAMPLE)
    larger = [_larger(camera) for camera in rig]
    views = render_views(vertices, mesh.faces, larger, shading, backend="numba", samples=4, labels=mesh.labels)
    return [encode_png(view) for view in views]


def _larger(camera: "Camera") -> "Camera":
    sizes = {name: LARGER * getattr(camera, name) for name in ("fx", "fy", "cx", "cy", "width", "height")}
    return replace(camera, **sizes)
