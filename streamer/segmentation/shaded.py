"""The room in somebody's shadow, where the network doubts whether that is a part of them.

The floor between the legs of whoever walks by, with their back to the camera, is half theirs to the network. Where the
empty room was seen for long with nobody near, the picture itself says what it is: the room as before, but darker.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, given, made
from streamer.frames import Alpha, Image, Levels

Mask: TypeAlias = NDArray[np.bool_]

NOBODY, DOUBTED = 0.05, 0.95
"""Alpha up to which the network sees nobody, and up to which it doubts: more than that is left as it is."""
DARKEST, BRIGHTEST = (0.92, 0.5), 1.03
"""How dark somebody's shadow may be on a bare room, and on a room that cannot be taken for clothes in the shade, as a
share of the room: a grey shirt has the tint of a grey wall, and a face that of a bare wooden one. And how much brighter
than the room it may be."""
COLOURED = (0.1, 0.2)
"""Range of the room's channels, as a share of their sum, up to which it is grey, and from which it has a colour."""
PATTERNED, PATTERN_PX = (1.5, 3.0), 11
"""Standard deviation of the room's brightness, in levels, up to which it is bare, and from which it has a pattern; and
the side of the window."""
TINT, TINT_SHARE = 6.0, 0.02
"""How far from the room so darkened the farthest channel may be, in levels: so much, and on such a room that share of
r + g + b more."""
SOFT, SOFT_PX = 0.08, 2
"""By how much that share may change from a pixel to those so far beside it, along rows and columns, on one side at
least: shadows are soft, and streaks of hair are not."""
AROUND_PX, MOST = 5, 0.6
"""Side of the window of which such a share must look like that."""
OPEN_PX = 3
"""Side of the smallest square of doubt that counts: at somebody's edge colours mix, and that is the network's."""


def shaded_room(seen: Image, expected: Image, certain: Mask, alpha: Alpha) -> Mask:
    """Where the network doubts and the picture shows the room, in a shadow perhaps, right up to the room around.

    Args:
        seen: the picture, RGB uint8 ``(h, w, 3)``.
        expected: the room in the picture's light, alike.
        certain: where the room is known for certain: bool ``(h, w)``.
        alpha: the network's, float32 ``(h, w)`` in [0, 1].
    """
    found = np.zeros(alpha.shape, np.bool_)
    window = np.ones((OPEN_PX, OPEN_PX), np.uint8)
    doubted = cv2.morphologyEx((certain & (alpha > NOBODY) & (alpha < DOUBTED)).view(np.uint8), cv2.MORPH_OPEN, window)
    left, top, width, height = cv2.boundingRect(doubted)
    if width == 0:
        return found
    margin = PATTERN_PX
    here = np.s_[max(0, top - margin) : top + height + margin, max(0, left - margin) : left + width + margin]
    room = np.ascontiguousarray(expected[here])
    looks = np.zeros(room.shape[:2], np.uint8)
    _look(np.ascontiguousarray(seen[here]), room, _pattern(room), looks)
    is_room = cv2.blur(looks, (AROUND_PX, AROUND_PX)) > MOST * 255
    inner = cv2.morphologyEx(doubted[here] & is_room, cv2.MORPH_OPEN, window)
    if not inner.any():
        return found
    outer = is_room & (alpha[here] <= NOBODY)
    count, patches = cv2.connectedComponents(inner | outer.view(np.uint8), connectivity=4)
    reaches = np.zeros(count, np.bool_)
    reaches[patches[outer]] = True
    reaches[0] = False
    found[here] = reaches[patches] & (inner > 0)
    return found


def _pattern(room: Image) -> NDArray[np.float32]:
    """The standard deviation of its brightness around each pixel: float32 ``(h, w)``."""
    brightness = cv2.transform(room.astype(np.float32), np.full((1, 3), 1 / 3, np.float32))
    mean = cv2.blur(brightness, (PATTERN_PX, PATTERN_PX))
    squares = cv2.sqrBoxFilter(brightness, cv2.CV_32F, (PATTERN_PX, PATTERN_PX))
    return np.sqrt(np.maximum(squares - mean * mean, 0))


@compiled(
    *(given("uint8", 3, packed=True) for _ in range(2)),
    given("float32", 2, packed=True),
    made("uint8", 2, packed=True),
)
def _look(seen: Image, expected: Image, pattern: NDArray[np.float32], looks: Levels) -> None:
    """Fill in 255 where a pixel looks like the room in a shadow: ``(h, w)``; comes as zeros."""
    height, width = looks.shape
    shares = np.empty((height, width), np.float32)
    for y in range(height):
        for x in range(width):
            now = then = np.float32(1)
            for channel in range(3):
                now += np.float32(seen[y, x, channel])
                then += np.float32(expected[y, x, channel])
            shares[y, x] = now / then
    for y in range(height):
        for x in range(width):
            share = shares[y, x]
            if not DARKEST[1] < share < BRIGHTEST:
                continue
            up, down = shares[max(0, y - SOFT_PX), x], shares[min(height - 1, y + SOFT_PX), x]
            left, right = shares[y, max(0, x - SOFT_PX)], shares[y, min(width - 1, x + SOFT_PX)]
            if min(abs(up - share), abs(down - share)) > SOFT or min(abs(left - share), abs(right - share)) > SOFT:
                continue
            total = highest = tint = np.float32(0)
            lowest = np.float32(255)
            for channel in range(3):
                level = np.float32(expected[y, x, channel])
                total += level
                lowest, highest = min(lowest, level), max(highest, level)
                tint = max(tint, abs(np.float32(seen[y, x, channel]) - share * level))
            coloured = ((highest - lowest) / (total + 1) - COLOURED[0]) / (COLOURED[1] - COLOURED[0])
            patterned = (pattern[y, x] - PATTERNED[0]) / (PATTERNED[1] - PATTERNED[0])
            own = min(max(min(coloured, patterned), 0.0), 1.0)
            darkest = DARKEST[0] + own * (DARKEST[1] - DARKEST[0])
            if share > darkest and tint < TINT + own * TINT_SHARE * total:
                looks[y, x] = 255
