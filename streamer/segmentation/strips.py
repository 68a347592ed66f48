"""Strips of the room that are taken for the person's edge: a shelf on a shoulder, a wall at an ear.

A network that sees a small picture takes what stands right behind somebody for a part of them, a few pixels wide. Such
a strip has the colours of the room beside it, and not those of the person a little further in.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.compiled import INTEGER, compiled, given, made, part_of_loops
from streamer.frames import Alpha, Image

WIDTH_SHARE = 1 / 100
"""How wide a strip may be, as a share of the picture's longer side. What lies further in is surely the person."""
REACH = 3
"""How far away, in such widths, colours are compared with."""
STEP = 2 / 3
"""Of those pixels every so-manieth of every so-manieth row is looked at, in such widths: at 384x224 every third, at
320x180 every second."""
ROOM, PERSON = 0.03, 0.5
"""Alpha up to which a pixel is surely room, if nothing more is near, and from which it is solid."""
AWAY_PX = 5
"""Side of the window that says what is near."""
UNLIKE = (30, 65)
"""Difference in levels, in the farthest channel, from the most similar colour of the person nearby: up to the first
the pixel is the person's own, from the second on it may be none of theirs."""
LIKE = (20, 42)
"""The same from the most similar colour of the room nearby: up to the first the pixel may be the room's, from the
second on it is neither's, such as an arm beside a dark shirt before a light wall."""
MIXED = (0.3, 0.5)
"""Share of the person in the pixel's colour up to which it may be none of theirs, and from which it is not none."""
EXCESS = (0.05, 0.25)
"""By how much the alpha may exceed that share, for at a soft edge colours mix, and by how much it must."""
AROUND_PX = 5
"""Side of the window over which strips are averaged to tell them from specks."""
SPECK = (0.06, 0.18)
"""That mean up to which single pixels do not count, and from which they count entirely."""
PERSON_OWN, ROOM_OWN, OPEN = 2, 3, 1


def without_strips(picture: Image, alpha: Alpha) -> Alpha:
    """The alpha without such strips. Thin parts, that have no inside to compare with, stay as they are.

    Args:
        picture: RGB uint8 ``(h, w, 3)``.
        alpha: float32 ``(h, w)`` in [0, 1], of this picture.

    Returns:
        float32 ``(h, w)`` in [0, 1], nowhere more than ``alpha``.
    """
    width = max(2, round(max(alpha.shape) * WIDTH_SHARE))
    window = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    inside = cv2.erode((alpha >= PERSON).view(np.uint8), window)
    near = cv2.dilate((alpha > ROOM).view(np.uint8), np.ones((AWAY_PX, AWAY_PX), np.uint8))
    kinds = cv2.max((alpha > ROOM).view(np.uint8), inside * np.uint8(PERSON_OWN))
    kinds = cv2.max(kinds, (near ^ 1) * np.uint8(ROOM_OWN))
    strip = np.zeros(alpha.shape, np.uint8)
    _compare(
        np.ascontiguousarray(picture), np.ascontiguousarray(alpha), kinds, REACH * width, round(STEP * width), strip
    )
    if not strip.any():
        return alpha
    around = cv2.blur(strip, (AROUND_PX, AROUND_PX))
    return alpha * (1 - strip * cv2.LUT(around, COUNTS))


def _counts() -> NDArray[np.float32]:
    low, high = SPECK
    share = np.arange(256, dtype=np.float32) / 255
    return (np.clip((share - low) / (high - low), 0, 1) / 255).astype(np.float32)


COUNTS = _counts()
"""How much a pixel's strip, 0..255, takes away of the alpha, by the mean of the strips around it, 0..255."""


@part_of_loops
def _apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> np.int64:
    """The difference of two colours in the farthest channel."""
    farthest = np.int64(0)
    for channel in range(3):
        farthest = max(farthest, abs(np.int64(one[channel]) - np.int64(other[channel])))
    return farthest


@compiled(
    given("uint8", 3, packed=True),
    given("float32", 2, packed=True),
    given("uint8", 2, packed=True),
    INTEGER,
    INTEGER,
    made("uint8", 2, packed=True),
)
def _compare(picture: Image, alpha: Alpha, kinds: Image, reach_px: int, step_px: int, strip: Image) -> None:
    """Fill in how surely each open pixel is the room's: ``(h, w)`` in 0..255, 0 elsewhere.

    Args:
        picture: RGB ``(h, w, 3)``.
        alpha: of this picture.
        kinds: which pixels are open, the person's own, the room's own, or none of these.
        reach_px: half-width of the window that is compared with.
        step_px: from one row and column that is looked at there to the next.
        strip: the result; comes as zeros.
    """
    height, width = kinds.shape
    surely_own, surely_other = UNLIKE
    alike, different = LIKE
    allowed, enough = EXCESS
    little, much = MIXED
    inwards, first_px = ((0, 1), (0, -1), (1, 0), (-1, 0)), reach_px * 5 // 8
    for y in range(height):
        for x in range(width):
            if kinds[y, x] != OPEN or alpha[y, x] <= allowed:
                continue
            own = picture[y, x]
            is_own = False
            for side in range(4):  # most are the person's own, and seen to be so at once
                row, column = y + inwards[side][0] * first_px, x + inwards[side][1] * first_px
                if 0 <= row < height and 0 <= column < width and kinds[row, column] == PERSON_OWN:
                    is_own = is_own or bool(_apart(own, picture[row, column]) <= surely_own)
            if is_own:
                continue
            unseen = np.int64(1000)
            person = room = unseen
            for row in range(max(0, y - reach_px), min(height, y + reach_px + 1), step_px):
                for column in range(max(0, x - reach_px), min(width, x + reach_px + 1), step_px):
                    kind = kinds[row, column]
                    if kind < PERSON_OWN:
                        continue
                    difference = _apart(own, picture[row, column])
                    if kind == PERSON_OWN:
                        person = min(person, difference)
                    else:
                        room = min(room, difference)
                if person <= surely_own:
                    break
            if person == unseen or person <= surely_own or room >= different:
                continue
            unlike = min(1.0, (person - surely_own) / (surely_other - surely_own))
            share = room / (person + room)
            pure = min(1.0, max(0.0, (much - share) / (much - little)))
            excess = min(1.0, max(0.0, (alpha[y, x] - share - allowed) / (enough - allowed)))
            like = min(1.0, (different - room) / (different - alike))
            strip[y, x] = np.uint8(255 * unlike * like * pure * excess)
