"""The search of CUDA, on the CPU: the kernel in Triton's interpreter, and the fallback as it is."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from model.geometry import neighbours_cuda

SIZES = ((1, 1, 1), (2, 70, 33), (3, 5, 1500), (1, 130, 700))  # cases, queries, targets
INTERPRET = """
import sys
import numpy as np
import torch
from model.geometry.neighbours_cuda import _with_triton
inputs = np.load(sys.argv[1])
clouds = {name: torch.from_numpy(inputs[name]) for name in inputs}
found = {name[1:]: _with_triton(clouds[name], clouds["t" + name[1:]], False) for name in clouds if name[0] == "q"}
found["other"] = _with_triton(clouds["q1"], clouds["q1"], True)
np.savez(sys.argv[2], **{name: index.numpy() for name, index in found.items()})
"""


def clouds() -> dict[str, torch.Tensor]:
    """Queries q0, q1 ... and targets t0, t1 ...; of the latter half are doubles of the others, one cloud is padded."""
    generator = torch.Generator().manual_seed(0)
    made = {}
    for number, (cases, queries, targets) in enumerate(SIZES):
        made[f"q{number}"] = torch.randn(cases, queries, 3, generator=generator)
        target = torch.randn(cases, targets, 3, generator=generator)
        target[:, targets - targets // 2 :] = target[:, : targets // 2]
        made[f"t{number}"] = target
    made["q1"][:, 35:] = made["q1"][:, :35]
    made["t2"][1, 900:] = torch.inf
    return made


def first_nearest(queries: torch.Tensor, targets: torch.Tensor, *, other: bool = False) -> torch.Tensor:
    """By brute force; of equally near ones the first."""
    squares = sum((queries[:, :, None, axis] - targets[:, None, :, axis]) ** 2 for axis in range(3))
    if other:
        squares.diagonal(dim1=1, dim2=2).fill_(torch.inf)
    least = squares.min(dim=2, keepdim=True).values
    return torch.where(squares == least, torch.arange(targets.shape[1]), targets.shape[1]).min(dim=2).values


@pytest.mark.skipif(neighbours_cuda.triton is None, reason="no Triton")
def test_the_kernel_finds_the_first_of_the_nearest(tmp_path: Path) -> None:
    made = clouds()
    np.savez(tmp_path / "clouds.npz", **{name: cloud.numpy() for name, cloud in made.items()})
    # Triton decides at its import whether it interprets.
    subprocess.run(
        [sys.executable, "-c", INTERPRET, tmp_path / "clouds.npz", tmp_path / "found.npz"],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        check=True,
    )
    found = np.load(tmp_path / "found.npz")
    for number in range(len(SIZES)):
        expected = first_nearest(made[f"q{number}"], made[f"t{number}"])
        assert np.array_equal(found[str(number)], expected)
    assert np.array_equal(found["other"], first_nearest(made["q1"], made["q1"], other=True))


def test_the_fallback_finds_the_first_of_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours_cuda, "FALLBACK_PAIRS", 10_000)  # several rounds
    made = clouds()
    made["q0"], made["t0"] = torch.zeros(1, 40, 3), torch.zeros(1, 900, 3)  # no block is nearer than another
    made["t3"] += 1000  # far away, where products say little
    for number in range(len(SIZES)):
        queries, targets = made[f"q{number}"], made[f"t{number}"]
        assert torch.equal(neighbours_cuda._with_torch(queries, targets, False), first_nearest(queries, targets))
    expected = first_nearest(made["q1"], made["q1"], other=True)
    assert torch.equal(neighbours_cuda._with_torch(made["q1"], made["q1"], True), expected)
