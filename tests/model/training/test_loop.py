import dataclasses
import itertools
import json
import signal
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from model.cases.case import Case
from model.losses.schedule import LossStage
from model.metrics.distances import measure
from model.networks.checkpoint import load_checkpoint
from model.networks.cloud import CloudNetwork
from model.networks.field import FieldConfig, FieldNetwork
from model.networks.views import seeded
from model.runtime.fabric import new_fabric
from model.runtime.processes import launch
from model.runtime.stopping import Stopped
from model.training.config import TrainingConfig, learning_rate
from model.training.feed import FREE_MEMORY
from model.training.loop import Progress
from model.training.loop import train as train_in
from model.training.mean_shape import mean_shape
from renderers.rigs.rigs import ring_rig
from scans.cameras import camera_array
from scans.errors import UserError
from tests.model.conftest import new_network
from tests.model.networks.test_field import KWARGS as FIELD_KWARGS

CONFIG = TrainingConfig(
    epochs=3,
    batch_size=2,
    accumulate=1,
    learning_rate=3e-3,
    weight_decay=1e-4,
    warmup_fraction=0.1,
    cosine_epochs=0,
    gradient_clip_norm=1.0,
    ema_decay=0.0,
    view_dropout=0.0,
    min_views=1,
    validation_interval=1,
    monitor="f_035",
    patience=100,
    loss=(LossStage(0, {"chamfer": 1.0}),),
    seed=0,
    params_digest="abc",
)


def config(**changes: Any) -> TrainingConfig:
    return dataclasses.replace(CONFIG, **changes)


def train(*arguments: Any) -> list[dict[str, Any]]:
    """In this process."""
    return train_in(new_fabric(accelerator="cpu", devices=1, precision="32-true"), *arguments)


def ignore(_: Progress) -> None:
    pass


def started(kwargs: dict[str, Any], cases: list[Case]) -> CloudNetwork:
    network = new_network(0, **kwargs)
    cloud = mean_shape([case.points for case in cases], kwargs["points"], rng=np.random.default_rng(0))
    network.decoder.initialise_from(torch.from_numpy(cloud), spread=0.1)
    return network


def test_it_learns_to_see_and_beats_the_cloud_it_started_from(
    kwargs: dict[str, Any], cases: list[Case], tmp_path: Path
) -> None:
    history = train(started(kwargs, cases), cases, cases, config(epochs=60, batch_size=3), tmp_path, ignore)
    network, description = load_checkpoint(tmp_path / "network.safetensors")
    assert not network.training
    clouds = [network.reconstruct(case.views, case.view_mask, None).points for case in cases]
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
    assert written[0].keys() == {"epochs.jsonl", "network.json", "network.safetensors", "state.safetensors"}
    assert written[0] == written[1]
    assert written[0]["epochs.jsonl"] != written[2]["epochs.jsonl"]


def test_validation_every_other_epoch_changes_the_log_alone(
    kwargs: dict[str, Any], cases: list[Case], tmp_path: Path
) -> None:
    every = train(started(kwargs, cases), cases, cases, config(epochs=5), tmp_path / "every", ignore)
    fewer = config(epochs=5, validation_interval=2)
    other = train(started(kwargs, cases), cases, cases, fewer, tmp_path / "other", ignore)
    assert [entry["epoch"] for entry in other] == [0, 2, 4, 5]
    assert other[-1]["f_035"] == every[-1]["f_035"]
    assert other[1]["train_loss"] == pytest.approx((every[1]["train_loss"] + every[2]["train_loss"]) / 2)

    def end(now: Progress) -> None:
        if now.step == 5:  # in the third epoch, which is not validated
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped):
        train(started(kwargs, cases), cases, cases, fewer, tmp_path / "cut", end)
    train(started(kwargs, cases), cases, cases, fewer, tmp_path / "cut", ignore)
    for name in ("epochs.jsonl", "network.safetensors", "state.safetensors"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_no_more_than_an_epoch_is_lost_where_few_are_validated(
    kwargs: dict[str, Any], cases: list[Case], tmp_path: Path
) -> None:
    def kill(now: Progress) -> None:
        if now.step == 8:  # the last of the fourth epoch; of those before only the second was validated
            raise RuntimeError("killed")

    fewer = config(epochs=5, validation_interval=2)
    with pytest.raises(RuntimeError, match="killed"):
        train(started(kwargs, cases), cases, cases, fewer, tmp_path, kill)
    seen: list[int] = []
    train(started(kwargs, cases), cases, cases, fewer, tmp_path, lambda now: seen.append(now.step))
    assert seen == [7, 8, 9, 10]


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
    schedule = (LossStage(0, {"chamfer": 0.3, "l1": 0.7}), LossStage(2, {"chamfer": 1.0, "l1": 0.0}))
    history = train(started(kwargs, cases), cases, cases, config(loss=schedule), tmp_path, ignore)
    for entry in history[1:3]:
        assert entry["train_loss"] == pytest.approx(0.3 * entry["train_chamfer"] + 0.7 * entry["train_l1"])
    assert history[3]["train_loss"] == history[3]["train_chamfer"]
    assert "train_l1" not in history[3]


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
    rates = [learning_rate(step, 100, config(learning_rate=1.0, warmup_fraction=0.1)) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == 1.0
    assert all(a > b for a, b in itertools.pairwise(rates[10:]))
    assert 0 < rates[99] < 1e-3
    assert learning_rate(0, 1, config(learning_rate=1.0, warmup_fraction=0.0)) == 1.0


def test_decay_does_not_pull_at_the_initial_cloud(kwargs: dict[str, Any], cases: list[Case], tmp_path: Path) -> None:
    network = started(kwargs, cases)
    before = network.decoder.basis.bias.clone()
    # Without loss weight on anything that moves, only decay could change it; a tiny rate leaves the gradient out.
    train(network, cases, cases, config(learning_rate=1e-9, weight_decay=1e6, epochs=1), tmp_path, ignore)
    torch.testing.assert_close(network.decoder.basis.bias, before, rtol=0, atol=1e-6)
    assert network.decoder.basis.weight.norm() < 0.999 * started(kwargs, cases).decoder.basis.weight.norm()


@pytest.mark.parametrize("step", [1, 2, 3, 5])
def test_a_training_ended_by_a_signal_goes_on_to_the_same_bytes(
    kwargs: dict[str, Any], cases: list[Case], tmp_path: Path, step: int
) -> None:
    how = config(
        ema_decay=0.9,
        view_dropout=0.5,
        min_views=2,
        loss=(LossStage(0, {"matched": 1.0, "repulsion": 1.0, "chamfer": 1.0}),),
    )
    kwargs |= {"dropout": 0.3}
    train(started(kwargs, cases), cases, cases, how, tmp_path / "whole", ignore)

    def end(now: Progress) -> None:
        if now.step == step:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped):
        train(started(kwargs, cases), cases, cases, how, tmp_path / "cut", end)
    steps: list[int] = []
    train(started(kwargs, cases), cases, cases, how, tmp_path / "cut", lambda now: steps.append(now.step))
    assert steps == list(range(step + 2, 7)), "the step in which the signal came was finished, and is not done again"
    whole, cut = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("whole", "cut"))
    assert whole == cut
    assert [entry["epoch"] for entry in map(json.loads, whole["epochs.jsonl"].splitlines())] == [0, 1, 2, 3]


def test_a_finished_training_has_nothing_left_to_do(kwargs: dict[str, Any], cases: list[Case], tmp_path: Path) -> None:
    first = train(started(kwargs, cases), cases, cases, CONFIG, tmp_path, ignore)
    assert train(started(kwargs, cases), cases, cases, CONFIG, tmp_path, pytest.fail) == first


def test_a_state_of_another_network_is_no_state(kwargs: dict[str, Any], cases: list[Case], tmp_path: Path) -> None:
    train(started(kwargs, cases), cases, cases, CONFIG, tmp_path, ignore)
    steps: list[int] = []
    other = new_network(0, **(kwargs | {"hidden": 8}))
    train(other, cases, cases, CONFIG, tmp_path, lambda now: steps.append(now.step))
    assert steps == [1, 2, 3, 4, 5, 6]
    (tmp_path / "state.safetensors").write_bytes(b"torn")
    train(other, cases, cases, CONFIG, tmp_path, lambda now: steps.append(now.step))
    assert len(steps) == 12


def test_the_moving_average_is_kept_and_follows_slowly(
    kwargs: dict[str, Any], cases: list[Case], tmp_path: Path
) -> None:
    network = started(kwargs, cases)
    before = network.decoder.basis.weight.detach().clone()
    train(network, cases, cases, config(ema_decay=0.99, epochs=20, batch_size=3), tmp_path, ignore)
    kept, _ = load_checkpoint(tmp_path / "network.safetensors")
    moved = (network.decoder.basis.weight - before).norm()
    assert 0 < (kept.decoder.basis.weight - before).norm() < moved


def _alone(fabric: Any, kwargs: dict[str, Any], cases: list[Case], how: TrainingConfig, folder: Path) -> None:
    torch.set_num_threads(1)
    train_in(fabric, started(kwargs, cases), cases, cases, how, folder, ignore)


@pytest.mark.slow
def test_two_processes_learn_what_one_does(kwargs: dict[str, Any], cases: list[Case], tmp_path: Path) -> None:
    how = config(
        batch_size=6,
        accumulate=2,
        ema_decay=0.5,
        view_dropout=0.5,
        loss=(LossStage(0, {"matched": 1.0, "chamfer": 1.0}),),
    )
    six = [dataclasses.replace(case, id=f"{case.id}{n}") for n in range(2) for case in cases]
    kwargs |= {"dropout": 0.3}
    for devices in (1, 2):
        fabric = new_fabric(accelerator="cpu", devices=devices, precision="32-true")
        launch(fabric, _alone, kwargs, six, how, tmp_path / str(devices))
    one, two = (load_file(tmp_path / name / "state.safetensors") for name in "12")
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(
            two[name], value, rtol=1e-3, atol=2e-5, msg=lambda text, name=name: f"{name}: {text}"
        )
    logs = [[json.loads(line) for line in (tmp_path / n / "epochs.jsonl").read_text().splitlines()] for n in "12"]
    assert logs[1][-1]["train_loss"] == pytest.approx(logs[0][-1]["train_loss"], rel=1e-4)


@pytest.mark.slow
def test_what_goes_wrong_in_a_process_is_told(kwargs: dict[str, Any], cases: list[Case], tmp_path: Path) -> None:
    fabric = new_fabric(accelerator="cpu", devices=2, precision="32-true")
    with pytest.raises(UserError, match=r"^compute.devices=2 must divide train.accumulate=1: .*accumulate$"):
        launch(fabric, _alone, kwargs, cases, CONFIG, tmp_path)


def test_too_little_memory_says_what_to_lower(kwargs: dict[str, Any], cases: list[Case], tmp_path: Path) -> None:
    network = started(kwargs, cases)

    def too_much(*_: object) -> None:
        torch.empty(2**55)

    network.encoder.register_forward_hook(too_much)
    with pytest.raises(UserError, match=r"training: too little memory .*Lower train\.batch_size"):
        train(network, cases, cases, CONFIG, tmp_path, ignore)


def test_the_papers_rate_climbs_again() -> None:
    how = config(learning_rate=1.0, warmup_fraction=0.0, epochs=50, cosine_epochs=30)
    rates = [learning_rate(step, 500, how) for step in range(500)]
    assert np.argmin(rates) == 300
    assert rates[499] > 0.7


def field() -> FieldNetwork:
    with seeded(0):
        network = FieldNetwork(FieldConfig(**FIELD_KWARGS | {"seed_points": 200}))
    network.set_priors(torch.rand(200, 3, generator=torch.Generator().manual_seed(0)) - 0.5, float(np.log(40)))
    return network


def surfaces(cases: list[Case]) -> list[Case]:
    """The cases with cameras, normals and labels: rings as thin bands about the z axis, whose normals look outward."""
    rig = ring_rig(ring_views=9, elevation=20, distance=3.0, field_of_view=40, image_size=32, order=tuple(range(10)))
    cameras = camera_array(rig[:3])
    return [
        dataclasses.replace(
            case,
            cameras=cameras,
            normals=case.points / np.linalg.norm(case.points, axis=1, keepdims=True),
            labels=np.full(len(case.points), 11, np.uint8),
        )
        for case in cases
    ]


FIELD = {
    "loss": (
        LossStage(0, {"signed_distance": 1.0, "sign": 0.5, "unsigned_distance": 0.3, "label": 0.05, "radius": 0.1}),
    )
}


@pytest.mark.slow
def test_a_field_is_trained_by_the_same_loop(cases: list[Case], tmp_path: Path) -> None:
    whole = surfaces(cases)
    settings = config(epochs=40, batch_size=3, view_dropout=0.5, min_views=2, ema_decay=0.5, **FIELD)
    history = train(field(), whole, whole[:1], settings, tmp_path, ignore)
    assert history[-1]["train_loss"] < 0.8 * history[1]["train_loss"]
    assert {"train_signed_distance", "train_sign", "train_label"} <= history[-1].keys()
    network, description = load_checkpoint(tmp_path / "network.safetensors")
    assert isinstance(network, FieldNetwork)
    assert description["kind"] == "field"


def test_a_field_goes_on_with_the_same_bytes(cases: list[Case], tmp_path: Path) -> None:
    whole = surfaces(cases)
    settings = config(epochs=2, batch_size=1, view_dropout=0.5, min_views=2, **FIELD)
    train(field(), whole, whole, settings, tmp_path / "unbroken", ignore)

    def stop(now: Progress) -> None:
        if now.step == 4:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped):
        train(field(), whole, whole, settings, tmp_path / "broken", stop)
    train(field(), whole, whole, settings, tmp_path / "broken", ignore)
    for name in ("network.safetensors", "epochs.jsonl"):
        assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "unbroken" / name).read_bytes()


def test_a_field_needs_cases_with_their_surface_and_cameras(cases: list[Case], tmp_path: Path) -> None:
    bare = [dataclasses.replace(case, normals=None) for case in surfaces(cases)]
    with pytest.raises(ValueError, match="no normals or labels"):
        train(field(), bare, bare, config(**FIELD), tmp_path, ignore)
    blind = [dataclasses.replace(case, cameras=None) for case in surfaces(cases)]
    with pytest.raises(ValueError, match="cameras"):
        train(field(), blind, blind, config(**FIELD), tmp_path, ignore)


@pytest.mark.parametrize("kind", ["cloud", "field"])
def test_mixed_precision_trains_and_keeps_float32_weights(
    kind: str, kwargs: dict[str, Any], cases: list[Case], tmp_path: Path
) -> None:
    network = started(kwargs, cases) if kind == "cloud" else field()
    whole = surfaces(cases)
    settings = config(epochs=1, batch_size=3, **({} if kind == "cloud" else FIELD))
    types: set[torch.dtype] = set()
    last = next(module for module in network.modules() if isinstance(module, torch.nn.MultiheadAttention)).out_proj
    network.fusion.project.register_forward_hook(lambda _, __, output: types.add(output.dtype))
    before = last.weight.detach().clone()
    fabric = new_fabric(accelerator="cpu", devices=1, precision="bf16-mixed")
    history = train_in(fabric, network, whole, whole, settings, tmp_path, ignore)
    assert torch.bfloat16 in types, "the training ran in bfloat16"
    assert np.isfinite(history[1]["train_loss"])
    assert not torch.equal(last.weight, before)
    kept, _ = load_checkpoint(tmp_path / "network.safetensors")
    assert {value.dtype for value in kept.state_dict().values() if value.is_floating_point()} == {torch.float32}


class Fresh(Sequence[Case]):
    """Cases that are read anew at each access, as from disk; knows how many of their point clouds are in memory."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self.cases, self.alive, self.most = cases, 0, 0

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, number: int) -> Case:  # type: ignore[override]
        points = self.cases[number].points.copy()
        self.alive += 1
        self.most = max(self.most, self.alive)
        weakref.finalize(points, self._gone)
        return dataclasses.replace(self.cases[number], points=points)

    def _gone(self) -> None:
        self.alive -= 1


@pytest.mark.parametrize("kind", ["cloud", "field"])
def test_where_not_all_cases_fit_only_those_of_a_step_are_in_memory(
    kind: str, kwargs: dict[str, Any], cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FREE_MEMORY, "cpu", 0.0)
    network = started(kwargs, cases) if kind == "cloud" else field()
    many = [dataclasses.replace(case, id=f"{case.id}{n}") for n in range(8) for case in surfaces(cases)]
    train_cases, validation_cases = Fresh(many), Fresh(many[:9])
    settings = config(epochs=2, batch_size=2, **({} if kind == "cloud" else FIELD))
    train(network, train_cases, validation_cases, settings, tmp_path, ignore)
    assert train_cases.most <= 2
    assert validation_cases.most <= 2
