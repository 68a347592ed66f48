"""Where what one picture of a video shows lies in another, and whether it can be seen there at all."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models.compiled import INTEGER, Argument, compiled, given, made

Picture = NDArray[np.uint8]
Values = NDArray[np.float32]

LEAST_PX = 32
"""Sides of the smallest picture in which movement is looked for: in smaller ones OpenCV reads out of bounds."""
WINDOW_PX = 5
"""Side of the window over which two pictures are compared, so that noise does not count."""
UNLIKE = 2.5
"""So many times the usual difference there, in levels of 0..255 of the farthest channel, and it is not the same."""
LEAST_UNLIKE, MOST_UNLIKE = 6.0, 14.0
"""Bounds of that difference."""
ASTRAY_PX = 1.5
"""Who follows a thing there and back, and comes out so far from where it was, has followed something else."""
CUT = 0.3
"""Share of a part that fits below which the other picture is of another scene."""
STILL = 0.5
"""What fits as well, but for so many levels, where it was has not moved: flow trembles with the noise."""


class Part(NamedTuple):
    """A part of a picture, in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    def holds(self, other: Part) -> bool:
        """Whether the other lies within it."""
        return bool(
            self.left <= other.left
            and self.top <= other.top
            and self.right >= other.right
            and self.bottom >= other.bottom
        )


class Correspondence(NamedTuple):
    """For each pixel in a part of one picture its place in another."""

    part: Part
    """Beside it nothing is known."""
    places: Values
    """x and y there, ``(h, w, 2)`` in pixels."""
    fits: Values
    """1 where the same is to be seen there, else 0: ``(h, w)``."""

    @property
    def is_cut(self) -> bool:
        """Whether hardly anything of one picture is in the other."""
        left, top, right, bottom = self.part
        return float(self.fits[top:bottom, left:right].mean()) < CUT

    def fetched(self, there: Values) -> Values:
        """What the other picture's pixels hold, ``(h, w)``, for the pixels of this one."""
        found = cv2.remap(there, self.places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return found.astype(np.float32, copy=False)


@lru_cache(4)
def _grid(height: int, width: int) -> Values:
    """The x and y of each pixel, ``(h, w, 2)``."""
    return np.dstack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)))


def follow(here: Picture, there: Picture, part: Part, *, least_unlike: float = LEAST_UNLIKE) -> Correspondence:
    """Where what ``here`` shows in a part of it lies in the same part ``there``; beside that nothing fits.

    By optical flow: Kroeger et al., "Fast Optical Flow using Dense Inverse Search", arXiv 1603.03590.

    Args:
        here: RGB uint8 ``(h, w, 3)``.
        there: of the same size.
        part: of less than ``LEAST_PX`` either way, it is taken for still.
        least_unlike: difference in levels up to which it is the same, however little noise there is.

    Raises:
        ValueError: they are of two sizes.
    """
    if here.shape != there.shape:
        raise ValueError(f"pictures of {here.shape} and of {there.shape}")
    rows, columns = slice(part.top, part.bottom), slice(part.left, part.right)
    height, width = here.shape[:2]
    here, there = np.ascontiguousarray(here[rows, columns]), np.ascontiguousarray(there[rows, columns])
    flow: Values = np.zeros((*here.shape[:2], 2), np.float32)
    if min(here.shape[:2]) >= LEAST_PX:
        # A new one each time: a small picture changes its scales for good, and then it takes ten times as long.
        finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        grey, grey_there = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (here, there))
        finder.calc(grey, grey_there, flow)
        if not np.isfinite(flow).all():
            flow[:] = 0
    moved, still = (np.empty(here.shape[:2], np.float32) for _ in range(2))
    _compare(here, there, flow, moved, still)
    window = (WINDOW_PX, WINDOW_PX)
    moved, still = cv2.blur(moved, window), cv2.blur(still, window)
    unlike = np.clip(UNLIKE * np.median(np.minimum(moved, still)[::3, ::3]), least_unlike, MOST_UNLIKE)
    places, fits = _grid(height, width).copy(), np.zeros((height, width), np.float32)
    _judge(moved, still, np.float32(unlike), flow, part.left, part.top, places, fits)
    return Correspondence(part, places, fits)


def follow_both_ways(here: Picture, there: Picture, part: Part) -> tuple[Correspondence, Correspondence]:
    """``follow`` from one to the other and back; what does not come back to where it was, fits neither way."""
    onward, back = follow(here, there, part), follow(there, here, part)
    fits = [np.zeros_like(onward.fits) for _ in range(2)]
    _agree(onward.places, onward.fits, back.places, *part, fits[0])
    _agree(back.places, back.fits, onward.places, *part, fits[1])
    return onward._replace(fits=fits[0]), back._replace(fits=fits[1])


@compiled(
    given("float32", 3, packed=True),
    given("float32", 2, packed=True),
    given("float32", 3, packed=True),
    *(INTEGER for _ in range(4)),
    made("float32", 2, packed=True),
)
def _agree(
    places: Values, fits: Values, back: Values, from_x: int, from_y: int, to_x: int, to_y: int, result: Values
) -> None:
    """Fill in what fits and comes back, in a part of the picture.

    Args:
        places: where each pixel is in the other picture, ``(h, w, 2)``.
        fits: ``(h, w)``.
        back: where each of the other picture's pixels is in this one, ``(h, w, 2)``.
        from_x: where the part begins.
        from_y: likewise.
        to_x: where it ends.
        to_y: likewise.
        result: ``(h, w)``. Written to.
    """
    height, width = fits.shape
    half, zero, most = np.float32(0.5), np.float32(0), np.float32(ASTRAY_PX)
    last_x, last_y = np.float32(width - 1), np.float32(height - 1)
    for y in range(from_y, to_y):
        for x in range(from_x, to_x):
            at_x = min(max(places[y, x, 0], zero), last_x)
            at_y = min(max(places[y, x, 1], zero), last_y)
            column, row = int(at_x + half), int(at_y + half)
            miss_x = back[row, column, 0] - np.float32(column) + places[y, x, 0] - np.float32(x)
            miss_y = back[row, column, 1] - np.float32(row) + places[y, x, 1] - np.float32(y)
            if abs(miss_x) < most and abs(miss_y) < most:
                result[y, x] = fits[y, x]


@compiled(
    *(given("uint8", 3, packed=True) for _ in range(2)),
    given("float32", 3, packed=True),
    *(made("float32", 2, packed=True) for _ in range(2)),
)
def _compare(here: Picture, there: Picture, flow: Values, moved: Values, still: Values) -> None:
    """Fill in how far each pixel's farthest channel differs where it went, and where it was.

    Args:
        here: ``(h, w, 3)``.
        there: likewise.
        flow: x and y of the movement, ``(h, w, 2)``.
        moved: ``(h, w)``, in levels; 255 where that is outside. Written to.
        still: likewise, of the pixel at the same place. Written to.
    """
    height, width = moved.shape
    zero, half, one, most = np.float32(0), np.float32(0.5), np.float32(1), np.float32(255)
    last_x, last_y = np.float32(width - 1), np.float32(height - 1)
    for y in range(height):
        for x in range(width):
            farthest = np.int64(0)
            for channel in range(3):
                farthest = max(farthest, abs(np.int64(here[y, x, channel]) - np.int64(there[y, x, channel])))
            still[y, x] = np.float32(farthest)
            at_x, at_y = np.float32(x) + flow[y, x, 0], np.float32(y) + flow[y, x, 1]
            if at_x < -half or at_y < -half or at_x > last_x + half or at_y > last_y + half:
                moved[y, x] = most
                continue
            at_x, at_y = min(max(at_x, zero), last_x), min(max(at_y, zero), last_y)
            left, top = int(at_x), int(at_y)
            right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
            share_x, share_y = at_x - np.float32(left), at_y - np.float32(top)
            difference = zero
            for channel in range(3):
                upper = there[top, left, channel] * (one - share_x) + there[top, right, channel] * share_x
                lower = there[bottom, left, channel] * (one - share_x) + there[bottom, right, channel] * share_x
                value = upper * (one - share_y) + lower * share_y
                difference = max(difference, abs(value - np.float32(here[y, x, channel])))
            moved[y, x] = difference


@compiled(
    *(given("float32", 2, packed=True) for _ in range(2)),
    Argument("float32"),
    given("float32", 3, packed=True),
    INTEGER,
    INTEGER,
    made("float32", 3, packed=True),
    made("float32", 2, packed=True),
)
def _judge(
    moved: Values,
    still: Values,
    unlike: np.float32,
    flow: Values,
    from_x: int,
    from_y: int,
    places: Values,
    fits: Values,
) -> None:
    """Fill in where each pixel is in the other picture, and what fits there.

    Args:
        moved: the difference where it went, ``(h, w)``.
        still: likewise, where it was.
        unlike: the difference from which it does not fit.
        flow: x and y of the movement, ``(h, w, 2)``.
        from_x: where this part begins in the whole picture.
        from_y: likewise.
        places: ``(h', w', 2)``, of the whole picture; the pixel's own at first. Written to.
        fits: ``(h', w')``. Written to.
    """
    height, width = moved.shape
    zero, one, slack = np.float32(0), np.float32(1), np.float32(STILL)
    for y in range(height):
        for x in range(width):
            row, column, difference = from_y + y, from_x + x, moved[y, x]
            if still[y, x] <= difference + slack:
                difference = still[y, x]
            else:
                places[row, column, 0] += flow[y, x, 0]
                places[row, column, 1] += flow[y, x, 1]
            fits[row, column] = one if difference < unlike else zero
