"""Scans from any scanner's axes and units into Teeth3DS's frame: millimetres, crowns to +z, incisors at -y."""

import dataclasses

import numpy as np

from scans.errors import ScanError, UserError
from scans.mesh import Mesh

AXES = {
    f"{sign}{name}": np.array([float(f"{sign}1") if k == axis else 0.0 for k in range(3)])
    for axis, name in enumerate("xyz")
    for sign in "+-"
}

# An arch measures 50 to 75 mm across (its molars stand 58 ± 5 mm apart) and 40 to 60 mm from front to back. The bounds
# leave room for parts of an arch and for trimmed bases, and none for another unit.
SMALLEST_EXTENT, LARGEST_EXTENT = 25.0, 150.0
USUAL_EXTENT = 65.0
USUAL_EXTENTS = 45.0, 100.0  # of whole arches, however they lie
UNITS = {"metres": 1000.0, "centimetres": 10.0, "inches": 25.4, "micrometres": 0.001}


def rotation(crowns: str, incisors: str) -> np.ndarray:
    """The turn that brings a scan's axes into the frame.

    Args:
        crowns: the axis that the crowns point to: "+x", "-x", "+y", "-y", "+z" or "-z".
        incisors: the axis that the incisors lie at, seen from the molars.

    Returns:
        (3, 3) rotation R, entries 0, 1 and −1, determinant 1: v' = R v.

    Raises:
        UserError: a name is none of the six, or the two are parallel.
    """
    for name, axis in (("crowns", crowns), ("incisors", incisors)):
        if axis not in AXES:
            raise UserError(f"{name}: {axis!r} is no axis. Use one of {', '.join(AXES)}")
    if crowns[1] == incisors[1]:
        raise UserError(
            f"crowns {crowns} and incisors {incisors} lie on the same axis. "
            "Crowns point up out of the gum, incisors lie at the front: look at one scan and name two different axes"
        )
    z, y = AXES[crowns], -AXES[incisors]
    return np.stack([np.cross(y, z), y, z]) + 0.0  # no negative zeros


def turn(mesh: Mesh, matrix: np.ndarray) -> Mesh:
    """Rotate a mesh, v' = R v.

    A rotation of axes into axes permutes the coordinates and changes signs, so it is exact.
    """
    if np.isin(matrix, (-1, 0, 1)).all():
        sources = np.abs(matrix).argmax(axis=1)
        vertices = mesh.vertices[:, sources] * matrix[np.arange(3), sources]
    else:  # no matrix product: its rounding depends on the machine
        x, y, z = mesh.vertices.T
        vertices = np.stack([row[0] * x + row[1] * y + row[2] * z for row in matrix], axis=1)
    return dataclasses.replace(mesh, vertices=vertices)


def to_millimetres(mesh: Mesh, millimetres_per_unit: float) -> Mesh:
    """A mesh in millimetres.

    Raises:
        UserError: the unit is not positive.
    """
    if not 0 < millimetres_per_unit < np.inf:
        raise UserError(f"millimetres_per_unit must be positive, found {millimetres_per_unit}")
    return dataclasses.replace(mesh, vertices=mesh.vertices * millimetres_per_unit)


def find_unit(mesh: Mesh, source: object = "the scan") -> float:
    """Millimetres per unit of a scan, by its size.

    Args:
        mesh: clean, in its own unit.
        source: the file, for the message.

    Raises:
        ScanError: no unit, or more than one, makes it as large as a jaw.
    """
    extent = _extent(mesh)
    units = {"millimetres": 1.0, **UNITS}
    for smallest, largest in (USUAL_EXTENTS, (SMALLEST_EXTENT, LARGEST_EXTENT)):
        fitting = [unit for unit in units if smallest <= extent * units[unit] <= largest]
        if len(fitting) == 1:
            return units[fitting[0]]
        if fitting:
            break
    reason = f"its unit may be {' or '.join(fitting)}" if fitting else "no usual unit makes it as large as a jaw"
    raise ScanError(
        f"{source}: it measures {extent:.4g} units, and {reason}. Set millimetres_per_unit "
        "(download.directory in params.yaml, or --millimetres-per-unit of predict), or check that it is one jaw"
    )


def check_size(mesh: Mesh, source: object = "the scan") -> None:
    """Refuse a scan whose size can't be a jaw's in millimetres.

    Args:
        mesh: after `to_millimetres` and `scans.preparing.cleaning.clean`, for a stray vertex would count.
        source: the file, for the message.

    Raises:
        ScanError: the largest extent is outside 25 to 150 mm; the message guesses the unit.
    """
    extent = _extent(mesh)
    if SMALLEST_EXTENT <= extent <= LARGEST_EXTENT:
        return
    sized = f"{source}: it measures {extent:.4g} mm, and a jaw {SMALLEST_EXTENT:.0f} to {LARGEST_EXTENT:.0f} mm"
    fitting = [unit for unit in UNITS if SMALLEST_EXTENT <= extent * UNITS[unit] <= LARGEST_EXTENT]
    if fitting:
        unit = min(fitting, key=lambda unit: abs(np.log(extent * UNITS[unit] / USUAL_EXTENT)))
        raise ScanError(
            f"{sized}. It looks as if its unit were {unit}: multiply millimetres_per_unit by {UNITS[unit]:g}"
        )
    raise ScanError(f"{sized}. Check the unit (millimetres_per_unit), and that it is one jaw without stray parts")


def _extent(mesh: Mesh) -> float:
    """The largest extent along an axis."""
    finite = mesh.vertices[np.isfinite(mesh.vertices).all(axis=1)]
    return float(np.ptp(finite, axis=0).max()) if len(finite) else 0.0
