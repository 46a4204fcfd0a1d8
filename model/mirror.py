"""A jaw seen in a mirror: another jaw that might be, with pictures that might have been taken of it."""

from dataclasses import replace

import numpy as np

from model.case import Case
from scans.mesh import LABELS

LEFT_RIGHT = np.diag([-1.0, 1.0, 1.0, 1.0])  # of the normalised frame as of a camera's own: x changes its sign
OTHER_SIDE = np.arange(256, dtype=np.uint8)  # FDI 1x and 2x, 3x and 4x, are the patient's right and left
for label in LABELS[1:]:
    OTHER_SIDE[label] = label + 10 if label // 10 % 2 else label - 10


def mirrored(case: Case) -> Case:
    """The jaw with left and right exchanged.

    Each picture is turned over, and its camera moves to where it would have been taken of the mirrored jaw.

    Args:
        case: with cameras.
    """
    if case.cameras is None:
        raise ValueError(f"case {case.id} has no cameras, without which its pictures can't be mirrored")
    cameras = case.cameras.copy()
    poses = cameras[:, :16].reshape(-1, 4, 4)
    # Columns right, up, backward: in the turned picture right is what left was.
    cameras[:, :16] = (LEFT_RIGHT @ poses @ LEFT_RIGHT).reshape(-1, 16)
    cameras[:, 18] = cameras[:, 20] - cameras[:, 18]  # cx from the other border
    flip = np.array([-1, 1, 1], np.float32)
    return replace(
        case,
        views=np.ascontiguousarray(case.views[:, :, ::-1]),
        cameras=cameras,
        points=case.points * flip,
        normals=None if case.normals is None else case.normals * flip,
        labels=None if case.labels is None else OTHER_SIDE[case.labels],
    )
