"""Image encoder: any backbone of timm (P1 and P2: MobileNetV2, ImageNet weights in P2)."""

from pathlib import Path
from typing import Self

import timm
import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import interpolate

from model.networks.case_norm import replace_batch_norms
from model.networks.pointwise import replace_pointwise_convs
from scans.errors import UserError

RUNNING = ("running_mean", "running_var", "num_batches_tracked")  # statistics of batch norm; not every encoder has them


class ViewEncoder(nn.Module):
    """(K, H, W) or (K, H, W, 3) images → (K, F) feature vectors; F is `features`.

    Grey images are repeated into three channels: ImageNet weights fit as they are, and a stem with one channel
    measured no faster. Images are normalised by the backbone's ImageNet mean and standard deviation, and resized to
    `image_size` by area averaging. The vectors are standardised by a batch norm, which is ours; in training it needs at
    least two images.

    Args:
        backbone: a name that timm knows, such as mobilenetv2_100.
        image_size: side of the backbone's input, in pixels.
        by_case: whether the backbone's batch norms take their statistics from the images of one case, in training and
            prediction (`model.networks.case_norm`). Then the vectors are not standardised, for within a case that would
            remove the differences between jaws.

    Raises:
        UserError: timm has no such backbone, or it takes no images of this size.
    """

    mean: torch.Tensor
    std: torch.Tensor
    norm_frozen: torch.Tensor

    def __init__(self, *, backbone: str, image_size: int, by_case: bool = False) -> None:
        super().__init__()
        if not timm.is_model(backbone):
            near = timm.list_models(f"*{backbone.split('_')[0]}*")[:8]
            hint = f"; it has {', '.join(near)}" if near else ""
            raise UserError(f"train.network.encoder: timm has no model named {backbone!r}{hint}")
        self.net = timm.create_model(backbone, pretrained=False, num_classes=0).to(memory_format=torch.channels_last)
        if by_case:
            replace_batch_norms(self.net)
        replace_pointwise_convs(self.net)
        self.image_size = image_size
        encode = self.net.pretrained_cfg
        self.register_buffer("mean", torch.tensor(encode["mean"]).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(encode["std"]).view(3, 1, 1), persistent=False)
        # In the checkpoint, so that a network that is trained further keeps its batch norm as it was.
        self.register_buffer("norm_frozen", torch.tensor(False))
        try:
            with torch.no_grad():
                self.features: int = self.net.eval()(torch.zeros(1, 3, image_size, image_size)).shape[1]
        except (AssertionError, RuntimeError) as error:
            raise UserError(
                f"train.network.encoder: {backbone} can't encode images of {image_size} px ({error}); "
                "choose another render.image_size or encoder"
            ) from error
        # Images of jaws resemble each other: most of a vector is common to all views. This removes it.
        self.standardise = nn.Identity() if by_case else nn.BatchNorm1d(self.features)
        self.train()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(K, H, W) grey or (K, H, W, 3) RGB images, uint8 in 0..255 or float in 0..1 → (K, F) float."""
        return self.standardise(self.net(self._normalised(images)))

    def with_maps(self, images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Images as in `forward` → (K, F) vectors, and the intermediate maps (K, C_i, H_i, W_i), fine to coarse.

        `channels` holds C_i; the finest map is half as wide as the image with all usual backbones.
        """
        last, maps = self.net.forward_intermediates(self._normalised(images))
        return self.standardise(self.net.forward_head(last)), maps

    @property
    def channels(self) -> list[int]:
        """Channels of each of the maps."""
        return [info["num_chs"] for info in self.net.feature_info]

    def _normalised(self, images: torch.Tensor) -> torch.Tensor:
        x = images.float() / 255 if images.dtype == torch.uint8 else images
        x = x.unsqueeze(1) if x.ndim == 3 else x.permute(0, 3, 1, 2)  # (K, 1 or 3, H, W)
        if x.shape[-2:] != (self.image_size, self.image_size):
            x = interpolate(x, size=(self.image_size, self.image_size), mode="area")
        x = (x - self.mean) / self.std  # (K, 3, S, S)
        return x.contiguous(memory_format=torch.channels_last)

    def train(self, mode: bool = True) -> Self:
        """Training mode, in which frozen batch norm stays as it is."""
        super().train(mode)
        if self.norm_frozen:
            for norm in _batch_norms(self.net):
                norm.eval()
        return self

    def load_pretrained(self, source: bool | Path) -> None:
        """Initialise with ImageNet weights.

        Weights whose batch norm was folded into the convolutions (every running mean 0, every variance 1) do not fit
        batch statistics, so there batch norm is frozen: its running statistics are used and kept.

        Args:
            source: False leaves the random weights, True fetches timm's own (a download, cached by timm), a path
                names a safetensors file in timm's names for this backbone.

        Raises:
            UserError: the download failed, the file is missing, broken, or of another backbone.
        """
        if source is False:
            return
        encode = self.net.pretrained_cfg
        state = _fetch(encode.get("hf_hub_id")) if source is True else _read(Path(source))
        head = encode["classifier"]
        heads = (head,) if isinstance(head, str) else tuple(head or ())
        state = {key: value for key, value in state.items() if not key.startswith(tuple(f"{h}." for h in heads))}
        own = self.net.state_dict()
        state = {key: value for key, value in state.items() if key in own or not key.endswith(RUNNING)}
        # Old checkpoints lack the counters of batch norm, which nothing here reads.
        state |= {key: own[key] for key in own.keys() - state.keys() if key.endswith("num_batches_tracked")}
        wrong = sorted(own.keys() ^ state.keys()) or [k for k, v in state.items() if v.shape != own[k].shape]
        if wrong:
            raise UserError(
                f"{source}: not weights of {encode['architecture']} ({len(wrong)} tensors differ, such as {wrong[0]}); "
                "train.network.pretrained must name a safetensors file that timm wrote for train.network.encoder"
            )
        self.net.load_state_dict(state)
        norms = _batch_norms(self.net)
        folded = all(_is_identity(norm) for norm in norms)
        self.norm_frozen.fill_(bool(norms) and folded)
        self.train(self.training)


def _batch_norms(net: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]


def _is_identity(norm: nn.BatchNorm2d) -> bool:
    """Whether a batch norm's running statistics are those of no normalisation; variances are 1, or 1 - eps."""
    if norm.running_mean is None or norm.running_var is None:
        return False
    return not norm.running_mean.any() and bool(((norm.running_var - 1).abs() < 1e-3).all())


def _fetch(repository: str | None) -> dict[str, torch.Tensor]:
    if not repository:
        raise UserError("train.network.pretrained: timm has no weights of this encoder; set it to false")
    try:
        return _read(Path(hf_hub_download(repository, "model.safetensors")))
    except (OSError, HfHubHTTPError, ValueError) as error:
        raise UserError(
            f"train.network.pretrained: the weights {repository} could not be fetched ({type(error).__name__}). "
            "Without a way to huggingface.co, set it to a safetensors file of them, or to false"
        ) from error


def _read(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file; train.network.pretrained must be true, false or a safetensors file"
        ) from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a readable safetensors file ({error}); fetch or convert it again") from error
