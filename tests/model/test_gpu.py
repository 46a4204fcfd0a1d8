"""Every path of CUDA beside the CPU's: `pytest -m gpu tests/model`."""

import dataclasses
import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.cases.batch import TENSORS, Batch
from model.cases.case import Case
from model.cases.frame_jitter import FrameJitter, with_jittered_frames
from model.cases.mirror import mirrored
from model.geometry import neighbours_cuda
from model.geometry.neighbours import (
    IndexedPoints,
    nearest_neighbours,
    nearest_neighbours_excluding_self,
    nearest_neighbours_of_batch,
)
from model.geometry.projection import project
from model.losses.cloud import TERMS, cloud_terms
from model.losses.field import field_targets, field_terms, sample_queries
from model.losses.schedule import LossStage
from model.networks.base import JawNetwork
from model.networks.checkpoint import load_checkpoint
from model.networks.field import FieldConfig
from model.runtime.cuda_graph import GraphedModule
from model.runtime.fabric import new_fabric
from model.runtime.stopping import Stopped
from model.training.feed import FREE_MEMORY, ReadAheadCases, ResidentCases, case_feed
from model.training.loop import Progress, train
from tests.model.losses.test_field import sheet
from tests.model.networks.test_field import KWARGS, cameras
from tests.model.reconstruction.test_from_field import RADIUS, Ball
from tests.model.training.test_loop import FIELD, config, field, started, surfaces

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")]

KINDS = ("cloud", "field")
CUDA = torch.device("cuda")


def cloud(count: int, seed: int) -> torch.Tensor:
    """Of few distinct places, so that many points are equally near."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-8, 9, (count, 3), generator=generator).float() / 8


def network_of(kind: str, kwargs: dict[str, Any], cases: list[Case]) -> JawNetwork:
    return started(kwargs, cases) if kind == "cloud" else field()


@pytest.mark.parametrize("how", ["triton", "torch"])
def test_neighbours_are_those_of_the_cpu(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if how == "torch":
        monkeypatch.setattr(neighbours_cuda, "triton", None)
    for queries, targets in ((cloud(3000, 0), cloud(2500, 1)), (torch.randn(5000, 3), torch.randn(50_000, 3))):
        here = nearest_neighbours(IndexedPoints.build(queries), IndexedPoints.build(targets))
        there = nearest_neighbours(IndexedPoints.build(queries.cuda()), IndexedPoints.build(targets.cuda()))
        assert torch.equal(there.cpu(), here)
        here = nearest_neighbours_excluding_self(IndexedPoints.build(targets))
        there = nearest_neighbours_excluding_self(IndexedPoints.build(targets.cuda()))
        assert torch.equal(there.cpu(), here)
    queries, targets = torch.randn(3, 70, 3), [torch.randn(size, 3) for size in (900, 7, 40)]
    here = nearest_neighbours_of_batch(queries, [IndexedPoints.build(each) for each in targets])
    there = nearest_neighbours_of_batch(queries.cuda(), [IndexedPoints.build(each.cuda()) for each in targets])
    assert torch.equal(there.cpu(), here)
    with pytest.raises(ValueError, match="NaN or infinity"):
        IndexedPoints.build(torch.full((4, 3), torch.nan, device="cuda"))


def test_losses_of_a_cloud_and_their_gradients_are_those_of_the_cpu(cases: list[Case]) -> None:
    batch = Batch.collate(cases)
    # Rings have many equally near points.
    uneven = 0.01 * torch.randn(batch.points.shape, generator=torch.Generator().manual_seed(0))
    weights = dict.fromkeys(TERMS, 1.0)
    found = {}
    for device in ("cpu", "cuda"):
        predicted = (0.5 * batch.points + uneven)[:, :100].to(device).requires_grad_()
        targets = IndexedPoints.build_each(batch.points.to(device))
        rng = np.random.default_rng(0)
        terms = cloud_terms(predicted, targets, weights, points=100, progress=0.0, rng=rng)
        sum(term.sum() for term in terms.values()).backward()
        found[device] = {name: term.detach().cpu() for name, term in terms.items()} | {"gradient": predicted.grad.cpu()}
    for name, value in found["cpu"].items():
        torch.testing.assert_close(found["cuda"][name], value, rtol=1e-4, atol=1e-6, msg=name)


def test_targets_and_losses_of_a_field_are_those_of_the_cpu() -> None:
    batch = Batch.collate([sheet(), sheet(labels=0)])
    generator = torch.Generator().manual_seed(0)
    points, _ = sample_queries(batch.points, torch.zeros(1, 3), KWARGS["queries"], generator)
    with torch.no_grad():
        prediction, log_radius = field()(
            torch.zeros(2, 3, 32, 32), torch.ones(2, 3, dtype=torch.bool), torch.from_numpy(_cameras()), points
        )
    found = {}
    for device in ("cpu", "cuda"):
        there = batch.to(torch.device(device))
        target = field_targets(there, IndexedPoints.build_each(there.points), points.to(device))
        terms = field_terms(
            type(prediction)(*(each.to(device) for each in prediction)), target, log_radius.to(device), there.radius
        )
        found[device] = [*target, *terms.values()]
    for here, there in zip(found["cpu"], found["cuda"], strict=True):
        torch.testing.assert_close(there.cpu(), here, rtol=1e-4, atol=1e-6)


def _cameras() -> np.ndarray:
    return np.stack([surfaces([sheet()])[0].cameras] * 2)


def test_queries_are_drawn_there_the_same_again() -> None:
    points = Batch.collate([sheet()]).points.cuda()

    def draw(seed: int) -> torch.Tensor:
        generator = torch.Generator("cuda").manual_seed(seed)
        return torch.cat(sample_queries(points, torch.zeros(1, 3).cuda(), KWARGS["queries"], generator), dim=1)

    assert torch.equal(draw(0), draw(0))
    assert not torch.equal(draw(0), draw(1))


def test_augmented_cases_are_those_of_the_cpu(cases: list[Case]) -> None:
    batch, chosen = Batch.collate(surfaces(cases)), torch.tensor([True, False, True])
    here, there = mirrored(batch, chosen), mirrored(batch.to(CUDA), chosen.cuda())
    for name in TENSORS:
        assert torch.equal(getattr(there, name).cpu(), getattr(here, name)), name
    generator = torch.Generator("cuda").manual_seed(0)
    moved = with_jittered_frames(batch.to(CUDA), FrameJitter(offset=0.1, scale=0.1, rotation=5), generator)
    assert batch.cameras is not None
    assert moved.cameras is not None
    assert not torch.allclose(moved.points.cpu(), batch.points, atol=0.01)
    before, after = project(batch.points.double(), batch.cameras), project(moved.points.double(), moved.cameras)
    torch.testing.assert_close(after.uv.cpu(), before.uv, atol=1e-3, rtol=0)


def test_cases_are_kept_there_or_read_ahead(cases: list[Case], monkeypatch: pytest.MonkeyPatch) -> None:
    whole, chunks = surfaces(cases), [np.array([2, 0]), np.array([1])]
    assert isinstance(case_feed(whole, CUDA), ResidentCases)
    monkeypatch.setitem(FREE_MEMORY, "cuda", 0.0)
    feed = case_feed(whole, CUDA)
    assert isinstance(feed, ReadAheadCases)
    for kept, read in zip(ResidentCases(whole, CUDA).batches(chunks), feed.batches(chunks), strict=True):
        for name in TENSORS:
            assert torch.equal(getattr(kept, name), getattr(read, name))
            assert getattr(read, name).is_cuda


def test_a_graph_answers_and_learns_as_the_network_does(cases: list[Case]) -> None:
    network = field().cuda().train()
    graphed = GraphedModule(network, network)
    generator = torch.Generator().manual_seed(0)
    whole = Batch.collate(surfaces(cases)).to(CUDA)
    for count in (3, 2, 3):  # shapes
        batch = whole.take(torch.arange(count, device=CUDA))
        view_mask = torch.tensor([[True, True, True], [True, False, True], [False, True, True]])[:count].cuda()
        points = torch.rand(count, 50, 3, generator=generator).cuda() - 0.5
        found = []
        for module in (network, graphed):
            network.zero_grad()
            answer, log_radius = module(batch.views, view_mask, batch.cameras, points, points[:, :7], dense=True)
            (answer.signed_distances.square().sum() + answer.class_logits.square().sum() + log_radius.sum()).backward()
            gradients = [each.grad.clone() for each in network.parameters() if each.grad is not None]
            found.append([*(each.detach().clone() for each in (*answer, log_radius)), *gradients])
            del answer, log_radius  # for no graph may be alive where another is captured
        assert len(found[0]) == len(found[1])
        for plain, replayed in zip(*found, strict=True):
            torch.testing.assert_close(replayed, plain, rtol=0.05, atol=1e-3 * float(plain.abs().max()))
    assert len(graphed.graphs) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_an_epoch_costs_what_it_costs_on_the_cpu(
    kind: str, kwargs: dict[str, Any], cases: list[Case], tmp_path: Path
) -> None:
    whole = surfaces(cases)
    settings = config(epochs=1, batch_size=3, view_dropout=0.5, min_views=2, **({} if kind == "cloud" else FIELD))
    losses = {}
    for accelerator in ("cpu", "cuda"):
        fabric = new_fabric(accelerator=accelerator, devices=1, precision="32-true")
        network = network_of(kind, kwargs, cases)
        history = train(fabric, network, whole, whole, settings, tmp_path / accelerator, lambda _: None)
        losses[accelerator] = history[1]["train_loss"]
        kept, _ = load_checkpoint(tmp_path / accelerator / "network.safetensors")
        assert next(kept.parameters()).device.type == "cpu"
    # Other queries and views are drawn there.
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=0.3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_training_that_was_stopped_goes_on(
    kind: str, kwargs: dict[str, Any], cases: list[Case], tmp_path: Path
) -> None:
    whole = surfaces(cases)
    settings = config(epochs=2, batch_size=1, ema_decay=0.9, **({} if kind == "cloud" else FIELD))
    fabric = new_fabric(accelerator="cuda", devices=1, precision="32-true")

    def run(name: str, on_step: Any) -> None:
        train(fabric, network_of(kind, kwargs, cases), whole, whole, settings, tmp_path / name, on_step)

    def stop(now: Progress) -> None:
        if now.step == 4:
            signal.raise_signal(signal.SIGTERM)

    run("whole", lambda _: None)
    with pytest.raises(Stopped):
        run("cut", stop)
    seen: list[int] = []
    run("cut", lambda now: seen.append(now.step))
    assert seen == [6]
    whole_run, cut_run = (
        [json.loads(line) for line in (tmp_path / name / "epochs.jsonl").read_text().splitlines()]
        for name in ("whole", "cut")
    )
    assert cut_run[-1]["train_loss"] == pytest.approx(
        whole_run[-1]["train_loss"], rel=0.02
    )  # sums there have no fixed order


def test_clouds_that_are_predicted_there_are_those_of_the_cpu(kwargs: dict[str, Any], cases: list[Case]) -> None:
    many = [dataclasses.replace(case, id=f"{case.id}{n}") for n in range(4) for case in cases]
    network = started(kwargs, cases).eval()
    here, there = list(network.reconstruct_each(many)), list(network.cuda().reconstruct_each(many))
    assert [case.id for case, _ in there] == [case.id for case in many]
    for (_, a), (_, b) in zip(here, there, strict=True):
        np.testing.assert_allclose(b.points, a.points, atol=1e-4)


@pytest.mark.parametrize("mirrored", [False, True])
def test_surfaces_are_those_of_the_field(mirrored: bool) -> None:
    reconstruction = dataclasses.replace(KWARGS["reconstruction"], mirrored=mirrored)
    ball = Ball(FieldConfig(**KWARGS | {"seed_points": 20_000, "reconstruction": reconstruction})).cuda()
    ball.set_priors(torch.rand(20_000, 3, generator=torch.Generator().manual_seed(0)) - 0.5, 3.7)
    rig = cameras().numpy()
    empty = Case(
        "ball", np.zeros((10, 32, 32), np.uint8), np.ones(10, bool), np.zeros((3000, 3), np.float32), 40.0, rig
    )
    made = list(ball.reconstruct_each([empty] * 11))
    assert len(made) == 11
    for _, each in made:
        np.testing.assert_allclose(np.linalg.norm(each.points, axis=1), RADIUS, atol=0.003)
        assert each.radius == pytest.approx(np.exp(3.7), rel=1e-5)
        assert each.labels is not None
        clear = np.abs(each.points[:, 2]) > 0.02
        above = each.points[clear, 2] > 0
        assert not each.labels[clear][~above].any()
        # The mirrored ball has the label of the other side, so either is as likely in the mean.
        assert set(each.labels[clear][above].tolist()) <= ({11, 21} if mirrored else {11})


def test_a_network_that_was_trained_there_is_exported(cases: list[Case], tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    from model.export import export_onnx

    network = field()
    settings = config(epochs=1, batch_size=3, loss=(LossStage(0, {"signed_distance": 1.0}),))
    fabric = new_fabric(accelerator="cuda", devices=1, precision="32-true")
    train(fabric, network, surfaces(cases), surfaces(cases), settings, tmp_path, lambda _: None)
    kept, _ = load_checkpoint(tmp_path / "network.safetensors")
    export_onnx(kept, tmp_path / "network.onnx")
    assert (tmp_path / "network.onnx").stat().st_size > 1000
