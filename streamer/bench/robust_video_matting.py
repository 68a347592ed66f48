"""RobustVideoMatting's network (arXiv 2108.11515), stated anew from its paper, with random weights.

MobileNetV3-large as encoder with a dilated last stage, LR-ASPP, a decoder with a ConvGRU on half of the channels at
four scales, and the deep guided filter that brings the result of a smaller picture to full size. Speed does not depend
on what weights say; the mattes are noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from streamer.errors import MissingExtra

if TYPE_CHECKING:
    from collections.abc import Callable

State: TypeAlias = tuple[Tensor, ...]
"""What the four ConvGRUs remember, the coarsest first; empty before the first frame."""

TAPS = (1, 3, 6, 16)
"""Layers of the encoder after which its features are taken, at strides 2, 4, 8 and, being dilated, 16."""
ENCODED = (16, 24, 40, 960)
"""Channels there."""
ASPP = 128
DECODED = (80, 40, 32, 16)
"""Channels of the decoder at strides 8, 4, 2 and 1."""
RECOMMENDED_RATIO = {"1080p": 0.25, "4k": 0.125}
"""What the authors advise for pictures of that size: how much smaller the network's own picture is."""
DEFAULT_RATIO = 0.25


class RobustVideoMatting(nn.Module):
    """One frame after the other: RGB ``(1, 3, h, w)`` in [0, 1] to the person's colours and alpha at that size.

    Args:
        ratio: sides of the picture that the network sees over those of the frame.

    Raises:
        MissingExtra: torchvision is missing.
    """

    def __init__(self, ratio: float) -> None:
        super().__init__()
        if find_spec("torchvision") is None:
            raise MissingExtra("RobustVideoMatting's encoder needs torchvision: pip install torchvision")
        from torchvision.models import mobilenet_v3_large

        self._ratio = ratio
        self.encoder = mobilenet_v3_large(weights=None, dilated=True).features
        self.aspp = _LightAspp(ENCODED[-1], ASPP)
        self.bottleneck = _HalfGru(ASPP)
        coarser = (ASPP, *DECODED[:2])
        self.up = nn.ModuleList(
            _Up(below, skip, out) for below, skip, out in zip(coarser, reversed(ENCODED[:-1]), DECODED[:3], strict=True)
        )
        self.out = _Out(DECODED[2], DECODED[3])
        self.project = nn.Conv2d(DECODED[3], 4, 1)
        self.refiner = _DeepGuidedFilter(DECODED[3])

    def forward(self, frame: Tensor, state: State = ()) -> tuple[Tensor, Tensor, State]:
        """Foreground ``(1, 3, h, w)``, alpha ``(1, 1, h, w)``, and what to remember."""
        small = F.interpolate(frame, scale_factor=self._ratio, mode="bilinear", align_corners=False)
        skips, features = self._encoded(small)
        pictures = [small]
        for _ in range(3):
            pictures.append(F.avg_pool2d(pictures[-1], 2, ceil_mode=True, count_include_pad=False))
        hidden, first = self.bottleneck(self.aspp(features), state[0] if state else None)
        remembered = [first]
        for index, (up, skip, picture) in enumerate(zip(self.up, reversed(skips), reversed(pictures), strict=False), 1):
            hidden, kept = up(hidden, skip, picture, state[index] if state else None)
            remembered.append(kept)
        hidden = self.out(hidden, small)
        residual, alpha = self.project(hidden).split((3, 1), dim=1)
        residual, alpha = self.refiner(frame, small, residual, alpha, hidden)
        return (residual + frame).clamp(0, 1), alpha.clamp(0, 1), tuple(remembered)

    def _encoded(self, picture: Tensor) -> tuple[list[Tensor], Tensor]:
        """The features at the finer three scales, and the coarsest."""
        taken = []
        for index, layer in enumerate(cast("Sequence[nn.Module]", self.encoder)):
            picture = layer(picture)
            if index in TAPS:
                taken.append(picture)
        return taken[:-1], taken[-1]


class _LightAspp(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.local = _convolved(channels, out, 1)
        self.whole = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, out, 1, bias=False), nn.Sigmoid())

    def forward(self, features: Tensor) -> Tensor:
        return cast(Tensor, self.local(features) * self.whole(features))


class _HalfGru(nn.Module):
    """A ConvGRU on the second half of the channels; the first half passes by."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.gates = nn.Conv2d(2 * half, 2 * half, 3, padding=1)
        self.candidate = nn.Conv2d(2 * half, half, 3, padding=1)

    def forward(self, features: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
        passing, entering = features.chunk(2, dim=1)
        hidden = torch.zeros_like(entering) if before is None else before
        reset, update = self.gates(torch.cat((entering, hidden), 1)).sigmoid().chunk(2, dim=1)
        candidate = self.candidate(torch.cat((entering, reset * hidden), 1)).tanh()
        hidden = (1 - update) * hidden + update * candidate
        return torch.cat((passing, hidden), 1), hidden


class _Up(nn.Module):
    def __init__(self, below: int, skip: int, out: int) -> None:
        super().__init__()
        self.convolved = _convolved(below + skip + 3, out, 3)
        self.gru = _HalfGru(out)

    def forward(self, below: Tensor, skip: Tensor, picture: Tensor, before: Tensor | None) -> tuple[Tensor, Tensor]:
        hidden, kept = self.gru(self.convolved(_joined(below, skip, picture)), before)
        return hidden, kept


class _Out(nn.Module):
    def __init__(self, below: int, out: int) -> None:
        super().__init__()
        self.convolved = nn.Sequential(_convolved(below + 3, out, 3), _convolved(out, out, 3))

    def forward(self, below: Tensor, picture: Tensor) -> Tensor:
        return cast(Tensor, self.convolved(_joined(below, picture)))


class _DeepGuidedFilter(nn.Module):
    """Fits colours and alpha linearly to the small picture, and applies that to the full one."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.mean = nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False)
        self.slope = nn.Sequential(
            _convolved(8 + hidden, hidden, 1), _convolved(hidden, hidden, 1), nn.Conv2d(hidden, 4, 1)
        )

    def forward(
        self, frame: Tensor, small: Tensor, residual: Tensor, alpha: Tensor, hidden: Tensor
    ) -> tuple[Tensor, Tensor]:
        fine, guide = (torch.cat((picture, picture.mean(1, keepdim=True)), 1) for picture in (frame, small))
        wanted = torch.cat((residual, alpha), 1)
        mean_guide, mean_wanted = self.mean(guide), self.mean(wanted)
        covariance = self.mean(guide * wanted) - mean_guide * mean_wanted
        variance = self.mean(guide * guide) - mean_guide * mean_guide
        slope = self.slope(torch.cat((covariance, variance, hidden), 1))
        offset = mean_wanted - slope * mean_guide
        slope, offset = (
            F.interpolate(part, frame.shape[2:], mode="bilinear", align_corners=False) for part in (slope, offset)
        )
        return cast(tuple[Tensor, Tensor], (slope * fine + offset).split((3, 1), dim=1))


def random_peer(device: str, ratio: float) -> RobustVideoMatting:
    """The network ready to run on that device: half precision on a GPU, channels last, normalisation folded away."""
    torch.manual_seed(0)
    kind = torch.float16 if device.startswith("cuda") else torch.float32
    network = RobustVideoMatting(ratio).eval().requires_grad_(False)
    _fold(network)
    return cast(RobustVideoMatting, cast(Any, network).to(device, kind, memory_format=torch.channels_last))


def peer_step(network: RobustVideoMatting, frame: Tensor, *, in_graph: bool) -> Callable[[], object]:
    """A function that runs the network on the next frame, which lies on the device already, and remembers.

    Args:
        network: of ``random_peer``.
        frame: what it sees, every time.
        in_graph: launch all of it as one CUDA graph, which spares the launches.
    """
    with torch.inference_mode():
        state = network(frame)[2]

    def step() -> object:
        with torch.inference_mode():
            foreground, alpha, after = network(frame, state)
            for old, new in zip(state, after, strict=True):
                old.copy_(new)
            return foreground, alpha

    if not in_graph:
        return step
    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):  # kernels are chosen and memory is found before anything is recorded
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = step()

    def replay(_needed: object = step) -> object:  # a graph does not keep alive the memory that it reads
        graph.replay()
        return kept

    return replay


def _fold(network: nn.Module) -> None:
    """Put every normalisation into the convolution before it, which its authors' own speed test does, too."""
    for block in [module for module in network.modules() if isinstance(module, nn.Sequential)]:
        for index in range(len(block) - 1):
            convolution, norm = block[index], block[index + 1]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                block[index], block[index + 1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()


def _convolved(channels: int, out: int, kernel: int) -> nn.Sequential:
    convolution = nn.Conv2d(channels, out, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out), nn.ReLU())


def _joined(below: Tensor, *finer: Tensor) -> Tensor:
    """The coarser features at twice their size, cut where the finer ones end, before those."""
    larger = F.interpolate(below, scale_factor=2, mode="bilinear", align_corners=False)
    height, width = finer[0].shape[2:]
    return torch.cat((larger[..., :height, :width], *finer), 1)
