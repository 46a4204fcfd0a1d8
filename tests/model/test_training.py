import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.case import Case
from model.checkpoint import load_checkpoint
from model.losses import LossWeights
from model.mean_arch import mean_arch
from model.metrics import measure
from model.network import Network, new_network
from model.prediction import predict
from model.training import Progress, TrainingConfig, learning_rate, train
from scans.errors import UserError

CONFIG = TrainingConfig(
    epochs=3,
    batch_size=2,
    learning_rate=3e-3,
    weight_decay=1e-4,
    warmup=0.1,
    clip_norm=1.0,
    patience=100,
    loss=(LossWeights(0, 1.0, 0.0),),
    accelerator="cpu",
    precision="32-true",
    seed=0,
    params_digest="abc",
)


def config(**changes: Any) -> TrainingConfig:
    return dataclasses.replace(CONFIG, **changes)


def ignore(_: Progress) -> None:
    pass


def started(kwargs: dict[str, Any], cases: list[Case]) -> Network:
    network = new_network(0, **kwargs)
    cloud = mean_arch([case.points for case in cases], kwargs["points"], seed=0)
    network.decoder.start_from(torch.from_numpy(cloud), spread=0.1)
    return network


def test_it_learns_to_see_and_beats_the_cloud_it_started_from(
    kwargs: dict[str, Any], cases: list[Case], tmp_path: Path
) -> None:
    history = train(started(kwargs, cases), cases, cases, config(epochs=60, batch_size=3), tmp_path, ignore)
    network, description = load_checkpoint(tmp_path / "network.safetensors")
    assert not network.training
    clouds = predict(network, np.stack([case.views for case in cases]))
    scores = [measure(cloud, case.points, case.radius) for cloud, case in zip(clouds, cases, strict=True)]
    f = float(np.mean([score["f_035"] for score in scores]))
    assert history[0]["f_035"] < 0.5 < 0.8 < f
    assert f == pytest.approx(max(entry["f_035"] for entry in history))
    assert description["history"][-1]["f_035"] == pytest.approx(f)
    lines = [json.loads(line) for line in (tmp_path / "epochs.jsonl").read_text().splitlines()]
    assert lines == history
    assert [line["epoch"] for line in lines] == list(range(61))


def test_the_same_seed_gives_the_same_bytes(kwargs: dict[str, Any], cases: list[Case], tmp_path: Path) -> None:
    written = []
    for run, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.manual_seed(hash(run))
        train(
            started(kwargs | {"dropout": 0.3}, cases), cases, cases, config(seed=seed, epochs=2), tmp_path / run, ignore
        )
        written.append({path.name: path.read_bytes() for path in sorted((tmp_path / run).iterdir())})
    assert written[0].keys() == {"epochs.jsonl", "network.json", "network.safetensors"}
    assert written[0] == written[1]
    assert written[0]["epochs.jsonl"] != written[2]["epochs.jsonl"]


def test_every_step_is_reported(kwargs: dict[str, Any], cases: list[Case], tmp_path: Path) -> None:
    seen: list[Progress] = []
    train(started(kwargs, cases), cases, cases, CONFIG, tmp_path, seen.append)
    assert [(p.epoch, p.step) for p in seen] == [(1, 1), (1, 2), (2, 3), (2, 4), (3, 5), (3, 6)]
    assert {(p.epochs, p.steps) for p in seen} == {(3, 6)}
    assert all(np.isfinite(p.loss) for p in seen)


def test_it_stops_when_validation_no_longer_improves(kwargs: dict[str, Any], cases: list[Case], tmp_path: Path) -> None:
    # Validation on a surface far away can't improve: F stays 0.
    far = [dataclasses.replace(case, points=case.points + 50) for case in cases]
    history = train(started(kwargs, cases), cases, far, config(epochs=30, patience=2), tmp_path, ignore)
    assert len(history) == 1 + 2
    kept, _ = load_checkpoint(tmp_path / "network.safetensors")
    assert torch.equal(kept.decoder.basis.weight, started(kwargs, cases).decoder.basis.weight)


def test_the_losses_follow_the_schedule(kwargs: dict[str, Any], cases: list[Case], tmp_path: Path) -> None:
    schedule = (LossWeights(0, 0.3, 0.7), LossWeights(2, 1.0, 0.0))
    history = train(started(kwargs, cases), cases, cases, config(loss=schedule), tmp_path, ignore)
    for entry in history[1:3]:
        assert entry["train_loss"] == pytest.approx(0.3 * entry["train_chamfer"] + 0.7 * entry["train_l1"])
    assert history[3]["train_loss"] == history[3]["train_chamfer"]
    assert history[3]["train_l1"] == 0


def test_a_prediction_that_is_not_finite_names_the_case_and_keeps_the_weights(
    kwargs: dict[str, Any], cases: list[Case], tmp_path: Path
) -> None:
    network = started(kwargs, cases)
    broken: list[bool] = []

    def spoil(_: object, inputs: tuple[torch.Tensor], output: torch.Tensor) -> torch.Tensor:
        # The darkest pictures are those of the largest ring.
        largest = inputs[0].float().mean(dim=(1, 2)) < 150
        broken.append(network.training and bool(largest.any()))
        return output.masked_fill(largest[:, None] & network.training, torch.nan)

    network.encoder.register_forward_hook(spoil)
    with pytest.raises(UserError, match=r"not finite for ring2\. .*learning_rate"):
        train(network, cases, cases, CONFIG, tmp_path, ignore)
    assert any(broken)
    kept, _ = load_checkpoint(tmp_path / "network.safetensors")
    assert all(torch.isfinite(value).all() for value in kept.state_dict().values())


def test_without_cases_there_is_no_training(kwargs: dict[str, Any], cases: list[Case], tmp_path: Path) -> None:
    for training, validation in (([], cases), (cases, [])):
        with pytest.raises(UserError, match="at least one"):
            train(new_network(0, **kwargs), training, validation, CONFIG, tmp_path, ignore)


def test_the_rate_rises_then_falls_to_zero_over_the_whole_run() -> None:
    rates = [learning_rate(step, 100, config(learning_rate=1.0, warmup=0.1)) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == 1.0
    assert all(a > b for a, b in itertools.pairwise(rates[10:]))
    assert 0 < rates[99] < 1e-3
    assert learning_rate(0, 1, config(learning_rate=1.0, warmup=0.0)) == 1.0


def test_decay_does_not_pull_at_the_initial_cloud(kwargs: dict[str, Any], cases: list[Case], tmp_path: Path) -> None:
    network = started(kwargs, cases)
    before = network.decoder.basis.bias.clone()
    # Without loss weight on anything that moves, only decay could change it; a tiny rate leaves the gradient out.
    train(network, cases, cases, config(learning_rate=1e-9, weight_decay=1e6, epochs=1), tmp_path, ignore)
    torch.testing.assert_close(network.decoder.basis.bias, before, rtol=0, atol=1e-6)
    assert network.decoder.basis.weight.norm() < 0.999 * started(kwargs, cases).decoder.basis.weight.norm()
