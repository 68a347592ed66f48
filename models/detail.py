"""A matte that was mended at a coarser size, with its own detail put back.

What the network sees may be large for the sake of edges. What is known of the room need not be: looking at it costs in
proportion to the area, and what it changes are places and not edges.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, given, made

Matte = NDArray[np.float32]

REACH_PX = 3
"""Side of the window of the mended matte, in its own pixels, that bounds what the detail may add or take away."""
MARGIN = 3.0
"""How many times as much as in that window there may be of the person, or of the room, in one pixel of the detail: a
strand of one pixel is a third of a coarser one."""


def with_detail(fine: Matte, before: Matte, after: Matte) -> Matte:
    """The fine matte, changed by as much as its coarse version was.

    Where the coarse one came out as 0 all around, so does the result, and likewise for 1: what was found to be the room
    leaves no speck of detail.

    Args:
        fine: float32 ``(h, w)`` in [0, 1].
        before: the coarse version, float32 ``(h', w')`` in [0, 1], not larger.
        after: what became of that.

    Returns:
        float32 ``(h, w)`` in [0, 1].
    """
    window = np.ones((REACH_PX, REACH_PX), np.uint8)
    result = np.empty(fine.shape, np.float32)
    change, least, most = after - before, cv2.erode(after, window), cv2.dilate(after, window)
    _put_back(np.ascontiguousarray(fine), change, least, most, result)
    return result


@compiled(*(given("float32", 2, packed=True) for _ in range(4)), made("float32", 2, packed=True))
def _put_back(fine: Matte, change: Matte, least: Matte, most: Matte, result: Matte) -> None:
    """Fill in the sum of the fine matte and the change, kept near what there is of the person and the room around.

    Args:
        fine: ``(h, w)``.
        change: ``(h', w')``, interpolated in between, as the other two are.
        least: of the mended matte in each window.
        most: likewise.
        result: ``(h, w)``.
    """
    height, width = fine.shape
    rows, columns = change.shape
    zero, one, margin = np.float32(0), np.float32(1), np.float32(MARGIN)
    befores, shares = np.empty(width, np.int64), np.empty(width, np.float32)
    for x in range(width):
        at = min(max((x + 0.5) * columns / width - 0.5, 0), columns - 1)
        befores[x] = min(int(at), max(columns - 2, 0))
        shares[x] = at - befores[x]
    step = 1 if columns > 1 else 0
    changes, lows, highs = np.empty(columns, np.float32), np.empty(columns, np.float32), np.empty(columns, np.float32)
    for y in range(height):
        at = min(max((y + 0.5) * rows / height - 0.5, 0), rows - 1)
        upper = int(at)
        lower, share = min(upper + 1, rows - 1), np.float32(at - upper)
        for x in range(columns):
            changes[x] = change[upper, x] + share * (change[lower, x] - change[upper, x])
            low = least[upper, x] + share * (least[lower, x] - least[upper, x])
            high = most[upper, x] + share * (most[lower, x] - most[upper, x])
            lows[x] = max(one - (one - low) * margin, zero)
            highs[x] = min(high * margin, one)
        own, row = fine[y], result[y]
        for x in range(width):
            first, share = befores[x], shares[x]
            second = first + step
            low = lows[first] + share * (lows[second] - lows[first])
            high = highs[first] + share * (highs[second] - highs[first])
            value = own[x] + changes[first] + share * (changes[second] - changes[first])
            row[x] = min(max(value, low), high)


def coarser(matte: Matte, size: tuple[int, int]) -> Matte:
    """The matte at that size, width first, of at least half its own: float32 in [0, 1]."""
    result: Matte = cv2.resize(matte, size, interpolation=cv2.INTER_LINEAR)
    return result
