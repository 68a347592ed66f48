"""What the known room says about each pixel of the matte: the last step of ``clean_plate.py``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.compiled import BOOLEAN, INTEGER, compiled, given, made
from streamer.frames import Alpha, Levels

SAME, OTHER = 7, 14
"""Difference in levels of 0..255, the largest in the window, up to which it is the room's own, and from which not."""
SURE_PERSON = (0.92, 0.97)
"""Alpha from which, and from which entirely, a room that was only learnt does not count: a white shirt before a white
wall would be eaten."""
HAZE = (0.04, 0.08)
"""Alpha up to which nothing is left of earlier frames where the room may show, and from which all of it."""
EVIDENCE = 3.0
"""What a strange pixel adds to the logit of its alpha: a third becomes nine tenths."""


@compiled(
    *(given("float32", 2, packed=True) for _ in range(2)),
    *(given("uint8", 2, packed=True) for _ in range(2)),
    *(given("boolean", 2, packed=True), BOOLEAN, INTEGER),
    *(made("float32", 2, packed=True) for _ in range(2)),
)
def mend(
    alpha: Alpha,
    strange: Alpha,
    difference: Levels,
    around: Levels,
    known: NDArray[np.bool_],
    is_learnt: bool,
    strangest: int,
    mended: Alpha,
    room: Alpha,
) -> None:
    """Fill in the alpha without the room's own and with what is strange, and where it is surely the room: ``(h, w)``.

    Args:
        alpha: the network's.
        strange: as in ``Cleaned``.
        difference: from the known room, in levels.
        around: the same, the least of the largest in the windows that hold the pixel; 255 = not known.
        known: whether the room is known there.
        is_learnt: whether the room was only learnt.
        strangest: difference from which something else than the room is there, whatever the light.
        mended: the result, as in ``Cleaned``.
        room: likewise.
    """
    zero, one = np.float32(0), np.float32(1)
    # A room that was given or snapped counts against whomever the network is sure of, too.
    surest = np.float32(SURE_PERSON[1]) if is_learnt else np.float32(SURE_PERSON[1] + 1)
    other, most, haze = np.float32(OTHER), np.float32(strangest), np.float32(HAZE[1])
    per_own, per_haze = np.float32(1 / (OTHER - SAME)), np.float32(1 / (HAZE[1] - HAZE[0]))
    per_sure = np.float32(1 / (SURE_PERSON[1] - SURE_PERSON[0]))
    height, width = alpha.shape
    owns, may_show = np.empty(width, np.float32), np.empty(width, np.float32)
    for y in range(height):
        values, others, nearby, is_known = alpha[y], difference[y], around[y], known[y]
        certain, result, shown = strange[y], mended[y], room[y]
        for x in range(width):
            own = min(max((other - np.float32(nearby[x])) * per_own, zero), one)
            owns[x] = own * np.float32(others[x] < OTHER)
        for x in range(width):  # in a shadow of somebody, too
            may_show[x] = np.float32(is_known[x]) * min(max(most - np.float32(others[x]), zero), one)
        strangest_here = zero
        for x in range(width):
            found = values[x]
            value = found - found * (owns[x] * min(max((surest - found) * per_sure, zero), one))
            result[x] = value
            shown[x] = min(max((haze - value) * per_haze, zero), one) * may_show[x]
            strangest_here = max(strangest_here, certain[x])
        if strangest_here == 0:  # as in most rows; the loop below is slow even where it does nothing
            continue
        for x in range(width):
            if certain[x] > 0:  # logit and sigmoid in one: the odds are multiplied
                found = values[x]
                odds = found * np.exp(certain[x] * np.float32(EVIDENCE))
                value = odds / (odds + (one - found))
                value -= value * (owns[x] * min(max((surest - found) * per_sure, zero), one))
                result[x] = value
                shown[x] = min(max((haze - value) * per_haze, zero), one) * may_show[x]
