"""A trained model for scripts: pictures in, a jaw in millimetres out.

from stages.prediction.jaw_model import load_model
jaw = load_model("pretrained").reconstruct("pictures/anna")
jaw.points, jaw.mesh, jaw.labels
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scans.errors import UserError
from stages.prediction.jaw import Jaw, reconstruct
from stages.prediction.picture_file import in_style
from stages.prediction.picture_folder import Pictures, fitted, read_pictures
from stages.prediction.trained import Trained, load_trained
from stages.runtime.workspace import PRETRAINED, pretrained_folder

if TYPE_CHECKING:
    import numpy as np

    from scans.cameras import Camera


def load_model(folder: str | Path | None = None) -> "JawModel":
    """The model of a folder that `tenview export` wrote.

    Args:
        folder: "pretrained" is the model that comes with Tenview, wherever you are; None is the project's own one, or
            that.

    Raises:
        UserError: a file is missing or damaged.
    """
    if folder is not None:
        folder = Path(folder)
        folder = pretrained_folder() if folder == PRETRAINED else folder
    return JawModel(load_trained(folder))


@dataclass(frozen=True, slots=True)
class JawModel:
    """A trained model.

    Attributes:
        trained: its network, params and calibration.
    """

    trained: Trained

    def reconstruct(
        self,
        pictures: "str | Path | Sequence[np.ndarray | None]",
        *,
        missing: Collection[int] | None = (),
        cameras: str | Path | None = None,
        points: int = 50_000,
        radius: float | None = None,
        seed: int = 0,
    ) -> Jaw:
        """Reconstruct a jaw, as `tenview predict` does, on the CPU.

        Args:
            pictures: a folder with view_00, view_01, …; or an array for each view in order, (H, W) or (H, W, 3) RGB
                uint8 of any size, None where there is no picture.
            missing: numbers of the views that a folder lacks; None takes what is there.
            cameras: a rig as CSV or transforms.json, in the order of the views; None takes the model's own. A
                transforms.json in the folder goes first.
            points: number of points.
            radius: the jaw's radius in mm, if known; else its size is a guess.
            seed: of the points' sampling.

        Raises:
            UserError: the pictures can't be used; `tenview predict` says the same of them.
        """
        render = self.trained.params.render
        rig = self._rig(cameras)
        if isinstance(pictures, str | Path):
            folder = Path(pictures)
            found = read_pictures(folder, folder.name, rig, missing, render)
        else:
            found = self._fitted(pictures, rig)
        return reconstruct(found, self.trained, points=points, seed=seed, radius=radius)[0]

    def _rig(self, cameras: str | Path | None) -> "list[Camera]":
        from renderers.rigs.rig_files import read_rig

        own = self.trained.rig
        return own if cameras is None else read_rig(Path(cameras), image_size=own[0].height)

    def _fitted(self, pictures: "Sequence[np.ndarray | None]", rig: "list[Camera]") -> Pictures:
        import numpy as np

        render = self.trained.params.render
        if len(pictures) != len(rig):
            raise UserError(f"pictures: {len(pictures)} for {len(rig)} cameras. Put None where there is no picture")
        if all(picture is None for picture in pictures):
            raise UserError("pictures: all are None. Give some of the views")

        def checked() -> "Iterator[tuple[int, Path, np.ndarray]]":
            for number, picture in enumerate(pictures):
                if picture is None:
                    continue
                name = Path(f"picture {number}")
                pixels = np.asarray(picture)
                if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,)):
                    raise UserError(
                        f"{name}: {pixels.dtype} of shape {pixels.shape}. Give (H, W) or (H, W, 3) RGB of type uint8"
                    )
                yield number, name, in_style(pixels, colour=render.style == "colour")

        return fitted("jaw", checked(), rig, render, {}, [])
