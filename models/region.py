"""Where the network looks: at the part of the picture in which somebody is, so that it sees them larger.

Whoever sits before a webcam fills half of its picture. The network's input costs the same whatever is in it, and its
matte is the better the larger people are in it. So a picture is looked at as a whole first, and then only around the
people who were found, for as long as they stay there and nothing changes beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from models.framing import WHOLE, Box, Framing

PERSON = 0.5
"""Alpha from which somebody is there."""
LEAST_SHARE = 0.02
"""So much of a row or column must be a person's to count: specks do not."""
MARGIN = 0.05
"""What is left free around people, as a share of the picture's side."""
SIDES = (0.25, 1 / 3, 0.42, 0.5, 0.58, 2 / 3, 0.75, 0.84, 1.0)
"""Sides that a region may have, as shares of the picture's: so few that the network's input seldom changes its size."""
CLOSE, CUT = 0.02, 0.008
"""Space beside people, as such a share, below which the region moves with the next picture, and below which they may
reach beyond it in this one."""
SMALLER = 0.8
"""A region must be this much smaller, as a share of the present one's area, to be worth a change."""
CALM = 15
"""For so many pictures it must have been enough."""
GLANCE_SHARE = 6
"""How many times smaller the picture is on which changes beside the region are looked for."""
OTHER = 18.0
"""If a pixel of it differs by so many levels from the last whole look, in the farthest channel, something is new."""
LONGEST_GAP = 30
"""While something goes on moving beside the region, the whole is looked at again after more and more pictures, up to so
many."""
CALMING = 0.2
"""And by so many fewer for each picture without a change."""


class Look(NamedTuple):
    """The whole picture as small as it was looked at, and what was found in it."""

    picture: NDArray[np.uint8]
    """RGB ``(h, w, 3)``."""
    alpha: NDArray[np.float32]
    """``(h, w)`` in [0, 1]; 0 beside the region."""


class Gaze:
    """Follows the people through one video. Not thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget where they were: the next picture starts a new scene."""
        self._box = WHOLE
        self._is_new = True
        self._calm = 0
        self._gap = 1.0
        self._wait = 0
        self._then: NDArray[np.float32] | None = None

    def framing(self, whole: Framing, part: Callable[[Box], Framing | None]) -> Framing:
        """How the next picture enters the network, if nothing unforeseen is in it.

        Args:
            whole: how all of it does.
            part: how a region does; None = that would show nothing larger.
        """
        return whole if self._box == WHOLE else part(self._box) or whole

    def matte(self, whole: Framing, part: Callable[[Box], Framing | None], look: Callable[[Framing], Look]) -> Look:
        """The matte of the next picture: one look at it as a rule, more where the people's place has to be found.

        Args:
            whole: see ``framing``.
            part: likewise.
            look: looks at that picture in that way.
        """
        framing = self.framing(whole, part)
        found = look(framing)
        people = around(found.alpha)
        if framing is not whole:
            if not self._may_miss_something(people, found.picture, framing.box):
                self._follow(people, framing.box, part)
                return found
            everything = look(whole)
            everybody = around(everything.alpha)
            if _has_space(everybody, framing.box, CUT):
                self._wait = round(self._gap)
                self._gap = min(2 * self._gap, LONGEST_GAP)
                self._then = glance(found.picture)
                self._follow(people, framing.box, part)
                return found
            found, people, self._is_new, self._box = everything, everybody, True, WHOLE
        if not self._is_new:
            self._follow(people, WHOLE, part)
            return found
        self._is_new = False
        self._move(people, part)
        framing = self.framing(whole, part)
        return found if framing is whole else look(framing)

    def _may_miss_something(self, people: Box | None, picture: NDArray[np.uint8], region: Box) -> bool:
        """Whether the whole is to be looked at, too: people may reach beyond the region, or be new beside it."""
        now = glance(picture)
        if self._then is None or self._then.shape != now.shape:  # the first look at a region
            self._then = now
        height, width = now.shape[:2]
        left, top, right, bottom = (round(side * full) for side, full in zip(region, 2 * (width, height), strict=True))
        beside = np.ones((height, width), np.bool_)
        beside[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1] = False
        changes = (now - self._then)[beside]
        # What changes everywhere is the light.
        has_changed = changes.size > 0 and float(np.abs(changes - changes.mean(axis=0)).max()) > OTHER
        if self._wait:
            self._wait -= 1
            return False
        if not has_changed:
            self._gap = max(1.0, self._gap - CALMING)
        return has_changed or not _has_space(people, region, CUT)

    def _follow(self, people: Box | None, region: Box, part: Callable[[Box], Framing | None]) -> None:
        """Choose where to look next."""
        wanted = region_of(people) if people else WHOLE
        self._calm = self._calm + 1 if _area(wanted) < SMALLER * _area(self._box) else 0
        if self._calm >= CALM or not _has_space(people, region, CLOSE):
            self._move(people, part)

    def _move(self, people: Box | None, part: Callable[[Box], Framing | None]) -> None:
        self._calm = 0
        if self._box == WHOLE:
            self._then = None
        wanted = region_of(people) if people else WHOLE
        self._box = wanted if part(wanted) is not None else WHOLE


def around(alpha: NDArray[np.float32]) -> Box | None:
    """Where the people of a matte, ``(h, w)`` in [0, 1], are; None: there is nobody."""
    person = (alpha[::2, ::2] > PERSON).view(np.uint8)
    spans = []
    for axis in (0, 1):
        counts = cv2.reduce(person, axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel()
        found = np.flatnonzero(counts > LEAST_SHARE * person.shape[axis])
        if not found.size:
            return None
        spans.append((float(found[0]) / counts.size, float(found[-1] + 1) / counts.size))
    (left, right), (top, bottom) = spans
    return Box(left, top, right, bottom)


def region_of(people: Box) -> Box:
    """The smallest region that leaves some space around them."""
    left, right = _span(people.left, people.right)
    top, bottom = _span(people.top, people.bottom)
    return Box(left, top, right, bottom)


def glance(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The picture, RGB ``(h, w, 3)``, as small as it takes to see that something came in; float32."""
    height, width = (max(1, side // GLANCE_SHARE) for side in picture.shape[:2])
    shown = picture[: height * GLANCE_SHARE, : width * GLANCE_SHARE]  # a whole share is faster
    return cv2.resize(shown, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)


def _span(low: float, high: float) -> tuple[float, float]:
    wanted = min(high + MARGIN, 1) - max(low - MARGIN, 0)
    side = next(side for side in SIDES if side >= wanted)
    start = min(max((low + high - side) / 2, 0.0), 1 - side)
    return start, start + side


def _has_space(people: Box | None, region: Box, space: float) -> bool:
    """Whether they are in the region and do not come too near to a side of it that is not the picture's."""
    return people is not None and (
        (region.left <= 0 or people.left - region.left >= space)
        and (region.top <= 0 or people.top - region.top >= space)
        and (region.right >= 1 or region.right - people.right >= space)
        and (region.bottom >= 1 or region.bottom - people.bottom >= space)
    )


def _area(box: Box) -> float:
    return (box.right - box.left) * (box.bottom - box.top)
