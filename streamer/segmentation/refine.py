"""From the network's small alpha to a full-size one whose edges are the picture's own.

A fast guided filter (arXiv 1505.00996): within a small window the alpha is taken to be a straight line of the
picture's brightness. The lines are fitted on a small grid and evaluated at full size, so that the alpha's edge falls
where the picture's edge is. A contrast curve before and after makes what is certain exactly 0 and exactly 1.
"""

from __future__ import annotations

import math
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from models.compiled import INTEGER, compiled, given, made, part_of_loops
from models.contrast import stretch_contrast
from streamer.frames import Alpha, Levels, Pixels, Planes, Size
from streamer.scaling import shrink
from streamer.yuv import size_of

Kind = TypeVar("Kind", np.uint8, np.float32)

GRID_SCALE = 2
"""The grid of the fit is at most this many times finer than the network's alpha: each of its cells is a whole number of
the picture's pixels wide and high, as far as they go into it."""
RADIUS_PX = 2
"""Half-width of the fit's window on the grid: about one pixel of the network's alpha."""
SMOOTHING_PX = 1
"""Half-width of the window over which neighbouring fits are averaged."""
EPSILON = 1e-3
"""Brightness variance, of 0..1, below which a window counts as flat and the alpha is left as it is."""
CERTAIN_BEFORE = 0.14
"""How far from 0 and 1 the settled alpha already counts as certain; the network's own was stretched once before."""
CERTAIN_AFTER, LEAST_AFTER, MOST_AFTER = 0.07, 0.1, 0.3
"""The same for the fitted alpha, for each pixel of the picture that one of the small alpha is wide, and within which
bounds: takes away the grey veil that a fit across textures leaves, and makes edges as soft as a camera does."""
OPEN_PX = 5
"""Side of the window of the small alpha that must be of one value for what lies in its middle to be that value, too."""


def refine(pixels: Pixels, small: Alpha) -> Levels:
    """The alpha of a picture at its full size, from the network's ``small`` one of the same picture.

    Args:
        pixels: RGB uint8 ``(h, w, 3)``, or planes.
        small: float32 ``(h', w')`` in [0, 1], of the same aspect ratio.

    Returns:
        uint8 ``(h, w)`` in 0..255, exactly 0 and 255 where certain.
    """
    width, height = size_of(pixels)
    certain = stretch_contrast(small, CERTAIN_BEFORE)
    window = np.ones((OPEN_PX, OPEN_PX), np.uint8)
    is_open = cv2.dilate(certain, window) > cv2.erode(certain, window)
    grid = grid_of(Size(width, height), Size(small.shape[1], small.shape[0]))
    left, top, open_w, open_h = cv2.boundingRect(is_open.view(np.uint8))
    rows, grid_rows = _spans(top, open_h, small.shape[0], grid.height, height)
    columns, grid_columns = _spans(left, open_w, small.shape[1], grid.width, width)
    lines_shape = (grid_rows.stop - grid_rows.start, grid_columns.stop - grid_columns.start)
    slope, offset = np.empty(lines_shape, np.float32), np.empty(lines_shape, np.float32)
    luma = np.empty((0, 0), np.uint8)
    if slope.size:
        fine = cv2.resize(certain, grid, interpolation=cv2.INTER_LINEAR)[grid_rows, grid_columns]
        luma, brightest = _luma(pixels, rows, columns)
        guide = shrink(luma, Size(slope.shape[1], slope.shape[0]))
        _fit_lines(_reflected(guide), brightest, _reflected(fine), slope, offset)
    full = np.empty((height, width), np.uint8)
    beginnings = (rows.start, columns.start, grid_rows.start, grid_columns.start)
    _draw(certain, is_open, luma, slope, offset, *beginnings, *grid, full)
    return full


def grid_of(picture: Size, small: Size) -> Size:
    """How many cells the grid of the fit has for a picture and an alpha of these sizes."""
    cell_px = max(1, -(-picture.width // (GRID_SCALE * small.width)))
    return Size(max(1, picture.width // cell_px), max(1, picture.height // cell_px))


@part_of_loops
def certain_after(width: int, small_width: int) -> float:
    """How far from 0 and 1 the fitted alpha counts as certain, for a picture and a small alpha of these widths."""
    return max(LEAST_AFTER, min(CERTAIN_AFTER * width / small_width, MOST_AFTER))


def _spans(start: int, length: int, small: int, grid: int, full: int) -> tuple[slice, slice]:
    """What a span of the small alpha is in the picture and on the grid, with room for the windows of the fit.

    Both begin and end where cells of the grid do so on whole pixels of the picture, and of that halved as often as
    ``shrink`` does: so the guide is the very same as that of the whole picture.
    """
    if length == 0:
        return slice(0, 0), slice(0, 0)
    halvings = max(0, (full // grid).bit_length() - 1)
    unit = grid // math.gcd(grid, full) * 2**halvings
    margin = RADIUS_PX + SMOOTHING_PX + -(-grid // small) + 1
    first = max(0, start * grid // small - margin) // unit * unit
    last = min(grid, -(-(-(-(start + length) * grid // small) + margin) // unit) * unit)
    return slice(first * full // grid, last * full // grid), slice(first, last)


def _luma(pixels: Pixels, rows: slice, columns: slice) -> tuple[Levels, int]:
    """The brightness of a part of the picture, and how many levels lie between black and white."""
    if isinstance(pixels, Planes):
        return np.ascontiguousarray(pixels.y[rows, columns]), 255 if pixels.full_range else 219
    return cv2.cvtColor(pixels[rows, columns], cv2.COLOR_RGB2GRAY), 255


def _reflected(values: NDArray[Kind]) -> NDArray[Kind]:
    """With a margin as wide as the fit and the averaging of its lines reach."""
    margin = RADIUS_PX + SMOOTHING_PX
    reflected: NDArray[Kind] = cv2.copyMakeBorder(values, margin, margin, margin, margin, cv2.BORDER_REFLECT)
    return reflected


@compiled(
    given("uint8", 2, packed=True),
    INTEGER,
    given("float32", 2, packed=True),
    made("float32", 2, packed=True),
    made("float32", 2, packed=True),
)
def _fit_lines(
    guide: Levels, brightest: int, alpha: Alpha, slope: NDArray[np.float32], offset: NDArray[np.float32]
) -> None:
    """Fill in slope and offset, ``(h, w)``, such that ``slope * guide + offset`` is near the alpha around each pixel.

    Args:
        guide: brightness, reflected beyond its edges.
        brightest: how many of its levels lie between black and white.
        alpha: likewise.
        slope: the result. Exactly 0 where the alpha is 0 or 1 everywhere around: these sums are whole numbers then.
        offset: the result.
    """
    height, width = slope.shape
    side = 2 * RADIUS_PX + 1
    count = np.float32(side * side)
    flat = np.float32(EPSILON * (brightest * side * side) ** 2)
    lines_h, lines_w = height + 2 * SMOOTHING_PX, width + 2 * SMOOTHING_PX
    slopes, offsets = np.empty((lines_h, lines_w), np.float32), np.empty((lines_h, lines_w), np.float32)
    # The sums of each column come first; each in an array of its own, or the compiler does not use vectors.
    padded_w = guide.shape[1]
    levels, shares = np.empty(padded_w, np.float32), np.empty(padded_w, np.float32)
    squares, products = np.empty(padded_w, np.float32), np.empty(padded_w, np.float32)
    for y in range(lines_h):
        for x in range(padded_w):
            a = b = c = d = np.float32(0)
            for step in range(side):
                level, share = np.float32(guide[y + step, x]), alpha[y + step, x]
                a += level
                b += share
                c += level * level
                d += level * share
            levels[x], shares[x], squares[x], products[x] = a, b, c, d
        for x in range(lines_w):
            a = b = c = d = np.float32(0)
            for step in range(side):
                a += levels[x + step]
                b += shares[x + step]
                c += squares[x + step]
                d += products[x + step]
            line = (count * d - a * b) / (count * c - a * a + flat)
            slopes[y, x], offsets[y, x] = line, (b - line * a) / count
    side = 2 * SMOOTHING_PX + 1
    share = np.float32(1 / (side * side))
    for y in range(height):
        for x in range(width):
            a = b = np.float32(0)
            for row in range(y, y + side):
                for column in range(x, x + side):
                    a += slopes[row, column]
                    b += offsets[row, column]
            slope[y, x], offset[y, x] = a * share, b * share


@compiled(
    given("float32", 2),
    given("boolean", 2),
    given("uint8", 2, packed=True),
    given("float32", 2, packed=True),
    given("float32", 2, packed=True),
    INTEGER,
    INTEGER,
    INTEGER,
    INTEGER,
    INTEGER,
    INTEGER,
    made("uint8", 2, packed=True),
)
def _draw(
    small: Alpha,
    is_open: NDArray[np.bool_],
    luma: Levels,
    slope: NDArray[np.float32],
    offset: NDArray[np.float32],
    top: int,
    left: int,
    grid_top: int,
    grid_left: int,
    grid_width: int,
    grid_height: int,
    full: Levels,
) -> None:
    """Fill in the full-size alpha: by the lines where it is open, the small alpha's value elsewhere."""
    height, width = full.shape
    small_h, small_w = small.shape
    lines_h, lines_w = slope.shape
    slopes, offsets = np.empty(lines_w, np.float32), np.empty(lines_w, np.float32)
    starts = np.empty(small_w + 1, np.int64)
    for column in range(small_w + 1):
        starts[column] = -(-column * width // small_w)
    befores, shares = np.empty(width, np.int64), np.empty(width, np.float32)
    for x in range(width):
        at = min(max((x + 0.5) * grid_width / width - 0.5, 0), grid_width - 1)
        befores[x] = int(at)
        shares[x] = at - int(at)
    margin = certain_after(width, small_w)
    certain, scale = np.float32(margin), np.float32(255 / (1 - 2 * margin))
    zero, most = np.float32(0), np.float32(255)
    # Spans of one value and open ones (-1), alike for all rows of the picture that lie in one of the small alpha.
    spans, values = np.empty(small_w + 1, np.int64), np.empty(small_w, np.int64)
    y = 0
    for row in range(small_h):
        count = 0
        for column in range(small_w):
            level = min(max((small[row, column] - certain) * scale, zero), most)
            value = -1 if is_open[row, column] else int(np.rint(level))
            if count == 0 or value != values[count - 1]:
                spans[count], values[count] = starts[column], value
                count += 1
        spans[count] = width
        while y < height and y * small_h // height == row:
            at = min(max((y + 0.5) * grid_height / height - 0.5, 0), grid_height - 1)
            is_ready = False
            for span in range(count):
                if values[span] >= 0:
                    target, value_here = full[y, spans[span] : spans[span + 1]], np.uint8(values[span])
                    for x in range(target.size):
                        target[x] = value_here
                    continue
                if not is_ready:
                    is_ready = True
                    upper, share = int(at) - grid_top, np.float32(at - int(at))
                    lower = min(upper + 1, lines_h - 1)
                    for x in range(lines_w):
                        slopes[x] = slope[upper, x] + share * (slope[lower, x] - slope[upper, x])
                        offsets[x] = offset[upper, x] + share * (offset[lower, x] - offset[upper, x])
                for x in range(spans[span], spans[span + 1]):
                    before, share = befores[x] - grid_left, shares[x]
                    after = min(before + 1, lines_w - 1)
                    line = slopes[before] + share * (slopes[after] - slopes[before])
                    alpha = line * np.float32(luma[y - top, x - left])
                    alpha += offsets[before] + share * (offsets[after] - offsets[before])
                    full[y, x] = np.uint8(np.rint(min(max((alpha - certain) * scale, zero), most)))
            y += 1
