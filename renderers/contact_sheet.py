"""Contact sheets: one picture of many cases, a row per case and a column per view."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from scans.errors import UserError

_PAPER, _INK = 255, 0


def contact_sheet(cases: Mapping[str, Sequence[np.ndarray | None]]) -> np.ndarray:
    """Compose views of cases, with the view numbers above the columns and the case ids above the rows.

    Args:
        cases: The pictures of each case by its id, in the order of the rows: (H, W) or (H, W, 3) uint8, all of one
            shape, and as many for each case; None where the case does not show the view.

    Returns:
        (rows, columns) or (rows, columns, 3) uint8, the same for the same input. The pictures keep their pixels.

    Raises:
        UserError: There is no case, or the pictures differ in number or size.
    """
    counts = {len(pictures) for pictures in cases.values()}
    shapes = {view.shape for pictures in cases.values() for view in pictures if view is not None}
    if len(counts) != 1 or len(shapes) != 1 or len(shape := shapes.pop()) not in (2, 3):
        raise UserError(
            f"contact sheet: expected at least one case, and pictures of one size and number for all, got "
            f"{ {case: [getattr(view, 'shape', None) for view in pictures] for case, pictures in cases.items()} }"
        )
    count, (height, width, *channels) = counts.pop(), shape
    gap = max(4, width // 28)
    line = min(max(width // 9, 14), 24)
    rows, columns = line + gap + len(cases) * (line + height + gap), gap + count * (width + gap)
    sheet = np.full((rows, columns, *channels), _PAPER, dtype=np.uint8)
    for view in range(count):
        _write(sheet, f"view {view}", top=gap // 2, left=gap + view * (width + gap), height=line, width=width)
    for row, (case_id, pictures) in enumerate(cases.items()):
        top = line + gap + row * (line + height + gap)
        _write(sheet, case_id, top=top, left=gap, height=line, width=columns - 2 * gap)
        for view, picture in enumerate(pictures):
            left = gap + view * (width + gap)
            if picture is not None:
                sheet[top + line : top + line + height, left : left + width] = picture
    return sheet


def _write(sheet: np.ndarray, text: str, *, top: int, left: int, height: int, width: int) -> None:
    """Write a line of text into a box, cut off at its right border."""
    box = np.full((height, width), _PAPER, dtype=np.uint8)
    # Hershey's capitals are 21 units high at scale 1; three fifths of the line leave room for descenders.
    scale = 0.6 * height / 21
    cv2.putText(box, text, (0, height * 3 // 4), cv2.FONT_HERSHEY_SIMPLEX, scale, _INK, 1, cv2.LINE_AA)
    sheet[top : top + height, left : left + width] = box if sheet.ndim == 2 else box[:, :, None]
