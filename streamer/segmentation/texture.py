"""The room told by its texture: in somebody's shadow or reflection its levels are others, but its pattern is the same.

The floor at somebody's feet, darker by 40 levels, is easily taken for a part of them. Around each of its pixels the
boards still run as they do in the known room, which no trouser leg has.
"""

from __future__ import annotations

from math import sqrt
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, given, made, part_of_loops
from streamer.frames import Alpha, Image

Values: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]
Flags: TypeAlias = NDArray[np.uint8]

NOBODY = 0.05
"""Alpha up to which nobody is taken to be there."""
DOUBTED, DOUBTED_SHARE, RIM_PX = 0.9, 0.015, 4
"""Alpha that is less in each patch of the room that is found, in such a share of what is farther from its rim: folds of
a shirt may run along what is behind them by chance, in the middle of somebody, and somebody whom the network lost for a
second may have been learnt as the room."""
REACH_PX = 5
"""From the middle of the windows in which the picture's pattern is compared with the room's to their edge."""
STEP_PX = 2
"""From one window to the next."""
CORRELATION = 0.8
"""From which it is the same pattern in another light. A person in the window spoils it."""
BRIGHTNESS = (0.6, 1.15)
"""How much darker and brighter than the room the same pattern may be."""
CONTRAST_CHANGE = (0.65, 1.45)
"""By how much its contrast may change beyond that: a shadow darkens light and dark alike, and streaks of hair that run
along the floor's boards have five times the contrast for their brightness."""
TINT = 12.0
"""How far the mean colour may be from the room's so darkened, in levels of the farthest channel."""
LIGHT_STEPS = 3
"""How far from a window its light is taken to hold, in such steps."""
OWN = 4
"""Difference in levels up to which a pixel is the room's in a window's light."""
NEAR_PX, NEAR_CORRELATION, NEAR_CONTRAST = 2, 0.5, 6.0
"""Around the pixel itself, so far, the pattern must be the room's, too: one strong edge makes a whole window correlate,
and the shirt beside it may have the wall's colour."""
NOISE = 3.5
"""Square levels that are added to variances, for the camera's noise does not correlate: bare walls have no pattern."""
GAP_PX = 9
"""Gaps of the evidence as wide as that are filled, with pixels that would be the room's by their colours."""
SPECK_PX = 3
"""Smaller specks of evidence, and smaller holes in what is found, do not count."""
MARGIN_PX = (LIGHT_STEPS + REACH_PX) * STEP_PX
"""What lies that far beside the pixels asked for is of no account."""
SLOPE, NOW, THEN = 0, 1, 4
"""What a window's light is made of: by how much differences from its mean change, its mean colours now and then."""


def textured_room(seen: Image, expected: Image, known: Mask, alpha: Alpha) -> Mask:
    """Where the picture shows the room's own pattern, in whatever light, though the network sees somebody: ``(h, w)``.

    Args:
        seen: the picture, RGB uint8 ``(h, w, 3)``.
        expected: the room in the picture's light, alike.
        known: where the room is known: bool ``(h, w)``.
        alpha: the network's, float32 ``(h, w)`` in [0, 1].
    """
    is_room = np.zeros(known.shape, np.bool_)
    asked = ((alpha > NOBODY) & known).view(np.uint8)
    left, top, width, height = cv2.boundingRect(asked)
    if width == 0:
        return is_room
    top, left = (max(0, first // STEP_PX * STEP_PX - MARGIN_PX) for first in (top, left))
    here = np.s_[top : top + height + 2 * MARGIN_PX, left : left + width + 2 * MARGIN_PX]
    now, then = (np.ascontiguousarray(colours[here]) for colours in (seen, expected))
    asked = np.ascontiguousarray(asked[here])
    lights = np.zeros((-(-asked.shape[0] // STEP_PX), -(-asked.shape[1] // STEP_PX), 7), np.float32)
    _compare(now, then, np.ascontiguousarray(known[here]), lights)
    if not lights[..., SLOPE].any():
        return is_room
    fits, is_own = np.zeros_like(asked), np.zeros_like(asked)
    _fit(now, then, asked, lights, fits, is_own)
    is_own = cv2.medianBlur(is_own, SPECK_PX)
    found = cv2.morphologyEx(is_own, cv2.MORPH_CLOSE, np.ones((GAP_PX, GAP_PX), np.uint8)) & fits
    count, patches = cv2.connectedComponents(found, connectivity=8)
    patch = _doubted(found, count, patches, alpha[here] < DOUBTED)[patches].view(np.uint8)
    whole = cv2.morphologyEx(patch, cv2.MORPH_CLOSE, np.ones((SPECK_PX, SPECK_PX), np.uint8))
    is_room[here] = (whole & asked) > 0
    return is_room


def _doubted(found: Flags, count: int, patches: NDArray[np.int32], is_doubted: Mask) -> Mask:
    """Of which of the numbered patches, ``(count,)``, the network doubts enough; 0 is what lies between them."""
    inside = cv2.erode(found, np.ones((2 * RIM_PX + 1, 2 * RIM_PX + 1), np.uint8)) > 0
    sizes = np.bincount(patches[inside], minlength=count)
    inner = np.bincount(patches[inside & is_doubted], minlength=count)
    anywhere = np.bincount(patches[is_doubted], minlength=count)
    doubted: Mask = np.where(sizes > 0, inner > DOUBTED_SHARE * sizes, anywhere > 0)
    doubted[0] = False
    return doubted


@part_of_loops
def _total(colour: Image) -> np.int64:
    """The sum of the channels of a pixel."""
    return np.int64(colour[0]) + np.int64(colour[1]) + np.int64(colour[2])


@part_of_loops
def _add(sums: NDArray[np.int32], now: Image, then: Image, known: Mask, sign: int) -> None:
    """Add a row of the pictures, or take it away, from the sums of each column.

    They are: the channels' now and then, the sum of the channels squared now and then, its product, and how many are
    known.
    """
    for x in range(known.shape[0]):
        seen, room = _total(now[x]), _total(then[x])
        for channel in range(3):
            sums[channel, x] += sign * np.int32(now[x, channel])
            sums[3 + channel, x] += sign * np.int32(then[x, channel])
        sums[6, x] += sign * seen * seen
        sums[7, x] += sign * room * room
        sums[8, x] += sign * seen * room
        sums[9, x] += sign * np.int32(known[x])


@part_of_loops
def _spreads(
    count: np.int64,
    seen: np.int64,
    room: np.int64,
    seen_squares: np.int64,
    room_squares: np.int64,
    products: np.int64,
) -> tuple[np.float64, np.float64, np.float64]:
    """The variances now and then of the channels' mean, and the covariance, from sums over the sums of the channels."""
    now, then = seen / count, room / count
    return (
        (seen_squares / count - now * now) / 9,
        (room_squares / count - then * then) / 9,
        (products / count - now * then) / 9,
    )


@compiled(
    *(given("uint8", 3, packed=True) for _ in range(2)),
    given("boolean", 2, packed=True),
    made("float32", 3, packed=True),
)
def _compare(now: Image, then: Image, known: Mask, lights: Values) -> None:
    """Fill in the light of each window that shows the room's pattern: ``(rows, columns, 7)``.

    It is the slope and, for each channel, its mean now and then; slope 0 = another pattern, as in all that comes. What
    is compared is the normalised cross-correlation (Lewis, "Fast normalized cross-correlation", 1995), damped by noise.
    """
    height, width = known.shape
    sums = np.zeros((10, width), np.int32)
    for y in range(REACH_PX):
        if y < height:
            _add(sums, now[y], then[y], known[y], 1)
    total = np.zeros(10, np.int64)
    for y in range(height):
        if y + REACH_PX < height:
            _add(sums, now[y + REACH_PX], then[y + REACH_PX], known[y + REACH_PX], 1)
        if y - REACH_PX > 0:
            _add(sums, now[y - REACH_PX - 1], then[y - REACH_PX - 1], known[y - REACH_PX - 1], -1)
        if y % STEP_PX != 0:
            continue
        rows = min(height, y + REACH_PX + 1) - max(0, y - REACH_PX)
        for kind in range(10):
            total[kind] = 0
            for x in range(min(width, REACH_PX)):
                total[kind] += sums[kind, x]
        for x in range(width):
            if x + REACH_PX < width:
                for kind in range(10):
                    total[kind] += sums[kind, x + REACH_PX]
            if x - REACH_PX > 0:
                for kind in range(10):
                    total[kind] -= sums[kind, x - REACH_PX - 1]
            count = rows * (min(width, x + REACH_PX + 1) - max(0, x - REACH_PX))
            if x % STEP_PX != 0 or total[9] < count:
                continue
            _judge(np.int64(count), total, lights[y // STEP_PX, x // STEP_PX])


@part_of_loops
def _judge(count: np.int64, sums: NDArray[np.int64], light: Values) -> None:
    """Fill in the light of a window, ``(7,)``, from the sums over its pixels, if it shows the room's pattern."""
    seen, room = sums[0] + sums[1] + sums[2], sums[3] + sums[4] + sums[5]
    spread_now, spread_then, common = _spreads(count, seen, room, sums[6], sums[7], sums[8])
    if common <= CORRELATION * sqrt((spread_now + NOISE) * (spread_then + NOISE)):
        return
    brightness, slope = seen / (room + 1), common / (spread_then + NOISE)
    if not BRIGHTNESS[0] < brightness < BRIGHTNESS[1]:
        return
    tint = 0.0
    for channel in range(3):
        light[NOW + channel], light[THEN + channel] = sums[channel] / count, sums[3 + channel] / count
        tint = max(tint, abs(light[NOW + channel] - brightness * light[THEN + channel]))
    if tint < TINT and CONTRAST_CHANGE[0] * brightness < slope < CONTRAST_CHANGE[1] * brightness:
        light[SLOPE] = slope


@compiled(
    *(given("uint8", 3, packed=True) for _ in range(2)),
    given("uint8", 2, packed=True),
    given("float32", 3, packed=True),
    *(made("uint8", 2, packed=True) for _ in range(2)),
)
def _fit(now: Image, then: Image, asked: Flags, lights: Values, fits: Flags, is_own: Flags) -> None:
    """Fill in which of the pixels asked for are the room's in the light of a window nearby.

    Args:
        now: RGB ``(h, w, 3)``.
        then: alike.
        asked: 1 = asked for, ``(h, w)``.
        lights: as ``_compare`` gives them.
        fits: the result; comes as zeros, like the next one.
        is_own: 1 where, beyond that, the pattern right at the pixel is the room's.
    """
    height, width = asked.shape
    for y in range(height):
        for x in range(width):
            if asked[y, x] == 1 and _is_lit(now[y, x], then[y, x], lights, y, x):
                fits[y, x] = 1
                is_own[y, x] = _is_alike(now, then, y, x)


@part_of_loops
def _is_lit(seen: Image, room: Image, lights: Values, y: int, x: int) -> bool:
    """Whether the pixel has the room's colour there in the light of a window nearby."""
    rows, columns = lights.shape[:2]
    middle_row, middle = y // STEP_PX, x // STEP_PX
    for row in range(max(0, middle_row - LIGHT_STEPS), min(rows, middle_row + LIGHT_STEPS + 1)):
        for column in range(max(0, middle - LIGHT_STEPS), min(columns, middle + LIGHT_STEPS + 1)):
            light = lights[row, column]
            if light[SLOPE] == 0:
                continue
            farthest = np.float32(0)
            for channel in range(3):
                change = light[SLOPE] * (np.float32(room[channel]) - light[THEN + channel])
                farthest = max(farthest, abs(light[NOW + channel] + change - np.float32(seen[channel])))
            if farthest <= OWN:
                return True
    return False


@part_of_loops
def _is_alike(now: Image, then: Image, y: int, x: int) -> bool:
    """Whether the pattern right around that pixel is the same then as now."""
    height, width = now.shape[:2]
    count = seen = room = seen_squares = room_squares = products = np.int64(0)
    for row in range(max(0, y - NEAR_PX), min(height, y + NEAR_PX + 1)):
        for column in range(max(0, x - NEAR_PX), min(width, x + NEAR_PX + 1)):
            here, there = _total(now[row, column]), _total(then[row, column])
            count += np.int64(1)
            seen += here
            room += there
            seen_squares += here * here
            room_squares += there * there
            products += here * there
    spread_now, spread_then, common = _spreads(count, seen, room, seen_squares, room_squares, products)
    least = NEAR_CORRELATION * sqrt((spread_now + NOISE) * (spread_then + NOISE))
    return bool(spread_then > NEAR_CONTRAST and common > least)
