"""The U-Net that finds the person: one network, whose sizes are those of ``unet_config.py``.

After Ronneberger et al., "U-Net" (arXiv 1505.04597). ``CLASSIC`` is the plain network of the well-known recipe (31 M
parameters, two classes, no normalisation). ``ACCURATE`` works at half resolution, adds batch normalisation and a
picture-wide context, and returns one logit a pixel; its convolutions are residual (arXiv 1512.03385). ``COMPACT`` is
the same of depthwise separable convolutions (MobileNets, arXiv 1704.04861), with a self-attention where the picture is
smallest, for real time on a CPU.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.unet_config import UNetConfig

NORMALISED = (("conv", "norm"), ("conv1", "norm1"), ("conv2", "norm2"), ("depthwise", "norm1"), ("pointwise", "norm2"))
"""Names of convolutions and of the normalisations that follow them."""


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


class SeparableConv(nn.Module):
    """A depthwise convolution and a 1x1 one, each normalised; what comes in is added where the width allows it."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(inputs, inputs, kernel, padding=kernel // 2, groups=inputs, bias=False)
        self.norm1 = nn.BatchNorm2d(inputs)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.is_residual = inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.pointwise(F.relu(self.norm1(self.depthwise(x)), inplace=True)))
        return F.relu(x + y if self.is_residual else y)


class DenseConv(nn.Module):
    """Two full convolutions, each normalised; what comes in is added where the width allows it."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.is_residual = inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)), inplace=True)))
        return F.relu(x + y if self.is_residual else y)


def residual_block(inputs: int, outputs: int, depth: int, *, dense: bool, kernel: int = 3) -> nn.Sequential:
    """``depth`` dense or separable convolutions, the first of which changes the width."""
    kind = DenseConv if dense else SeparableConv
    return nn.Sequential(*(kind(outputs if i else inputs, outputs, kernel) for i in range(depth)))


class Stem(nn.Module):
    """The first level of a residual network: one plain convolution that halves the picture, then residual ones."""

    def __init__(self, outputs: int, block: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, outputs, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.block(F.relu(self.norm(self.conv(x)), inplace=True))
        return features


class Attention(nn.Module):
    """Multi-head self-attention ("Attention Is All You Need", arXiv 1706.03762) over all places of a feature map.

    It works at half the width, normalises what comes in and adds to it. Places are told apart by what the convolutions
    before it make of the picture's edges.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.inward = nn.Linear(width, 3 * (width // 2))
        self.outward = nn.Linear(width // 2, width)

    def forward(self, x: Tensor) -> Tensor:
        places = self.inward(self.norm(x.flatten(2).transpose(1, 2)))  # (n, h * w, 3 * width / 2)
        query, key, value = places.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        found = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return x + self.outward(found).transpose(1, 2).unflatten(2, x.shape[2:])


class Encoder(nn.Module):
    """One level on the way down: features for the skip connection, and the same halved."""

    def __init__(self, conv_block: nn.Module) -> None:
        super().__init__()
        self.conv_block = conv_block

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


class ResidualDecoder(nn.Module):
    """One level on the way up in a residual network: narrow, double the size, add the skip connection, convolve."""

    def __init__(self, inputs: int, outputs: int, block: nn.Module) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(inputs, outputs, 1)
        self.skip = nn.Conv2d(outputs, outputs, 1)
        self.block = block

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        doubled = F.interpolate(self.narrow(x), scale_factor=2.0, mode="nearest")
        joined: Tensor = self.block(doubled + self.skip(skip))
        return joined


def fold_norms(network: nn.Module) -> None:
    """Put every normalisation into the convolution before it: the same network in fewer steps, for use alone."""
    for module in network.modules():
        for conv, norm in NORMALISED:
            first, then = getattr(module, conv, None), getattr(module, norm, None)
            if isinstance(first, nn.Conv2d) and isinstance(then, nn.BatchNorm2d):
                setattr(module, conv, fuse_conv_bn_eval(first, then))
                setattr(module, norm, nn.Identity())


class UNet(nn.Module):
    """RGB in [0, 1], ``(n, 3, h, w)`` with sides that are multiples of ``config.multiple_px``, to logits a pixel."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        *widths, deepest = config.channels
        for level in range(1, len(config.channels)):
            self.add_module(f"enc{level}", Encoder(self._down(level)))
        self.bottleneck = self._down(len(config.channels))
        if config.attention:
            self.attention = Attention(deepest, config.attention)
        if config.context:
            self.context = nn.Linear(deepest, deepest)
        inputs = deepest
        for level, width in enumerate(reversed(widths), start=1):
            if config.depths:
                depth = config.up_depths[level - 1] if config.up_depths else max(1, config.depths[-1 - level] - 1)
                block = residual_block(width, width, depth, dense=config.dense)
                decoder: nn.Module = ResidualDecoder(inputs, width, block)
            else:
                decoder = Decoder(inputs, width, norm=config.norm)
            self.add_module(f"dec{level}", decoder)
            inputs = width
        kernel = config.final_kernel or (1 if config.stem == 1 else 3)
        self.final_conv = nn.Conv2d(inputs, config.classes * config.stem**2, kernel, padding=kernel // 2)

    def _down(self, level: int) -> nn.Module:
        """The convolutions of a level, counted from 1, on the way down."""
        config, index = self.config, level - 1
        inputs, outputs = (3, *config.channels)[index], config.channels[index]
        if not config.depths:
            return ConvBlock(inputs, outputs, norm=config.norm, stride=config.stem if level == 1 else 1)
        if level == 1:
            inputs = outputs
        block = residual_block(inputs, outputs, config.depths[index], dense=config.dense, kernel=config.kernels[index])
        return Stem(outputs, block) if level == 1 else block

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
        if self.config.attention:
            x = self.attention(x)
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
