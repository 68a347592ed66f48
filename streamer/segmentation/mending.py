"""What the known room says about each pixel of the matte: the last step of ``clean_plate.py``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.compiled import BOOLEAN, INTEGER, compiled, given, made, part_of_loops
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


@part_of_loops
def _mended(
    found: np.float32,
    value: np.float32,
    difference: int,
    around: int,
    is_known: bool,
    surest: np.float32,
    strangest: int,
) -> tuple[np.float32, np.float32]:
    """What becomes of a pixel's alpha, and whether the room is all that is left there; see ``mend``.

    Args:
        found: the network's.
        value: the same, and what is strange.
        difference: see ``mend``.
        around: likewise.
        is_known: likewise.
        surest: the network's alpha from which the room does not count at all.
        strangest: see ``mend``.
    """
    zero, one = np.float32(0), np.float32(1)
    own = min(max((np.float32(OTHER) - np.float32(around)) * np.float32(1 / (OTHER - SAME)), zero), one)
    own *= min(max((surest - found) * np.float32(1 / (SURE_PERSON[1] - SURE_PERSON[0])), zero), one)
    value -= value * (own if difference < OTHER else zero)
    left = min(max((np.float32(HAZE[1]) - value) * np.float32(1 / (HAZE[1] - HAZE[0])), zero), one)
    return value, (left if is_known and difference < strangest else zero)  # in a shadow of somebody, too


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
    # A room that was given or snapped counts against whomever the network is sure of, too.
    surest = np.float32(SURE_PERSON[1]) if is_learnt else np.float32(SURE_PERSON[1] + 1)
    height, width = alpha.shape
    for y in range(height):
        values, others, nearby, is_known = alpha[y], difference[y], around[y], known[y]
        certain, result, shown = strange[y], mended[y], room[y]
        for x in range(width):
            result[x], shown[x] = _mended(values[x], values[x], others[x], nearby[x], is_known[x], surest, strangest)
        for x in range(width):
            if certain[x] > 0:  # logit and sigmoid in one: the odds are multiplied
                odds = values[x] * np.exp(certain[x] * np.float32(EVIDENCE))
                value = odds / (odds + (np.float32(1) - values[x]))
                result[x], shown[x] = _mended(values[x], value, others[x], nearby[x], is_known[x], surest, strangest)
