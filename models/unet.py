"""The U-Net that finds the person: one network, one dataclass of sizes.

After Ronneberger et al., "U-Net" (arXiv 1505.04597). ``CLASSIC`` is the plain network of the well-known recipe (31 M
parameters, two classes, no normalisation); ``COMPACT`` works at half resolution, adds batch normalisation and a
picture-wide context, and returns one logit a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class UNetConfig:
    """Every size of the network; a checkpoint carries it, so that a file says how to rebuild itself."""

    channels: tuple[int, ...] = (64, 128, 256, 512, 1024)
    """Width of each level, full resolution first; the last one is the bottleneck."""
    classes: int = 2
    """2: class 1 is the person, alpha is its softmax. 1: one logit, alpha is its sigmoid."""
    norm: bool = False
    """Batch normalisation after each 3x3 convolution."""
    stem: int = 1
    """The first convolution's stride: 1, or 2 for a network at half resolution whose output is pixel-shuffled back."""
    context: bool = False
    """Add the mean over the picture at the bottleneck: is there a person at all, and how large?"""
    input_area_px: int = 256 * 256
    """About how many pixels a picture is scaled to before it enters, at its own aspect ratio."""

    @property
    def multiple_px(self) -> int:
        """Width and height of the input must be multiples of this."""
        return int(self.stem * 2 ** (len(self.channels) - 1))


CLASSIC = UNetConfig()
COMPACT = UNetConfig(
    channels=(16, 32, 64, 96, 160), classes=1, norm=True, stem=2, context=True, input_area_px=192 * 320
)
CONFIGS = {"classic": CLASSIC, "compact": COMPACT}


class ConvBlock(nn.Module):
    """Two 3x3 convolutions, each with its ReLU and, if asked for, batch normalisation."""

    def __init__(self, inputs: int, outputs: int, *, norm: bool, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=not norm)
        self.norm1 = nn.BatchNorm2d(outputs) if norm else nn.Identity()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=not norm)
        self.norm2 = nn.BatchNorm2d(outputs) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(self.conv1(x)), inplace=True)
        return F.relu(self.norm2(self.conv2(x)), inplace=True)


class Encoder(nn.Module):
    """One level on the way down: features for the skip connection, and the same halved."""

    def __init__(self, inputs: int, outputs: int, *, norm: bool, stride: int = 1) -> None:
        super().__init__()
        self.conv_block = ConvBlock(inputs, outputs, norm=norm, stride=stride)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        skip = self.conv_block(x)
        return skip, F.max_pool2d(skip, 2)


class Decoder(nn.Module):
    """One level on the way up: double the size, join the skip connection, convolve."""

    def __init__(self, inputs: int, outputs: int, *, norm: bool) -> None:
        super().__init__()
        self.upconv = nn.ConvTranspose2d(inputs, outputs, 2, stride=2)
        self.conv_block = ConvBlock(2 * outputs, outputs, norm=norm)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        joined: Tensor = self.conv_block(torch.cat([self.upconv(x), skip], dim=1))
        return joined


class UNet(nn.Module):
    """RGB in [0, 1], ``(n, 3, h, w)`` with sides that are multiples of ``config.multiple_px``, to logits a pixel."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        *widths, deepest = config.channels
        inputs = 3
        for level, width in enumerate(widths, start=1):
            stride = config.stem if level == 1 else 1
            self.add_module(f"enc{level}", Encoder(inputs, width, norm=config.norm, stride=stride))
            inputs = width
        self.bottleneck = ConvBlock(inputs, deepest, norm=config.norm)
        if config.context:
            self.context = nn.Linear(deepest, deepest)
        inputs = deepest
        for level, width in enumerate(reversed(widths), start=1):
            self.add_module(f"dec{level}", Decoder(inputs, width, norm=config.norm))
            inputs = width
        kernel = 1 if config.stem == 1 else 3
        self.final_conv = nn.Conv2d(inputs, config.classes * config.stem**2, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``(n, classes, h, w)``."""
        return self.features(x)[1]

    def features(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """The features of each decoder level, deepest first, and the logits; training attaches side losses to them."""
        skips = []
        levels = len(self.config.channels) - 1
        if self.config.norm:
            x = x * 2 - 1
        for level in range(1, levels + 1):
            skip, x = self.get_submodule(f"enc{level}")(x)  # (n, channels[level - 1], h / 2**level, ...)
            skips.append(skip)
        x = self.bottleneck(x)
        if self.config.context:
            x = x + self.context(x.mean(dim=(2, 3)))[:, :, None, None]
        ladder = []
        for level, skip in enumerate(reversed(skips), start=1):
            x = self.get_submodule(f"dec{level}")(x, skip)
            ladder.append(x)
        logits = self.final_conv(x)
        return ladder, F.pixel_shuffle(logits, self.config.stem) if self.config.stem > 1 else logits

    def alpha(self, x: Tensor) -> Tensor:
        """The matte ``(n, 1, h, w)`` in [0, 1], 1 = person."""
        logits = self.forward(x)
        return logits.sigmoid() if self.config.classes == 1 else logits.softmax(dim=1)[:, 1:2]
