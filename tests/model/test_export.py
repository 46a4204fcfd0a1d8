from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.export import export_onnx
from tests.model.conftest import new_network

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


@pytest.mark.slow
@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_onnx_gives_what_torch_gives_for_any_batch_and_views(
    colour: bool, kwargs: dict[str, Any], tmp_path: Path
) -> None:
    network = new_network(0, **kwargs).train()
    export_onnx(network, tmp_path / "network.onnx", colour=colour)
    assert network.training
    network.eval()
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx", providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_inputs()] == ["views", "view_mask"]
    chance = np.random.default_rng(0)
    for batch, shown in ((1, 3), (4, 2), (2, 1)):
        views = np.zeros((batch, 3, 32, 32, *([3] if colour else [])), np.uint8)
        view_mask = np.zeros((batch, 3), bool)
        views[:, :shown] = chance.integers(0, 256, (batch, shown, *views.shape[2:]))
        view_mask[:, :shown] = chance.random((batch, shown)) < 0.6
        view_mask[:, 0] = True
        with torch.inference_mode():
            wanted = network(torch.from_numpy(views), torch.from_numpy(view_mask)).numpy()
        (points,) = session.run(None, {"views": views[:, :shown], "view_mask": view_mask[:, :shown]})
        np.testing.assert_allclose(points, wanted, atol=1e-4)
