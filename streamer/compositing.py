"""Laying the person over a background. Pure functions on uint8 RGB pictures and float32 alphas."""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Alpha, Image, Size
from streamer.scaling import shrink

_Levels: TypeAlias = NDArray[np.uint8]
_Colours: TypeAlias = NDArray[np.float32]
Value = TypeVar("Value", np.uint8, np.float32)

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
    where, colours = _cleaned_edge(image, _levels(alpha))
    if where.size == 0:
        return image
    estimated = image.copy()
    estimated.reshape(-1, 3)[where] = np.rint(colours)
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
    levels = _levels(alpha)
    where, colours = _cleaned_edge(image, levels)
    result = background.copy()
    cv2.copyTo(image, (levels == 255).view(np.uint8), result)
    behind = _at(background, where).astype(np.float32)
    colours -= behind
    colours *= np.take(levels, where)[:, None] * np.float32(1 / 255)
    colours += behind
    result.reshape(-1, 3)[where] = np.rint(colours, out=colours)
    return result


def _cleaned_edge(image: Image, levels: _Levels) -> tuple[NDArray[np.intp], _Colours]:
    """The pixels that may be mixed with the room, as flat indices ``(n,)``, and the person's colours there, ``(n, 3)``.

    All that is neither the room (level 0) nor deep inside the person is among them.
    """
    height, width = levels.shape
    side = 2 * rim_px(Size(width, height)) + 1
    inside = cv2.erode(levels, np.ones((side, side), np.uint8))
    where = np.flatnonzero((inside < 255) & (levels > 0))
    if where.size == 0:
        return where, np.empty((0, 3), np.float32)
    scale = min(1.0, (SMALL_AREA_PX / (width * height)) ** 0.5)
    size = Size(max(1, round(width * scale)), max(1, round(height * scale)))
    rows, columns = np.divmod(where, width)
    rows, columns = rows * size.height // height, columns * size.width // width
    top, left = max(0, int(rows[0]) - REACH_PX), max(0, int(columns.min()) - REACH_PX)
    near = np.s_[top : int(rows[-1]) + REACH_PX + 1, left : int(columns.max()) + REACH_PX + 1]
    small = cv2.cvtColor(shrink(image, size)[near].astype(np.float32), cv2.COLOR_RGB2RGBA)
    person = _carry(small, shrink(inside, size)[near])
    room = _carry(small, 255 - cv2.dilate(shrink(levels, size), np.ones((3, 3), np.uint8))[near])
    spots = (rows - top) * small.shape[1] + (columns - left)
    own = _at(image, where).astype(np.float32)
    return where, _without_room(own, _at(person, spots), _at(room, spots))


def _at(image: NDArray[Value], where: NDArray[np.intp]) -> NDArray[Value]:
    """The pixels ``(n, channels)`` at flat indices; several times as fast as indexing with them."""
    return np.take(image.reshape(-1, image.shape[2]), where, axis=0)


def rim_px(size: Size) -> int:
    """How far inside the matte, in pixels of a picture of that size, colours are looked at for traces of the room."""
    return max(1, round(RIM * min(size)))


def _without_room(own: _Colours, person: _Colours, room: _Colours) -> _Colours:
    """Move each colour ``(n, 3)`` away from the room's, by its share of it, and never beyond the person's."""
    axis = room - person
    share = np.einsum("ij,ij->i", own - person, axis) / (np.einsum("ij,ij->i", axis, axis) + INDISTINCT)
    cleaned = own - np.clip(share, 0, 1)[:, None] * axis
    return np.clip(cleaned, np.minimum(own, person), np.maximum(own, person))


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
