"""From the network's small alpha to a full-size one whose edges are the picture's own.

A fast guided filter (arXiv 1505.00996): within a small window the alpha is taken to be a straight line of the
picture's brightness. The lines are fitted on a small grid and evaluated at full size, so that the alpha's edge falls
where the picture's edge is. A contrast curve before and after makes what is certain exactly 0 and exactly 1.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.contrast import stretch_contrast
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
CERTAIN_BEFORE = 0.14
"""How far from 0 and 1 the settled alpha already counts as certain; the network's own was stretched once before."""
CERTAIN_AFTER = 0.3
"""The same for the fitted alpha: takes away the grey veil that a fit across textures leaves."""


class Refiner:
    """Refines one picture after another; keeps its full-size working arrays, so use one from one thread only."""

    def __init__(self) -> None:
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
        certain = stretch_contrast(small, CERTAIN_BEFORE)
        full: Alpha = cv2.resize(certain, (width, height), interpolation=cv2.INTER_LINEAR)
        edges = _edge_box(certain)
        if edges is None:
            return full
        grid = Size(min(GRID_SCALE * small.shape[1], width), min(GRID_SCALE * small.shape[0], height))
        rows, grid_rows = _spans(edges[0], small.shape[0], grid.height, height)
        columns, grid_columns = _spans(edges[1], small.shape[1], grid.width, width)
        fine = cv2.resize(certain, grid, interpolation=cv2.INTER_LINEAR)[grid_rows, grid_columns]
        self._fit_scratch(rows.stop - rows.start, columns.stop - columns.start)
        cv2.cvtColor(image[rows, columns], cv2.COLOR_RGB2GRAY, dst=self._luma)
        guide = shrink(self._luma, Size(fine.shape[1], fine.shape[0])).astype(np.float32)
        guide *= np.float32(1 / 255)
        slope, offset = _fit_lines(guide, fine)
        # The last contrast curve is a line too, but for its clipping: it costs nothing when drawn on the grid.
        scale = np.float32(1 / (1 - 2 * CERTAIN_AFTER))
        slope *= scale / 255
        offset -= np.float32(CERTAIN_AFTER)
        offset *= scale
        size = (self._luma.shape[1], self._luma.shape[0])
        cv2.resize(slope, size, dst=self._slope, interpolation=cv2.INTER_LINEAR)
        cv2.resize(offset, size, dst=self._offset, interpolation=cv2.INTER_LINEAR)
        np.multiply(self._slope, self._luma, out=self._slope)
        self._slope += self._offset
        np.clip(self._slope, 0, 1, out=full[rows, columns])
        return full

    def _fit_scratch(self, height: int, width: int) -> None:
        if self._luma.shape != (height, width):
            self._luma = np.empty((height, width), np.uint8)
            self._slope = np.empty((height, width), np.float32)
            self._offset = np.empty((height, width), np.float32)


def _edge_box(alpha: Alpha) -> tuple[slice, slice] | None:
    """Rows and columns that hold all that is neither certain nor among its like; None if there is nothing of it."""
    window = np.ones((3, 3), np.uint8)
    differs = cv2.dilate(alpha, window) > cv2.erode(alpha, window)
    left, top, width, height = cv2.boundingRect(differs.view(np.uint8))
    return (slice(top, top + height), slice(left, left + width)) if width else None


def _spans(edges: slice, small: int, grid: int, full: int) -> tuple[slice, slice]:
    """The span of the small alpha's ``edges`` in the picture and on the grid, with room for the windows of the fit.

    All of both where the grid's cells do not begin on whole pixels of the other two.
    """
    if grid % small or full % grid:
        return slice(0, full), slice(0, grid)
    cells = grid // small
    margin = -(-(RADIUS_PX + SMOOTHING_PX) // cells) + 1
    start, stop = max(0, edges.start - margin) * cells, min(small, edges.stop + margin) * cells
    return slice(start * (full // grid), stop * (full // grid)), slice(start, stop)


def _fit_lines(guide: NDArray[np.float32], alpha: Alpha) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Slope and offset, each ``(h, w)``, such that ``slope * guide + offset`` is near ``alpha`` around each pixel."""
    mean_guide, mean_alpha = _mean(guide, RADIUS_PX), _mean(alpha, RADIUS_PX)
    variance = _mean(cv2.multiply(guide, guide), RADIUS_PX)
    variance -= cv2.multiply(mean_guide, mean_guide)
    variance += np.float32(EPSILON)
    slope = _mean(cv2.multiply(guide, alpha), RADIUS_PX)
    slope -= cv2.multiply(mean_guide, mean_alpha)
    slope /= variance
    mean_alpha -= np.multiply(slope, mean_guide, out=mean_guide)
    return _mean(slope, SMOOTHING_PX), _mean(mean_alpha, SMOOTHING_PX)


def _mean(values: NDArray[np.float32], radius_px: int) -> NDArray[np.float32]:
    side = 2 * radius_px + 1
    averaged: NDArray[np.float32] = cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT)
    return averaged
