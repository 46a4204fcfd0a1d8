from pathlib import Path

import numpy as np
import pytest
import timm
from safetensors.torch import save_file

from model.metrics.image_features import BACKBONE, ImageFeatures
from scans.errors import UserError


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "some.safetensors"
    save_file(timm.create_model(BACKBONE, pretrained=False).state_dict(), path)
    return path


def test_a_vector_for_each_view_that_its_picture_alone_decides(weights: Path) -> None:
    network = ImageFeatures(32, weights)
    first, second = np.random.default_rng(0).integers(0, 255, (2, 3, 32, 32), dtype=np.uint8)
    found = network.of([first, second])
    assert found.shape == (2, 3, 1280)
    assert network.of([]).shape == (0, 0, 1280)
    assert np.allclose(network.of([first[::-1].copy()])[0], found[0, ::-1], atol=1e-5)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file({"a": timm.create_model(BACKBONE).state_dict()["conv_stem.weight"]}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="not weights of mobilenetv2_100"):
        ImageFeatures(32, tmp_path / "other.safetensors")
