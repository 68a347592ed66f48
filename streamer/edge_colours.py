"""The colours of person and room at the edge of a matte, where a picture's pixels mix the two.

As in blur-fusion (arXiv 2006.14970), certain colours of person and room are carried into the edge by blurs weighted
with the alpha, on a smaller picture.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, given, made, part_of_loops, rows_of
from streamer.frames import Levels, Pixels, Planes, Size
from streamer.yuv import yuv_to_rgb

Colours: TypeAlias = NDArray[np.float32]

SMALL_AREA_PX = 256 * 144
"""Colours are carried into the edge on a picture of about this many pixels: they vary slowly."""
WIDE_PX, NARROW_PX = 10, 2
"""Half-widths of the two blurs on the small picture: far enough to reach certain pixels, near enough to be local."""
REACH_PX = WIDE_PX + NARROW_PX
"""How far on the small picture the blurs together reach."""
FAINT = 1e-2
"""Weight, of 0..1, below which a window has seen too little to go by."""
RIM = 1 / 360
"""How far inside the matte a colour may still be tinted by the old room, as a share of the picture's shorter side."""


class Edge(NamedTuple):
    """What tells person and room apart where they may be mixed, within a box that holds the person and some room."""

    inside: Levels
    """0..255, ``(h, w)`` of the box, 255 = deep inside the person."""
    person: Colours
    """The person's colours carried into the edge, RGB ``(h', w', 3)``, of all of the box."""
    room: Colours
    """The room's, likewise."""
    top: int
    """Where in the picture the box begins: an even number."""
    left: int


def edge_of(pixels: Pixels, levels: Levels) -> Edge | None:
    """None if there is nobody."""
    height, width = levels.shape
    scale = min(1.0, (SMALL_AREA_PX / (width * height)) ** 0.5)
    reach_px = math.ceil(REACH_PX / scale)
    left, top, box_w, box_h = cv2.boundingRect(levels)
    if box_w == 0:
        return None
    rows, columns = _even_span(top, top + box_h, reach_px, height), _even_span(left, left + box_w, reach_px, width)
    levels = levels[rows, columns]
    side = 2 * rim_px(Size(width, height)) + 1
    inside = cv2.erode(levels, np.ones((side, side), np.uint8))
    size = Size(max(1, round(levels.shape[1] * scale)), max(1, round(levels.shape[0] * scale)))
    small = _sampled_colours(pixels, rows, columns, size)
    person = carried(small, _sampled(inside, size))
    room = carried(small, 255 - cv2.dilate(_sampled(levels, size), np.ones((3, 3), np.uint8)))
    return Edge(inside, person, room, rows.start, columns.start)


def _sampled(image: Levels, size: Size) -> Levels:
    """The picture or levels at a smaller size, each pixel the mean of four samples: what follows averages many more."""
    twice = (2 * size.width, 2 * size.height)
    if image.shape[1] > twice[0] and image.shape[0] > twice[1]:
        image = cv2.resize(image, twice, interpolation=cv2.INTER_NEAREST)
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)


def _sampled_colours(pixels: Pixels, rows: slice, columns: slice, size: Size) -> Colours:
    """A part of a picture at a smaller size, RGB float32; its bounds are even if it comes as planes."""
    if not isinstance(pixels, Planes):
        return _sampled(pixels[rows, columns], size).astype(np.float32)
    halves = tuple(slice(span.start // 2, span.stop // 2) for span in (rows, columns))
    parts = [_sampled(plane, size) for plane in (pixels.y[rows, columns], pixels.u[halves], pixels.v[halves])]
    affine = yuv_to_rgb(pixels.matrix, full_range=pixels.full_range)
    return cv2.transform(cv2.merge(parts), affine).astype(np.float32)


def _even_span(start: int, stop: int, margin: int, end: int) -> slice:
    """From start to stop with a margin, within 0 to ``end``, on even bounds; an odd ``end`` may be one."""
    return slice(max(0, start - margin) // 2 * 2, min(end, (stop + margin + 1) // 2 * 2))


def rim_px(size: Size) -> int:
    """How far inside the matte, in pixels of a picture of that size, colours are looked at for traces of the room."""
    return max(1, round(RIM * min(size)))


def carried(colours: Colours, levels: Levels) -> Colours:
    """Spread the colours that have weight to where there is none, near ones first.

    Args:
        colours: RGB float32 ``(h, w, 3)``.
        levels: uint8 ``(h, w)``. Their 8th power is the weight: a colour that is half certain is half the other side's.

    Returns:
        RGB float32 ``(h, w, 3)``.
    """
    result = np.empty((levels.shape[0], 3 * levels.shape[1]), np.float32)
    _carry(rows_of(colours), np.ascontiguousarray(levels), result)
    return result.reshape(colours.shape)


@part_of_loops
def _mirrored(index: int, count: int) -> int:
    """That one of ``count`` which stands for the index beyond their ends: before the first comes the second."""
    if count == 1:
        return 0
    index = abs(index) % (2 * count - 2)
    return min(index, 2 * count - 2 - index)


@part_of_loops
def _blend(weighted: Colours, radius: int, result: Colours) -> None:
    """Blur colours and weights with a window of that half-width, and divide; what was there stands in a little.

    The wide estimate stands in where the narrow window saw nothing.
    """
    height, width = result.shape[0], result.shape[1] // 3
    faint = np.float32(FAINT) * np.float32((2 * radius + 1) ** 2)
    sums = np.zeros(4 * width, np.float32)
    for step in range(-radius, radius + 1):
        sums += weighted[_mirrored(step, height)]
    coming, going = np.empty(width, np.int64), np.empty(width, np.int64)
    for x in range(width):
        coming[x], going[x] = 4 * _mirrored(x + radius + 1, width), 4 * _mirrored(x - radius, width)
    for y in range(height):
        row = result[y]
        red = green = blue = weight = np.float32(0)
        for step in range(-radius, radius + 1):
            at = 4 * _mirrored(step, width)
            red, green, blue, weight = red + sums[at], green + sums[at + 1], blue + sums[at + 2], weight + sums[at + 3]
        for x in range(width):
            share = np.float32(1) / (max(weight, np.float32(0)) + faint)
            row[3 * x] = (red + faint * row[3 * x]) * share
            row[3 * x + 1] = (green + faint * row[3 * x + 1]) * share
            row[3 * x + 2] = (blue + faint * row[3 * x + 2]) * share
            comes, goes = coming[x], going[x]
            red += sums[comes] - sums[goes]
            green += sums[comes + 1] - sums[goes + 1]
            blue += sums[comes + 2] - sums[goes + 2]
            weight += sums[comes + 3] - sums[goes + 3]
        below, above = weighted[_mirrored(y + radius + 1, height)], weighted[_mirrored(y - radius, height)]
        for index in range(4 * width):
            sums[index] += below[index] - above[index]


@compiled(given("float32", 2, packed=True), given("uint8", 2, packed=True), made("float32", 2, packed=True))
def _carry(colours: Colours, levels: Levels, result: Colours) -> None:
    """See ``carried``; colours and result are ``(h, 3 w)``."""
    height, width = levels.shape
    weighted = np.empty((height, 4 * width), np.float32)
    for y in range(height):
        own, target, copied = colours[y], weighted[y], result[y]
        for x in range(width):
            weight = np.float32(levels[y, x]) * np.float32(1 / 255)
            weight *= weight
            weight *= weight
            weight *= weight
            for channel in range(3):
                colour = own[3 * x + channel]
                target[4 * x + channel] = colour * weight
                copied[3 * x + channel] = colour
            target[4 * x + 3] = weight
    _blend(weighted, WIDE_PX, result)
    _blend(weighted, NARROW_PX, result)
