"""A matte that was settled at a coarser size, with its own detail put back.

What the network sees may be large for the sake of edges. What is known of the room and what is remembered need not be:
looking at it costs in proportion to the area, and what it changes are places and not edges.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, given, made

Matte = NDArray[np.float32]

REACH_PX = 3
"""Side of the window of the settled matte, in its own pixels, that bounds what the detail may add or take away."""
MARGIN = 3.0
"""How many times as much as in that window there may be of the person, or of the room, in one pixel of the detail: a
strand of one pixel is a third of a coarser one."""


class Detail:
    """What fine mattes have beyond their coarse versions, kept as steady as those are. Not thread-safe."""

    def __init__(self) -> None:
        self._last: Matte = np.empty((0, 0), np.float32)

    def put_back(self, fine: Matte, before: Matte, after: Matte, keep: Matte | None = None) -> Matte:
        """The matte that was settled, with the detail of the fine one.

        Where the coarse one came out as 0 all around, so does the result, and likewise for 1: what was found to be the
        room leaves no speck of detail.

        Args:
            fine: float32 ``(h, w)`` in [0, 1]; another size than before begins anew.
            before: its coarse version, float32 ``(h', w')`` in [0, 1], not larger.
            after: what became of that.
            keep: the share of the last matte in it, float32 ``(h', w')`` in [0, 1]; None = nothing.

        Returns:
            float32 ``(h, w)`` in [0, 1].
        """
        window = np.ones((REACH_PX, REACH_PX), np.uint8)
        result = np.empty(fine.shape, np.float32)
        if keep is None or self._last.shape != fine.shape:
            keep, self._last = np.zeros_like(after), np.zeros_like(fine)
        least, most = cv2.erode(after, window), cv2.dilate(after, window)
        _put_back(np.ascontiguousarray(fine), before, after, keep, least, most, self._last, result)
        return result


@compiled(*(given("float32", 2, packed=True) for _ in range(6)), *(made("float32", 2, packed=True) for _ in range(2)))
def _put_back(
    fine: Matte, before: Matte, after: Matte, keep: Matte, least: Matte, most: Matte, last: Matte, result: Matte
) -> None:
    """Fill in the sum of the settled matte and the detail, kept near what there is of the person and the room around.

    Args:
        fine: ``(h, w)``.
        before: ``(h', w')``, interpolated in between, as the next four are.
        after: likewise.
        keep: how much of the last detail stays.
        least: of the settled matte in each window.
        most: likewise.
        last: the detail of the last matte, ``(h, w)``. Written to.
        result: ``(h, w)``.
    """
    height, width = fine.shape
    rows, columns = after.shape
    zero, one, margin = np.float32(0), np.float32(1), np.float32(MARGIN)
    firsts, shares = np.empty(width, np.int64), np.empty(width, np.float32)
    for x in range(width):
        at = min(max((x + 0.5) * columns / width - 0.5, 0), columns - 1)
        firsts[x] = min(int(at), max(columns - 2, 0))
        shares[x] = at - firsts[x]
    step = 1 if columns > 1 else 0
    plains, settled, kept = np.empty(columns, np.float32), np.empty(columns, np.float32), np.empty(columns, np.float32)
    lows, highs, is_open = np.empty(columns, np.float32), np.empty(columns, np.float32), np.empty(columns, np.bool_)
    for y in range(height):
        at = min(max((y + 0.5) * rows / height - 0.5, 0), rows - 1)
        upper = int(at)
        lower, share = min(upper + 1, rows - 1), np.float32(at - upper)
        for x in range(columns):
            plains[x] = before[upper, x] + share * (before[lower, x] - before[upper, x])
            settled[x] = after[upper, x] + share * (after[lower, x] - after[upper, x])
            kept[x] = keep[upper, x] + share * (keep[lower, x] - keep[upper, x])
            low = least[upper, x] + share * (least[lower, x] - least[upper, x])
            high = most[upper, x] + share * (most[lower, x] - most[upper, x])
            lows[x] = max(one - (one - low) * margin, zero)
            highs[x] = min(high * margin, one)
            is_open[x] = highs[x] > zero and lows[x] < one
        own, past, row = fine[y], last[y], result[y]
        for x in range(width):
            first, share = firsts[x], shares[x]
            second = first + step
            if not (is_open[first] or is_open[second]) and lows[first] == lows[second]:  # all room, or all person
                past[x], row[x] = zero, lows[first]
                continue
            detail = own[x] - plains[first] - share * (plains[second] - plains[first])
            detail += (past[x] - detail) * (kept[first] + share * (kept[second] - kept[first]))
            past[x] = detail
            low = lows[first] + share * (lows[second] - lows[first])
            high = highs[first] + share * (highs[second] - highs[first])
            value = settled[first] + share * (settled[second] - settled[first]) + detail
            row[x] = min(max(value, low), high)


def coarser(matte: Matte, size: tuple[int, int]) -> Matte:
    """The matte at that smaller size, width first: float32 in [0, 1]."""
    is_near = matte.shape[1] <= 2 * size[0]  # each pixel counts, and it is faster
    result: Matte = cv2.resize(matte, size, interpolation=cv2.INTER_LINEAR if is_near else cv2.INTER_AREA)
    return result
