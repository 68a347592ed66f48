"""The sizes of the networks, apart from the network itself: what only needs these need not load torch."""

from __future__ import annotations

from dataclasses import dataclass


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
    attention: int = 0
    """Heads of the self-attention at the bottleneck, where every place sees every other one; 0: none."""
    depths: tuple[int, ...] = ()
    """Empty: two plain 3x3 convolutions a level. Else how many residual ones each level has."""
    dense: bool = False
    """Of a residual network: pairs of full convolutions instead of depthwise separable ones."""
    kernels: tuple[int, ...] = ()
    """Of a residual network: the side of each level's kernels on the way down; on the way up it is 3."""
    up_depths: tuple[int, ...] = ()
    """Of a residual network: how many convolutions each level has on the way up, deepest first. Empty: one less than
    on the way down, but one at least."""
    final_kernel: int = 0
    """The side of the last convolution's kernel. 0: 1 at full resolution, 3 where the output is pixel-shuffled."""
    input_area_px: int = 256 * 256
    """About how many pixels a picture is scaled to before it enters, at its own aspect ratio."""

    @property
    def multiple_px(self) -> int:
        """Width and height of the input must be multiples of this."""
        return int(self.stem * 2 ** (len(self.channels) - 1))


CLASSIC = UNetConfig()
COMPACT = UNetConfig(
    channels=(16, 32, 64, 128, 256), classes=1, norm=True, stem=2, context=True, attention=4, depths=(1, 2, 2, 6, 6),
    kernels=(3, 3, 3, 5, 5), up_depths=(3, 2, 2, 1), final_kernel=1, input_area_px=256 * 448,
)  # fmt: skip
ACCURATE = UNetConfig(
    channels=(32, 64, 128, 192, 256), classes=1, norm=True, stem=2, context=True, depths=(1, 1, 2, 2, 3), dense=True,
    kernels=(3, 3, 3, 3, 3), up_depths=(2, 2, 1, 1), input_area_px=288 * 512,
)  # fmt: skip
CONFIGS = {"classic": CLASSIC, "compact": COMPACT, "accurate": ACCURATE}
