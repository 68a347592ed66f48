"""Whether what a segmenter or a background returned can be used at all: its type, its size, its range."""

from __future__ import annotations

import numpy as np

from streamer.errors import SegmentationError
from streamer.frames import Alpha, Image, Size
from streamer.interfaces import HeldMatte

RANGE_SLACK = 0.5
"""A little outside [0, 1] is overshoot and clipped; more than this is not an alpha at all (0..255, logits)."""


def check_held(matte: HeldMatte, size: Size) -> None:
    """``SegmentationError`` when it is not of a frame of that size, or its small alpha is not in [0, 1]."""
    if matte.size != size:
        raise SegmentationError(f"a matte of a frame of {matte.size} for one of {size}")
    if matte.small.ndim != 2 or usable_alpha(matte.small, Size(*matte.small.shape[::-1])) is not matte.small:
        raise SegmentationError("the small alpha of a held matte is not from 0 to 1")


def usable_alpha(alpha: Alpha, size: Size) -> Alpha:
    """The alpha, clipped to [0, 1]; ``SegmentationError`` when it is not an alpha of a picture of that size."""
    if not isinstance(alpha, np.ndarray) or alpha.dtype != np.float32:
        kind = getattr(alpha, "dtype", type(alpha).__name__)
        raise SegmentationError(f"the segmenter returned {kind} where float32 was due")
    if alpha.shape != (size.height, size.width):
        raise SegmentationError(f"the segmenter returned an alpha of shape {alpha.shape} for a frame of {size}")
    with np.errstate(invalid="ignore"):
        lowest, highest = float(alpha.min()), float(alpha.max())  # NaN comes through both
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise SegmentationError("the segmenter returned NaN or infinite alphas")
    if lowest < -RANGE_SLACK or highest > 1 + RANGE_SLACK:
        raise SegmentationError(f"the segmenter returned alphas from {lowest:g} to {highest:g}, not 0 to 1")
    return alpha if lowest >= 0 and highest <= 1 else np.clip(alpha, 0, 1)


def usable_background(image: Image, size: Size) -> Image:
    """The background picture, if it is one of that size; ``ValueError`` else."""
    if image.dtype != np.uint8 or image.shape != (size.height, size.width, 3):
        raise ValueError(f"a background of {image.dtype} {image.shape} for a frame of {size}")
    return image
