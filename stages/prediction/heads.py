"""Reads what was fitted to a network's weights after its training."""

from pathlib import Path
from typing import TYPE_CHECKING

from stages.runtime.workspace import ERROR_HEAD, RADIUS_ESTIMATOR, is_export

if TYPE_CHECKING:
    from model.networks.base import JawNetwork


def read_heads(network: "JawNetwork", folder: Path, weights_sha256: str) -> None:
    """Give the network of a model's folder the heads that were fitted to these weights: the folder's own or reports/'s.

    Raises:
        UserError: a file is damaged, or of another version.
    """
    from model.reconstruction.error_head import read_error_head
    from model.reconstruction.radius_estimator import read_radius_estimator

    own = is_export(folder)
    error_head, radius_estimator = (folder / path.name if own else path for path in (ERROR_HEAD, RADIUS_ESTIMATOR))
    network.error_head = read_error_head(error_head, weights_sha256)
    network.radius_estimator = read_radius_estimator(radius_estimator, weights_sha256)
