"""Where a plate is painted: masks in whole cells of the diffusion network, and filling a hole from around it.

Masks are bool ``(h, w)``, True = repaint. Pictures are RGB uint8 ``(h, w, 3)``.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Alpha, Image, Size

Mask: TypeAlias = NDArray[np.bool_]

CELL_PX = 8
"""A latent of Stable Diffusion stands for 8x8 pixels; its mask is sampled there, not averaged: one pixel decides."""
STEP_PX = 64
"""Sides of a plate are multiples of this."""
AREA_PX = 768 * 448
"""About how large a plate is: Stable Diffusion 1.5 learnt 512x512 and repeats itself on much larger pictures."""
FAINT = 0.05
"""Alpha from which a pixel may hold a trace of the person."""
CORE = 0.5
"""Alpha from which a pixel is the person's."""
GROWTH = 0.02
"""How much wider the hole is than the person on each side, as a share of the picture's diagonal; at least 2 cells."""


def plate_size(size: Size) -> Size:
    """The size at which a plate for frames of ``size`` is painted: near their shape, in multiples of ``STEP_PX``."""
    aspect = size.width / size.height
    sides = range(4 * STEP_PX, 24 * STEP_PX + 1, STEP_PX)
    fitting = [Size(w, h) for w in sides for h in sides if 0.75 * AREA_PX <= w * h <= 1.25 * AREA_PX]

    # Within 5 % of the shape the area decides: nobody sees a painted room stretched by so little.
    def misfit(candidate: Size) -> tuple[int, int]:
        stretch = abs(np.log(candidate.width / candidate.height / aspect))
        return round(20 * float(stretch)), abs(candidate.width * candidate.height - AREA_PX)

    return min(fitting, key=misfit)


def smaller(size: Size) -> Size:
    """About half the area, for a device that ran out of memory; at least 4 steps a side."""

    def shortened(side: int) -> int:
        return max(4 * STEP_PX, round(side * 0.7 / STEP_PX) * STEP_PX)

    return Size(shortened(size.width), shortened(size.height))


def snap_out(mask: Mask) -> Mask:
    """The mask grown to whole cells: a cell with one pixel of it is all of it."""
    height, width = mask.shape
    rows, columns = -(-height // CELL_PX), -(-width // CELL_PX)
    padded = np.zeros((rows * CELL_PX, columns * CELL_PX), bool)
    padded[:height, :width] = mask
    cells = padded.reshape(rows, CELL_PX, columns, CELL_PX).any(axis=(1, 3))
    return cells.repeat(CELL_PX, axis=0).repeat(CELL_PX, axis=1)[:height, :width]


def person_hole(alpha: Alpha) -> Mask:
    """Everything that may hold a trace of the person, generously: grown, its gaps closed, in whole cells."""
    height, width = alpha.shape
    reach_px = int(max(2 * CELL_PX, GROWTH * np.hypot(height, width)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach_px + 1, 2 * reach_px + 1))
    seen = (alpha > FAINT).astype(np.uint8)
    grown = cv2.dilate(cv2.morphologyEx(seen, cv2.MORPH_CLOSE, kernel), kernel)
    return snap_out(grown.astype(bool))


def fill_from_around(image: Image, hole: Mask) -> Image:
    """The picture with its hole filled by the colours around: smooth, and no pixel of the hole has a part in it.

    Averages over ever larger areas, of known pixels only, then carries them back into the hole (push-pull after
    Gortler et al., "The Lumigraph", 1996). All hole: the neutral grey 128.
    """
    known = (~hole).astype(np.float32)
    pyramid = [cv2.merge((*cv2.split(image.astype(np.float32) * known[..., None]), known))]
    while max(pyramid[-1].shape[:2]) > 1:
        height, width = pyramid[-1].shape[:2]
        half = (max(1, width // 2), max(1, height // 2))
        pyramid.append(cv2.resize(pyramid[-1], half, interpolation=cv2.INTER_AREA))
    grey = np.full((1, 1, 3), 128, np.float32)
    estimate = grey if pyramid[-1][0, 0, 3] == 0 else pyramid[-1][..., :3] / pyramid[-1][..., 3:]
    for level in reversed(pyramid[:-1]):
        height, width = level.shape[:2]
        coarse = cv2.resize(estimate, (width, height), interpolation=cv2.INTER_LINEAR)
        weight = level[..., 3:]
        estimate = level[..., :3] + (1 - weight) * coarse  # colours there are weighted already
    filled = image.copy()
    filled[hole] = np.clip(np.rint(estimate[hole]), 0, 255).astype(np.uint8)
    return filled


def paste(base: Image, patch: Image, hole: Mask, feather_px: int = CELL_PX) -> Image:
    """``patch`` in the hole, fading to ``base`` outside of it: within the hole nothing of ``base`` is left."""
    away_px = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 3)
    share = np.clip(1 - away_px / (feather_px + 1), 0, 1)[..., None]
    return np.clip(np.rint(base * (1 - share) + patch * share), 0, 255).astype(np.uint8)
