"""From the network's small alpha to a full-size one whose edges are the picture's own.

A fast guided filter (arXiv 1505.00996): within a small window the alpha is taken to be a straight line of the
picture's brightness. The lines are fitted on a small grid and evaluated at full size, so that the alpha's edge falls
where the picture's edge is. A contrast curve before and after makes what is certain exactly 0 and exactly 1.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Alpha, Image, Size
from streamer.scaling import shrink

GRID_SCALE = 2
"""The grid of the fit is this many times finer than the network's alpha (never finer than the picture)."""
RADIUS_PX = 2
"""Half-width of the fit's window on the grid: about one pixel of the network's alpha."""
SMOOTHING_PX = 1
"""Half-width of the window over which neighbouring fits are averaged."""
EPSILON = 1e-3
"""Brightness variance, of 0..1, below which a window counts as flat and the alpha is left as it is."""
CERTAIN_BEFORE = 0.2
"""How far from 0 and 1 the network's alpha already counts as certain."""
CERTAIN_AFTER = 0.3
"""The same for the fitted alpha: takes away the grey veil that a fit across textures leaves."""


class Refiner:
    """Refines one picture after another; keeps its full-size working arrays, so use one from one thread only.

    Args:
        min_island: share of the picture in [0, 1] below which a separate patch of person is dropped; 0 keeps all.
    """

    def __init__(self, *, min_island: float = 0.0) -> None:
        self._min_island = min_island
        self._luma: Image = np.empty((0, 0), np.uint8)
        self._slope: Alpha = np.empty((0, 0), np.float32)
        self._offset: Alpha = np.empty((0, 0), np.float32)

    def refine(self, image: Image, small: Alpha) -> Alpha:
        """The alpha of ``image`` at its full size, from the network's ``small`` one of the same picture.

        Args:
            image: RGB uint8 ``(h, w, 3)``.
            small: float32 ``(h', w')`` in [0, 1], of the same aspect ratio.

        Returns:
            A new float32 ``(h, w)`` in [0, 1], exactly 0 and 1 where certain.
        """
        height, width = image.shape[:2]
        self._fit_scratch(height, width)
        certain = stretch_contrast(small, CERTAIN_BEFORE)
        if self._min_island > 0:
            certain = drop_islands(certain, self._min_island)
        grid = Size(min(GRID_SCALE * small.shape[1], width), min(GRID_SCALE * small.shape[0], height))
        cv2.cvtColor(image, cv2.COLOR_RGB2GRAY, dst=self._luma)
        guide = shrink(self._luma, grid).astype(np.float32)
        guide /= 255
        slope, offset = _fit_lines(guide, cv2.resize(certain, grid, interpolation=cv2.INTER_LINEAR))
        # The last contrast curve is a line too, but for its clipping: it costs nothing when drawn on the grid.
        scale = np.float32(1 / (1 - 2 * CERTAIN_AFTER))
        slope *= scale / 255
        offset -= np.float32(CERTAIN_AFTER)
        offset *= scale
        cv2.resize(slope, (width, height), dst=self._slope, interpolation=cv2.INTER_LINEAR)
        cv2.resize(offset, (width, height), dst=self._offset, interpolation=cv2.INTER_LINEAR)
        np.multiply(self._slope, self._luma, out=self._slope)
        full: Alpha = cv2.add(self._slope, self._offset)
        return np.clip(full, 0, 1, out=full)

    def _fit_scratch(self, height: int, width: int) -> None:
        if self._luma.shape != (height, width):
            self._luma = np.empty((height, width), np.uint8)
            self._slope = np.empty((height, width), np.float32)
            self._offset = np.empty((height, width), np.float32)


def stretch_contrast(alpha: Alpha, certain: float) -> Alpha:
    """Map ``certain`` to 0 and ``1 - certain`` to 1, a straight line in between, clipped outside."""
    scale = np.float32(1 / (1 - 2 * certain))
    stretched = alpha * scale
    stretched -= np.float32(certain) * scale
    return np.clip(stretched, 0, 1, out=stretched)


def drop_islands(alpha: Alpha, min_share: float) -> Alpha:
    """Set to 0 each connected patch of person that is smaller than ``min_share`` of the picture."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > 0).astype(np.uint8), connectivity=8)
    too_small = stats[:, cv2.CC_STAT_AREA] < min_share * alpha.size
    if count <= 1 or not too_small.any():
        return alpha
    too_small[0] = False  # label 0 is the surroundings
    return np.where(too_small[labels], np.float32(0), alpha)


def _fit_lines(guide: NDArray[np.float32], alpha: Alpha) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slope and offset, each ``(h, w)``, such that ``slope * guide + offset`` is near ``alpha`` around each pixel."""
    mean_guide, mean_alpha = _mean(guide, RADIUS_PX), _mean(alpha, RADIUS_PX)
    variance = _mean(guide * guide, RADIUS_PX) - mean_guide * mean_guide
    covariance = _mean(guide * alpha, RADIUS_PX) - mean_guide * mean_alpha
    variance += np.float32(EPSILON)
    slope = np.divide(covariance, variance, dtype=np.float32)
    offset = np.subtract(mean_alpha, slope * mean_guide, dtype=np.float32)
    return _mean(slope, SMOOTHING_PX), _mean(offset, SMOOTHING_PX)


def _mean(values: NDArray[np.float32], radius_px: int) -> NDArray[np.float32]:
    side = 2 * radius_px + 1
    averaged: NDArray[np.float32] = cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT)
    return averaged
