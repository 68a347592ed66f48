"""Laying the person over a background. Pure functions on uint8 RGB pictures and float32 alphas."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Alpha, Image, Planes, Size
from streamer.yuv import convert_blocks

_Levels: TypeAlias = NDArray[np.uint8]
_Colours: TypeAlias = NDArray[np.float32]

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
INDISTINCT = 400.0
"""Squared distance of person's and room's colours below which they are hardly told apart, and left alone."""


def over(foreground: Image, alpha: Alpha, background: Image) -> Image:
    """Lay ``foreground`` over ``background``: ``alpha * foreground + (1 - alpha) * background``.

    Args:
        foreground: RGB uint8 ``(h, w, 3)``.
        alpha: float32 ``(h, w)`` in [0, 1]; used in 255 steps.
        background: RGB uint8 ``(h, w, 3)``.

    Returns:
        RGB uint8 ``(h, w, 3)``: exactly the background at alpha 0 and the foreground at 1, within 1 in between.
    """
    levels = _levels(alpha)
    weights = cv2.merge((levels, levels, levels))
    front = cv2.multiply(foreground, weights, scale=1 / 255)
    cv2.bitwise_not(weights, dst=weights)
    back = cv2.multiply(background, weights, dst=weights, scale=1 / 255)
    return cv2.add(front, back, dst=front)


def with_alpha(foreground: Image, alpha: Alpha) -> Image:
    """RGBA uint8 ``(h, w, 4)`` with straight alpha: the colours are not multiplied by it."""
    rgba: Image = cv2.cvtColor(foreground, cv2.COLOR_RGB2RGBA)
    rgba[..., 3] = _levels(alpha)
    return rgba


def _levels(alpha: Alpha) -> _Levels:
    """0..1 to 0..255, rounded."""
    levels: _Levels = cv2.convertScaleAbs(alpha, alpha=255)
    return levels


def estimate_foreground(image: Image, alpha: Alpha) -> Image:
    """The person's own colours, without the old room that shines through at the edges.

    As in blur-fusion (arXiv 2006.14970), certain colours of person and room are carried into the edge by blurs weighted
    with the alpha, on a smaller picture. How much of the room is in a pixel is then read off its own colour, by where
    it lies between the two, and taken out: the alpha alone would miss the pixels just inside the edge that the camera's
    optics and the video's coarse chroma have mixed.

    Args:
        image: RGB uint8 ``(h, w, 3)``.
        alpha: float32 ``(h, w)`` in [0, 1], the matte of this very picture.

    Returns:
        RGB uint8 ``(h, w, 3)``, equal to ``image`` where the alpha is 0 and further than ``rim_px`` inside the person;
        ``image`` itself when the alpha is nowhere in between.
    """
    edge = _cleaned_edge(image, _levels(alpha))
    if edge is None or edge.where.size == 0:
        return image
    estimated = image.copy()
    estimated.reshape(-1, 3)[edge.where] = np.rint(edge.colours).T
    return estimated


def replace_background(image: Image, alpha: Alpha, background: Image) -> Image:
    """The person of ``image`` over ``background``: ``over`` with the colours of ``estimate_foreground``, in one go.

    Only the edge is computed; the rest is copied, which takes half the time.

    Args:
        image: RGB uint8 ``(h, w, 3)``.
        alpha: float32 ``(h, w)`` in [0, 1], the matte of this very picture; used in 255 steps.
        background: RGB uint8 ``(h, w, 3)``.

    Returns:
        RGB uint8 ``(h, w, 3)``: exactly the background at alpha 0.
    """
    return _replace(image, alpha, background)[0]


def replace_background_in_planes(
    own: Planes, image: Image, alpha: Alpha, background: Image, plate: Planes
) -> tuple[Image, Planes]:
    """``replace_background``, and its result as YUV, of which only the edge is converted.

    Deep inside the person stand the decoder's own pixels, and around them the plate's.

    Args:
        own: ``image`` as it was decoded.
        image: RGB uint8 ``(h, w, 3)``.
        alpha: float32 ``(h, w)`` in [0, 1], the matte of this very picture; used in 255 steps.
        background: RGB uint8 ``(h, w, 3)``.
        plate: ``background`` with the matrix and range of ``own``, see ``to_planes``.
    """
    result, edge = _replace(image, alpha, background)
    planes = Planes(plate.y.copy(), plate.u.copy(), plate.v.copy(), own.matrix, own.full_range)
    if edge is not None:
        core = edge.core
        rows, columns = edge.box
        half = np.s_[rows.start // 2 : rows.stop // 2, columns.start // 2 : columns.stop // 2]
        cv2.copyTo(own.y[edge.box], core, planes.y[edge.box])
        # Where a block of four is not of one kind, one of its pixels belongs to the edge, and the block is converted.
        cv2.copyTo(own.u[half], core[::2, ::2], planes.u[half])
        cv2.copyTo(own.v[half], core[::2, ::2], planes.v[half])
        convert_blocks(result, edge.where, planes)
    return result, planes


@dataclass(frozen=True, slots=True)
class _Edge:
    """Where person and room may be mixed, and the person's own colours there."""

    box: tuple[slice, slice]
    """Rows and columns that hold the person and what the edge is told by, on even bounds where the picture's are."""
    core: _Levels
    """1 within the box where it is deep inside the person, 0 elsewhere."""
    where: NDArray[np.intp]
    """Flat indices ``(n,)`` into the picture of all that is neither the room (level 0) nor deep inside the person."""
    colours: _Colours
    """RGB ``(3, n)``: NumPy takes half the time for it as for ``(n, 3)``."""


def _replace(image: Image, alpha: Alpha, background: Image) -> tuple[Image, _Edge | None]:
    levels = _levels(alpha)
    edge = _cleaned_edge(image, levels)
    result = background.copy()
    if edge is None:
        return result, None
    cv2.copyTo(image[edge.box], edge.core, result[edge.box])
    behind = _at(background, edge.where)
    colours = edge.colours - behind
    colours *= np.take(levels, edge.where) * np.float32(1 / 255)
    colours += behind
    result.reshape(-1, 3)[edge.where] = np.rint(colours, out=colours).T
    return result, edge


def _cleaned_edge(image: Image, levels: _Levels) -> _Edge | None:
    """The edge, the old room's colours taken out of it; None if there is nobody."""
    height, width = levels.shape
    scale = min(1.0, (SMALL_AREA_PX / (width * height)) ** 0.5)
    reach_px = math.ceil(REACH_PX / scale)
    left, top, box_w, box_h = cv2.boundingRect(levels)
    if box_w == 0:
        return None
    rows, columns = _even_span(top, top + box_h, reach_px, height), _even_span(left, left + box_w, reach_px, width)
    box = (rows, columns)
    levels = levels[box]
    side = 2 * rim_px(Size(width, height)) + 1
    inside = cv2.erode(levels, np.ones((side, side), np.uint8))
    is_core = inside == 255
    where = np.flatnonzero((levels > 0) & ~is_core)
    box_h, box_w = levels.shape
    across, down = where % box_w, where // box_w
    where = (down + rows.start) * width + (across + columns.start)
    if where.size == 0:
        return _Edge(box, is_core.view(np.uint8), where, np.empty((3, 0), np.float32))
    size = Size(max(1, round(box_w * scale)), max(1, round(box_h * scale)))
    small = cv2.cvtColor(_sampled(image[box], size).astype(np.float32), cv2.COLOR_RGB2RGBA)
    person = _carry(small, _sampled(inside, size))
    room = _carry(small, 255 - cv2.dilate(_sampled(levels, size), np.ones((3, 3), np.uint8)))
    spots = (down * size.height // box_h) * size.width + across * size.width // box_w
    own = _at(image, where)
    return _Edge(box, is_core.view(np.uint8), where, _without_room(own, _at(person, spots), _at(room, spots)))


def _sampled(image: _Levels, size: Size) -> _Levels:
    """The picture or levels at a smaller size, each pixel the mean of four samples: what follows averages many more."""
    twice = (2 * size.width, 2 * size.height)
    if image.shape[1] > twice[0] and image.shape[0] > twice[1]:
        image = cv2.resize(image, twice, interpolation=cv2.INTER_NEAREST)
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)


def _even_span(start: int, stop: int, margin: int, end: int) -> slice:
    """From start to stop with a margin, within 0 to ``end``, on even bounds; an odd ``end`` may be one."""
    return slice(max(0, start - margin) // 2 * 2, min(end, (stop + margin + 1) // 2 * 2))


def _at(image: _Levels | _Colours, where: NDArray[np.intp]) -> _Colours:
    """The colours ``(3, n)`` at flat indices; several times as fast as indexing with them."""
    return np.take(image.reshape(-1, 3), where, axis=0).T.astype(np.float32, order="C")


def rim_px(size: Size) -> int:
    """How far inside the matte, in pixels of a picture of that size, colours are looked at for traces of the room."""
    return max(1, round(RIM * min(size)))


def _without_room(own: _Colours, person: _Colours, room: _Colours) -> _Colours:
    """Move each colour ``(3, n)`` away from the room's, by its share of it, and never beyond the person's."""
    axis = room - person
    share = ((own - person) * axis).sum(axis=0) / ((axis * axis).sum(axis=0) + np.float32(INDISTINCT))
    axis *= np.clip(share, 0, 1, out=share)
    cleaned = own - axis
    return np.clip(cleaned, np.minimum(own, person), np.maximum(own, person), out=cleaned)


def _carry(colours: _Colours, levels: _Levels) -> _Colours:
    """Spread the colours that have weight ``(h, w)`` to where there is none, near ones first.

    Args:
        colours: RGB and a fourth channel that is 1 everywhere, float32 ``(h, w, 4)``; it gathers the weights.
        levels: the weights, uint8.

    Returns:
        RGB float32 ``(h, w, 3)``.
    """
    weight = levels.astype(np.float32)
    weight *= np.float32(1 / 255)
    for _ in range(3):
        weight *= weight  # to the 8th power: a colour that is half certain is half the other side's
    weighted = cv2.multiply(colours, cv2.merge((weight, weight, weight, weight)))
    carried = colours
    for radius_px in (WIDE_PX, NARROW_PX):
        window = (2 * radius_px + 1, 2 * radius_px + 1)
        seen = cv2.blur(weighted, window)
        share = cv2.extractChannel(seen, 3)
        share += np.float32(FAINT)
        # The wide estimate stands in, with little weight, where the narrow window saw nothing.
        cv2.scaleAdd(carried, FAINT, seen, dst=seen)
        carried = cv2.divide(seen, cv2.merge((share, share, share, share)), dst=seen)
    return cv2.cvtColor(carried, cv2.COLOR_RGBA2RGB)
