"""The encoder's step, forward and backward, in the memory order that we use and in torch's own, on one core.

    python benchmarks/bench_encoder.py

40 grey pictures, four cases of ten, through MobileNetV2 as in training.
"""

import time

import timm
import torch
from table import Row, offer

from model.networks.encoder import ViewEncoder

PICTURES, SIZE, ROUNDS = 40, 112, 5
BACKBONES = ("mobilenetv2_035", "mobilenetv2_100")


def milliseconds(net: torch.nn.Module, pictures: torch.Tensor) -> float:
    """Processor time of one step."""
    start = time.process_time()
    net(pictures).sum().backward()
    return 1e3 * (time.process_time() - start)


def main() -> None:
    """Print times and ratios."""
    torch.set_num_threads(1)
    pictures = torch.randint(0, 256, (PICTURES, SIZE, SIZE), dtype=torch.uint8)
    print(
        f"{PICTURES} pictures of {SIZE} px, forward and backward, one core; best of {ROUNDS}; torch {torch.__version__}"
    )
    for backbone in BACKBONES:
        ours = ViewEncoder(backbone=backbone, image_size=SIZE)
        theirs = timm.create_model(backbone, num_classes=0)
        floats = (pictures.float() / 255)[:, None].expand(-1, 3, -1, -1).contiguous()
        own, peer = [], []
        for _ in range(ROUNDS + 1):  # they take turns; the first round warms up
            own.append(milliseconds(ours, pictures))
            peer.append(milliseconds(theirs, floats))
        row = Row(
            "encoder",
            f"{backbone}, {PICTURES} × {SIZE} px, forward + backward",
            "ms",
            min(own[1:]),
            "contiguous",
            min(peer[1:]),
        )
        print(
            f"{backbone:20} ours (channels last) {row.ours:7.0f} ms  contiguous {row.theirs:8.0f} ms   {row.ratio:5.2f}"
        )
        offer(row)


if __name__ == "__main__":
    main()
