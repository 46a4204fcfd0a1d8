"""A toy task small enough to be learnt in seconds: the radius of a ring, seen as the size of a disc."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from model.cases.case import Case
from model.networks.cloud import CloudConfig, CloudNetwork
from model.networks.views import seeded

KWARGS: dict[str, Any] = {
    "encoder": "test_efficientnet",
    "image_size": 32,
    "views": 3,
    "width": 16,
    "heads": 2,
    "modulator_scale": 0.1,
    "hidden": 32,
    "dropout": 0.0,
    "points": 64,
    "initial_cloud": "none",
    "matched_points": 64,
}


def new_network(seed: int, **kwargs: Any) -> CloudNetwork:
    """A cloud network with random weights that the seed decides."""
    with seeded(seed):
        return CloudNetwork(CloudConfig(**kwargs))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are slower on several threads, and much slower where other programs use the cores too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def kwargs() -> dict[str, Any]:
    """The config of a tiny network."""
    return dict(KWARGS)


@pytest.fixture(scope="session")
def cases() -> list[Case]:
    """Three rings of 200 points, with three equal pictures each: a disc of the ring's size."""
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    rows, columns = np.mgrid[:32, :32] - 15.5
    made = []
    for number, radius in enumerate((0.3, 0.6, 0.9)):
        points = radius * np.stack([np.cos(angle), np.sin(angle), np.zeros(200)], axis=1)
        view = np.where(np.hypot(rows, columns) < 16 * radius, 60, 255).astype(np.uint8)
        made.append(Case(f"ring{number}", np.stack([view] * 3), np.ones(3, bool), points.astype(np.float32), 40.0))
    return made
