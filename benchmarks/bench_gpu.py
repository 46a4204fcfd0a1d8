"""Training and reconstruction on a GPU beside the plain way: the network of presets/best.yaml, 128 px, 10 views.

python benchmarks/bench_gpu.py [--jaws 96] [--seconds 20]

The plain way: neighbours by chunked `torch.cdist`, one case a step, one reconstruction after another. It makes its own
jaws in a temporary folder, reconstructs with the model in pretrained/, and ends with a table. About 3 minutes on an
H200 with 16 cores. Nothing without a GPU.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from table import Row, markdown, offer

PROJECT = Path(__file__).resolve().parents[1]
CASES_A_STEP = 16


def milliseconds(work: Callable[[], object], runs: int = 20) -> float:
    """Median time of a call on the GPU."""
    work()
    times = []
    for _ in range(runs):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return median(times)


def plain_neighbours(queries: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """As someone would write it: distances in chunks that fit into memory."""
    chunk = max(1, (1 << 27) // len(targets))
    parts = [
        torch.cdist(part, targets, compute_mode="donot_use_mm_for_euclid_dist").argmin(dim=1)
        for part in queries.split(chunk)
    ]
    return torch.cat(parts)


def neighbours() -> list[Row]:
    """50,000 against 50,000 points, and the queries of a step in one launch."""
    from model.geometry import neighbours_cuda

    def both(queries: torch.Tensor, targets: torch.Tensor) -> tuple[float, float]:
        ours = milliseconds(lambda: neighbours_cuda.nearest_on_cuda(queries, targets))
        fallback = milliseconds(lambda: neighbours_cuda._with_torch(queries, targets, False), runs=3)
        return ours, fallback

    rows = []
    for what, cases, queries in (("50,000 × 50,000, one way", 1, 50_000), ("16 × 1,024 × 50,000", 16, 1024)):
        a, b = torch.rand(cases, queries, 3, device="cuda"), torch.rand(cases, 50_000, 3, device="cuda")
        ours, fallback = both(a, b)
        plain = milliseconds(lambda a=a, b=b: [plain_neighbours(*each) for each in zip(a, b, strict=True)], runs=3)
        rows.append(Row("neighbours", what, "ms", ours, "chunked torch.cdist", plain))
        rows.append(Row("neighbours", f"{what}, without Triton", "ms", fallback, "chunked torch.cdist", plain))
    return rows


def tenview(folder: Path, *arguments: str) -> None:
    """Run a command of Tenview in a folder."""
    started = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])}
    call = [sys.executable, "-c", "from stages.cli import main; main()", *arguments]
    subprocess.run(call, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    print(f"{' '.join(arguments)}: {time.perf_counter() - started:.0f} s", flush=True)


def make_data(folder: Path, jaws: int) -> None:
    """`jaws` synthetic jaws, prepared and rendered as presets/best.yaml says."""
    from stages.params import presets
    from stages.params.edit import write_values

    path = folder / "params.yaml"
    path.write_bytes((PROJECT / "params.yaml").read_bytes())
    presets.write("best", path)
    count = {"download.synthetic.jaws": jaws, "download.synthetic.test_jaws": jaws // 3}
    write_values(count, "bench_gpu.py", path)
    for stage in ("download", "prepare", "render"):
        tenview(folder, stage)


def steps_per_second(run: Callable[[], object], seconds: float) -> float:
    """Calls a second, after three that are not counted."""
    for _ in range(3):
        run()
    torch.cuda.synchronize()
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        run()
        count += 1
    torch.cuda.synchronize()
    return count / (time.perf_counter() - started)


def training_and_reconstruction(folder: Path, seconds: float) -> list[Row]:
    """Cases a second in training, and reconstructions a second."""
    import numpy as np

    from model.cases.dataset import CaseDataset
    from model.networks.checkpoint import load_checkpoint
    from model.runtime.fabric import new_fabric
    from model.training.batches import steps_per_epoch
    from model.training.feed import ReadCases, case_feed
    from model.training.loop import Run
    from model.training.summary import summarise
    from stages.params.tree import load
    from stages.runtime.workspace import NETWORK, pretrained_folder
    from stages.train import _config, _network

    os.chdir(folder)
    params = load()
    cases = CaseDataset(Path("data/prepared"), Path("data/views"), "train", surface=True)
    summary = summarise(cases, 0)

    def rate(batch_size: int, *, resident: bool) -> float:
        settings = params.train.model_copy(update={"batch_size": batch_size, "epochs": 1000})
        fabric = new_fabric(accelerator="cuda", devices=1, precision=settings.precision)
        config = _config(settings)
        steps = steps_per_epoch(len(cases), config, 1)
        run = Run(fabric, _network(settings, summary), config, steps, folder / f"run{batch_size}")
        feed = case_feed(cases, fabric.device) if resident else ReadCases(cases, fabric.device)

        def step() -> None:
            numbers = np.random.default_rng(run.number).choice(len(cases), batch_size, replace=False)
            run.step(feed.batches([numbers]), numbers, cases, stopped=False)

        return batch_size * steps_per_second(step, seconds)

    plain = rate(1, resident=False)
    ours = rate(CASES_A_STEP, resident=True)
    rows = [Row("training", f"{CASES_A_STEP} cases a step", "cases/s", ours, "one case a step, read by turns", plain)]

    network = load_checkpoint(pretrained_folder() / NETWORK)[0].cuda()  # its meshes are of usual sizes
    tests = CaseDataset(Path("data/prepared"), Path("data/views"), "test")
    many = [tests[n % len(tests)] for n in range(2 * len(tests))]
    list(network.reconstruct_each(many[:8]))  # compiles

    def timed(work: Callable[[], object], count: int) -> float:
        started = time.perf_counter()
        work()
        return count / (time.perf_counter() - started)

    each = timed(lambda: list(network.reconstruct_each(many)), len(many))
    few = many[:8]
    alone = timed(lambda: [network.reconstruct(case.views, case.view_mask, case.cameras) for case in few], len(few))
    arrays = [np.stack([getattr(case, name) for case in few]) for name in ("views", "view_mask", "cameras")]
    torch.cuda.synchronize()
    started = time.perf_counter()
    rests = network._start(*arrays, 50_000, 0)
    device = (time.perf_counter() - started) / len(few)
    started = time.thread_time()
    for rest in rests:
        rest()
    core = (time.thread_time() - started) / len(few)
    print(f"a reconstruction is {1e3 * device:.0f} ms on the GPU and {1e3 * core:.0f} ms of one core", flush=True)
    meshes = sum(made.mesh is not None for _, made in network.reconstruct_each(few))
    print(f"{meshes} of {len(few)} reconstructions have a mesh", flush=True)
    return [*rows, Row("reconstruction", "50,000 points and mesh", "jaws/s", each, "one after another", alone)]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jaws", type=int, default=96, help="jaws to make, at least 36; a third are reconstructed")
    parser.add_argument("--seconds", type=float, default=20, help="of training, for each row")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("no GPU here, so nothing is measured")
        return
    rows = neighbours()
    with tempfile.TemporaryDirectory() as folder:
        make_data(Path(folder), arguments.jaws)
        rows += training_and_reconstruction(Path(folder), arguments.seconds)
    offer(*rows)
    print(f"\n{torch.cuda.get_device_name()}, torch {torch.__version__}\n\n{markdown(rows)}")


if __name__ == "__main__":
    main()
