"""A field's training step with and without a busy process beside it: a thread on each core, and as trainings do it.

    python benchmarks/bench_threads.py

Each figure is the mean of some seconds in a process of its own, after some more to warm up. The machine must be idle,
for what else runs on it counts as busy, too. As many busy processes run as leave one core free. Ways: one thread; a
thread on each core that waits as OpenMP does by itself; the same, asleep while others need the cores; ours, a thread on
each core but one, asleep likewise.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from table import Row, offer

from model.losses.field import QueryConfig
from model.networks.field import FieldConfig, FieldNetwork
from model.reconstruction.from_field import ReconstructionConfig
from model.runtime.memory import disable_malloc_trim
from model.runtime.threads import sleeping_while_crowded, thread_count
from renderers.rigs.rigs import ring_rig
from scans.cameras import camera_array
from stages.params.train import FieldParams

SIZE, QUERIES, WARM_UP, SECONDS = 128, 1024, 4.0, 6.0
CORES = len(os.sched_getaffinity(0))
WAYS = ("one thread", "a thread on each core", "the same, asleep", "ours")


def steps_per_second(way: str) -> float:
    """Of a field as `presets/best.yaml` has it."""
    settings = FieldParams().model_dump()
    config = FieldConfig(
        encoder="mobilenetv2_035",
        image_size=SIZE,
        width=128,
        heads=4,
        channels=32,
        view_width=64,
        seed_points=1,
        queries=QueryConfig(**settings["queries"]),
        reconstruction=ReconstructionConfig(**settings["reconstruction"]),
    )
    disable_malloc_trim()
    torch.set_num_threads({"one thread": 1, "ours": thread_count(1)}.get(way) or torch.get_num_threads())
    network = FieldNetwork(config)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    rig = ring_rig(ring_views=9, elevation=20, distance=3, field_of_view=40, image_size=SIZE, order=range(10))
    views = torch.randint(0, 256, (1, 10, SIZE, SIZE), dtype=torch.uint8)
    cameras = torch.from_numpy(camera_array(rig))[None]

    def step() -> None:
        optimizer.zero_grad()
        field, radius = network(views, torch.ones(1, 10, dtype=torch.bool), cameras, torch.rand(1, QUERIES, 3) - 0.5)
        (field.signed_distances.abs().mean() + field.class_logits.square().mean() + radius.sum()).backward()
        optimizer.step()

    with sleeping_while_crowded() if way in ("the same, asleep", "ours") else nullcontext():
        for seconds in (WARM_UP, SECONDS):
            count, start = 0, time.perf_counter()
            while time.perf_counter() - start < seconds:
                step()
                count += 1
            speed = count / (time.perf_counter() - start)
    return speed


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes that do nothing but count; each in a session of its own, as programs are."""
    started = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True) for _ in range(processes)
    ]
    try:
        yield
    finally:
        for process in started:
            process.kill()


def measured(way: str) -> float:
    """In a process of its own, for OpenMP is set up once."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    command = [sys.executable, __file__, "--measure", way]
    return float(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Print steps per second and ratios to one thread on a free core."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--measure", choices=WAYS, help="measure this one, in this process")
    if way := parser.parse_args().measure:
        print(steps_per_second(way))
        return
    rows = []
    one = measured("one thread")
    for beside, what in ((0, "alone"), (CORES - 1, f"beside {CORES - 1} busy")):
        with busy(beside):
            speeds = {way: measured(way) for way in WAYS}
        print(f"\ntraining step of a field, {SIZE} px, {CORES} cores, {what}; `one thread` alone is 1")
        for way, speed in speeds.items():
            print(f"{way:24}{speed:8.2f} steps/s{speed / one:8.2f}")
            if way != "ours":
                rows.append(
                    Row("threads", f"training step, {CORES} cores, {what}", "steps/s", speeds["ours"], way, speed)
                )
    offer(*rows)


if __name__ == "__main__":
    main()
