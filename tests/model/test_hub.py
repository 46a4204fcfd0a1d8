from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.hub import from_pretrained
from model.networks.checkpoint import load_checkpoint, save_checkpoint
from model.reconstruction.error_head import ERROR_HEAD, ErrorHead, write_error_head
from model.reconstruction.radius_estimator import RADIUS_ESTIMATOR, RadiusEstimator, write_radius_estimator
from scans.errors import UserError
from tests.model.conftest import new_network


def test_a_folder_gives_its_network(kwargs: dict[str, Any], tmp_path: Path) -> None:
    save_checkpoint(new_network(3, **kwargs), tmp_path / "network.safetensors", params_digest="", history=[])
    views = torch.rand(1, 3, 32, 32)
    assert torch.equal(from_pretrained(tmp_path)(views), new_network(3, **kwargs).eval()(views))


def test_a_hub_repository_is_taken_from_the_cache(
    kwargs: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As huggingface_hub lays it out; without a network, it finds what it has downloaded before."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "models--org--jaws"
    commit = "0" * 40
    (folder / "refs").mkdir(parents=True)
    (folder / "refs/main").write_text(commit)
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    save_checkpoint(new_network(3, **kwargs), snapshot / "network.safetensors", params_digest="", history=[])
    assert from_pretrained("org/jaws").config == new_network(3, **kwargs).config
    with pytest.raises(UserError, match="org/others: no such folder, and not to be had from Hugging Face"):
        from_pretrained("org/others")


def test_the_error_head_comes_along_where_there_is_one(kwargs: dict[str, Any], tmp_path: Path) -> None:
    save_checkpoint(new_network(3, **kwargs), tmp_path / "network.safetensors", params_digest="", history=[])
    digest = load_checkpoint(tmp_path / "network.safetensors")[1]["weights_sha256"]
    assert from_pretrained(tmp_path).error_head is None, "an earlier version's model"
    two, one = np.array([0.0, 1], np.float32), np.ones(1, np.float32)
    head = ErrorHead(two, two + 1, two[:, None], 0 * one, one, np.float32(0), two, two, {})  # tanh of the second column
    write_error_head(head, tmp_path / ERROR_HEAD, digest)
    read = from_pretrained(tmp_path).error_head
    assert read is not None
    np.testing.assert_allclose(read(np.array([[9.0, 1.0], [9.0, 2.0]])), [0, np.tanh(0.5)], rtol=1e-6)


def test_the_radius_estimator_comes_along_where_there_is_one(kwargs: dict[str, Any], tmp_path: Path) -> None:
    save_checkpoint(new_network(3, **kwargs), tmp_path / "network.safetensors", params_digest="", history=[])
    digest = load_checkpoint(tmp_path / "network.safetensors")[1]["weights_sha256"]
    assert from_pretrained(tmp_path).radius_estimator is None, "an earlier version's model"
    sizes = np.zeros(24)
    estimator = RadiusEstimator(np.zeros(25), np.eye(25), sizes, sizes, np.array(0.5), {"jaws": 30})
    write_radius_estimator(estimator, tmp_path / RADIUS_ESTIMATOR, digest)
    read = from_pretrained(tmp_path).radius_estimator
    assert read is not None
    assert (read.share, read.description) == (0.5, {"jaws": 30})


@pytest.mark.parametrize("name", ["nowhere", "a/b/c", "../x y"])
def test_what_is_neither_is_told(name: str) -> None:
    with pytest.raises(UserError, match="no such folder, and no org/name of Hugging Face"):
        from_pretrained(name)
