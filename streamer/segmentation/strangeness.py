"""Whether what a picture shows is something else than the room that is known, or that room in somebody's shadow."""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, given, made, rows_of
from streamer.frames import Alpha, Image, Levels

Colours: TypeAlias = NDArray[np.float32]
Pixels = TypeVar("Pixels", NDArray[np.uint8], NDArray[np.float32])

DOUBT = (0.1, 0.25)
"""The network's alpha up to which it rules a person out, whatever else is there, and from which it does not."""
CERTAIN = 0.92
"""Alpha from which the network needs no help."""
STRANGE = (18, 40)
"""Difference in levels, from the nearest of the room's colours nearby, from which, and from which entirely, something
else than the room is there."""
NEARBY_PX = 7
"""Side of that window: a camera is nudged, and things have edges."""
EDGE = (0.3, 0.7)
"""The same as a share of the largest difference nearby: at the person's edge the two mix, and that is the network's."""
EDGE_PX = 9
"""Side of that window."""
SHADOW = (0.25, 0.97)
"""How much darker than the room a shadow on it may be; darker still is something else."""
SHADOW_TINT, SHADOW_TINT_SHARE = 12.0, 0.03
"""Difference in levels from the room so darkened that is still its shadow: so much, and that share of r + g + b."""
SHADOW_PX = 5
"""Side of the window of which most must look like shadow: fabric has such pixels here and there."""


def strangeness(seen: Image, expected: Image, difference: Image, alpha: Alpha) -> Alpha:
    """1 where the network doubts and something else than the room shows, 0 where not: float32 ``(h, w)``.

    Args:
        seen: the picture, RGB uint8 ``(h, w, 3)``.
        expected: the room in the picture's light, alike.
        difference: the largest of the channels' differences, uint8 ``(h, w)``; 0 where the room is not known.
        alpha: float32 ``(h, w)`` in [0, 1].
    """
    strange = np.zeros_like(alpha)
    is_open = (difference > STRANGE[0]) & (alpha > DOUBT[0]) & (alpha < CERTAIN)
    left, top, width, height = cv2.boundingRect(is_open.view(np.uint8))
    if width == 0:
        return strange
    margin = max(EDGE_PX, SHADOW_PX, NEARBY_PX) // 2
    here = np.s_[max(0, top - margin) : top + height + margin, max(0, left - margin) : left + width + margin]
    seen, expected, difference, alpha = seen[here], expected[here], difference[here], alpha[here]
    nearby = cv2.dilate(difference, np.ones((EDGE_PX, EDGE_PX), np.uint8))
    evidence = ramp(beyond_nearby(seen, expected).astype(np.float32), STRANGE) * ramp(alpha, DOUBT)
    evidence *= ramp(
        difference.astype(np.float32) / np.maximum(nearby, 1).astype(np.float32), EDGE
    )  # 0 where the room is not known
    strange[here] = evidence * (1 - shadow(seen.astype(np.float32), expected.astype(np.float32)))
    return strange


def beyond_nearby(seen: Image, expected: Image) -> Levels:
    """How far the picture is from the nearest of the room's colours nearby, in the farthest channel: ``(h, w)``."""
    window = np.ones((NEARBY_PX, NEARBY_PX), np.uint8)
    return largest(
        cv2.max(cv2.subtract(seen, cv2.dilate(expected, window)), cv2.subtract(cv2.erode(expected, window), seen))
    )


def shadow(seen: Colours, expected: Colours, darkest: float = SHADOW[0], brightest: float = SHADOW[1]) -> Colours:
    """1 where the picture is the room in somebody's shadow, 0 where not: float32 ``(h, w)``.

    At most as dark as ``darkest``; with a ``brightest`` of more than 1 also where it is the room in so much more light.

    A shadow darkens all channels by about as much (Horprasert et al., "A statistical approach for real-time robust
    background subtraction and shadow detection", 1999).
    """
    total = cv2.transform(expected, np.ones((1, 3), np.float32))
    share = (cv2.transform(seen, np.ones((1, 3), np.float32)) + 1) / (total + 1)
    tint = largest(cv2.absdiff(seen, expected * share[..., None]))
    looks = (share > darkest) & (share < brightest) & (tint < SHADOW_TINT + SHADOW_TINT_SHARE * total)
    return ramp(cv2.blur(looks.astype(np.float32), (SHADOW_PX, SHADOW_PX)), (0.5, 0.9))


def largest(channels: Pixels) -> Pixels:
    """The largest channel of each pixel: ``(h, w, 3)`` to ``(h, w)``."""
    red, green, blue = cv2.split(channels)
    greatest: Pixels = cv2.max(cv2.max(red, green), blue)
    return greatest


def difference_of(seen: Image, expected: Image) -> Levels:
    """How far two pictures are apart in the farthest channel of each pixel: uint8 ``(h, w, 3)`` to ``(h, w)``."""
    farthest = np.empty(seen.shape[:2], np.uint8)
    _compare(rows_of(seen), rows_of(expected), farthest)
    return farthest


@compiled(*(given("uint8", 2, packed=True) for _ in range(2)), made("uint8", 2, packed=True))
def _compare(seen: Image, expected: Image, farthest: Levels) -> None:
    """Fill in the farthest channel's difference, ``(h, w)``, of pictures ``(h, 3 w)``."""
    height, width = farthest.shape
    differences = np.empty(3 * width, np.uint8)
    for y in range(height):
        now, then, most = seen[y], expected[y], farthest[y]
        for index in range(3 * width):
            differences[index] = max(now[index], then[index]) - min(now[index], then[index])
        for x in range(width):
            most[x] = max(max(differences[3 * x], differences[3 * x + 1]), differences[3 * x + 2])


def ramp(values: Colours, ends: tuple[float, float]) -> Colours:
    """0 up to the first of the ends, 1 from the second on, a straight line between them."""
    low, high = ends
    rising = values - np.float32(low)
    rising *= np.float32(1 / (high - low))
    return np.clip(rising, 0, 1, out=rising)
