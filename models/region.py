"""Where the network looks: at the part of the picture in which somebody is, so that it sees them larger.

Whoever sits before a webcam fills half of its picture. The network's input costs the same whatever is in it, and its
matte is the better the larger people are in it. So a picture is looked at as a whole first, and then only around the
people who were found, while they stay there and nothing new comes up beside them.
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
LEAST_PX = 3
"""Side of a square that must be a person's to count, in a matte of half the size: a finger does, specks do not."""
MARGIN = 0.05
"""What is left free around people, as a share of the picture's side."""
SIDES = (0.25, 1 / 3, 0.42, 0.5, 0.58, 2 / 3, 0.75, 0.84, 1.0)
"""Sides that a region may have, as shares of the picture's: few, so that people are not seen at ever other scales."""
CLOSE, CUT = 0.02, 0.008
"""Space beside people, as such a share, below which the region moves with the next picture, and below which they may
reach beyond it in this one."""
SMALLER = 0.8
"""A region must be this much smaller, as a share of the present one's area, to be worth a change."""
CALM = 15
"""For so many pictures it must have been enough."""
GLANCE = (80, 60)
"""Width and height of the small grey picture on which changes beside the region are looked for."""
OTHER, NOISE = (7.0, 40.0), 8.0
"""By how many levels a pixel of it differs from the last whole look where something is new: within these bounds so many
times as much as the middle one of all pixels, which differs by noise."""
SPREAD_PX = 9
"""Side of the window by which such a change is widened: what moves there will move on."""
REST = 30
"""For so many pictures what moved, and was nobody, is no reason to look again."""
OVERLOOKED = 0.5
"""Share of the people of whom the look at the region is sure; one at the whole that finds less has overlooked them."""
SURE, NEARLY_SURE = 0.99, 0.9
"""Alpha of somebody who is surely seen, and of one who is so if they surely were within the last ``CALM`` pictures."""
AT_LEAST_EVERY = 90
"""After so many pictures the whole is looked at in any case."""


class Look(NamedTuple):
    """The whole picture as small as it was looked at, and what was found in it."""

    picture: NDArray[np.uint8]
    """RGB ``(h, w, 3)``."""
    alpha: NDArray[np.float32]
    """``(h, w)`` in [0, 1]; 0 beside the region."""


class _Ways(NamedTuple):
    """How a picture may be looked at; see ``Gaze.matte``."""

    whole: Framing
    part: Callable[[Box], Framing | None]
    look: Callable[[Framing], Look]


class Gaze:
    """Follows the people through one video. For one thread, but for ``framing``."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget where they were: the next picture starts a new scene."""
        self._box = WHOLE
        self._is_new = True
        self._calm = 0
        self._absent = REST
        self._unsure, self._last = CALM, WHOLE
        self._then = np.zeros(GLANCE[::-1], np.float32)
        self._restless = np.zeros(GLANCE[::-1], np.bool_)
        self._pictures = 0

    def framing(self, whole: Framing, part: Callable[[Box], Framing | None]) -> Framing:
        """How the next picture enters the network, if nothing unforeseen is in it.

        Args:
            whole: how all of it does.
            part: how a region does; None = that would show nothing larger.
        """
        box = self._box
        return whole if box == WHOLE else part(box) or whole

    def matte(self, whole: Framing, part: Callable[[Box], Framing | None], look: Callable[[Framing], Look]) -> Look:
        """The matte of the next picture: one look at it as a rule, more where the people's place has to be found.

        Args:
            whole: see ``framing``.
            part: likewise.
            look: looks at that picture in that way.
        """
        ways = _Ways(whole, part, look)
        framing = self.framing(whole, part)
        found = look(framing)
        if framing is whole:
            found, people = self._matte_of_whole(found, ways)
        else:
            found, people = self._matte_of_part(found, framing.box, ways)
        self._unsure += 1
        if people is not None and _surest(found.alpha, people) >= SURE:
            self._unsure, self._last = 0, people
        self._absent = 0 if people else self._absent + 1
        self._is_new = False
        return found

    def _matte_of_whole(self, found: Look, ways: _Ways) -> tuple[Look, Box | None]:
        """The matte and where people are, after a look at the whole."""
        self._remember(found.picture)
        people = around(found.alpha)
        if not self._is_new and (people is None or self._absent < REST):
            self._follow(people, WHOLE, ways.part)
            return found, people
        closer, who = self._closer(found, people, ways)
        # Of whoever is only just coming in hardly anything is seen, and less of what is around when seen from close by.
        return (closer, who) if who or self._is_new else (found, people)

    def _matte_of_part(self, found: Look, region: Box, ways: _Ways) -> tuple[Look, Box | None]:
        """The matte and where people are, after a look at that region."""
        self._pictures += 1
        people = around(found.alpha)
        surest = _surest(found.alpha, people)
        if people is not None and self._unsure < CALM and surest < NEARLY_SURE:
            found, people, region = self._looked_again(found, people, region, ways)
            surest = _surest(found.alpha, people)
        changed = self._changed_beside(found.picture, region)
        is_due = self._pictures >= AT_LEAST_EVERY or bool(changed.any())
        if not is_due and _has_space(people, region, CUT):
            self._follow(people, region, ways.part)
            return found, people
        everything = ways.look(ways.whole)
        everybody = around(everything.alpha)
        if people is not None and (surest >= SURE or (surest >= NEARLY_SURE and self._unsure < CALM)):
            larger = cv2.resize(found.alpha, everything.alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)
            if _is_overlooked(larger, everything.alpha):  # as somebody may be who is seen from farther off
                everybody = _together(everybody, people)
                everything = Look(everything.picture, np.maximum(everything.alpha, larger))
        if people is not None and _has_space(everybody, region, CUT):
            self._restless |= cv2.dilate(changed.view(np.uint8), np.ones((SPREAD_PX, SPREAD_PX), np.uint8)) > 0
            self._remember(found.picture)
            self._follow(people, region, ways.part)
            return found, people
        self._remember(everything.picture)
        if people is None and _has_space(everybody, region, CUT):  # there they would be missed again
            self._box, self._calm = WHOLE, 0
            return everything, everybody
        closer, who = self._closer(everything, everybody, ways)
        return (closer, who) if who else (everything, everybody)

    def _looked_again(self, found: Look, people: Box, region: Box, ways: _Ways) -> tuple[Look, Box | None, Box]:
        """Those who were surely there a moment ago and hardly are: seen as large as can be, where they were then."""
        box = region_of(self._last, CLOSE)
        framing = ways.part(box)
        if framing is None or _area(box) >= _area(region):
            return found, people, region
        again = ways.look(framing)
        who = around(again.alpha)
        if _surest(again.alpha, who) < max(NEARLY_SURE, _surest(found.alpha, people)):
            return found, people, region
        self._box, self._calm = box, 0
        return again, who, box

    def _closer(self, found: Look, people: Box | None, ways: _Ways) -> tuple[Look, Box | None]:
        """Look closer at people who were found in the whole, if there are any and it can be closer."""
        self._move(people, ways.part)
        framing = self.framing(ways.whole, ways.part)
        if framing is ways.whole:
            return found, people
        found = ways.look(framing)
        self._remember(found.picture)
        people = around(found.alpha)
        if people is None:  # there they would be missed again
            self._box = WHOLE
        return found, people

    def _remember(self, picture: NDArray[np.uint8]) -> None:
        """The whole of this picture has been looked at."""
        self._then = glance(picture)
        self._pictures = 0

    def _changed_beside(self, picture: NDArray[np.uint8], region: Box) -> NDArray[np.bool_]:
        """Where something is new beside the region."""
        if self._pictures >= REST:
            self._restless[:] = False
        width, height = GLANCE
        left, top, right, bottom = (round(side * full) for side, full in zip(region, 2 * GLANCE, strict=True))
        beside = ~self._restless
        beside[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1] = False
        if not beside.any():
            return np.zeros((height, width), np.bool_)
        differences = glance(picture) - self._then
        found = []
        # Whoever comes in may fill all that is beside it. Of all the picture a quarter says as much.
        for judged in (differences[beside], differences[::2, ::2].ravel()):
            light = float(np.median(judged))  # what changes everywhere
            found.append((float(np.median(np.abs(judged - light))), light))
        noise, light = min(found)
        return (np.abs(differences - light) > np.clip(NOISE * noise, *OTHER)) & beside

    def _follow(self, people: Box | None, region: Box, part: Callable[[Box], Framing | None]) -> None:
        """Choose where to look next."""
        wanted = region_of(people) if people else WHOLE
        self._calm = self._calm + 1 if _area(wanted) < SMALLER * _area(self._box) else 0
        if self._calm >= CALM or not _has_space(people, region, CLOSE):
            self._move(people, part)

    def _move(self, people: Box | None, part: Callable[[Box], Framing | None]) -> None:
        self._calm = 0
        wanted = region_of(people) if people else WHOLE
        self._box = wanted if part(wanted) is not None else WHOLE


def around(alpha: NDArray[np.float32]) -> Box | None:
    """Where the people of a matte, ``(h, w)`` in [0, 1], are; None: there is nobody."""
    person = without_specks(alpha[::2, ::2] > PERSON)
    left, top, width, height = cv2.boundingRect(person)
    if not width:
        return None
    full_h, full_w = person.shape
    return Box(left / full_w, top / full_h, (left + width) / full_w, (top + height) / full_h)


def without_specks(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """What of a mask, ``(h, w)``, lies in squares of ``LEAST_PX``."""
    opened = cv2.morphologyEx(mask.view(np.uint8), cv2.MORPH_OPEN, np.ones((LEAST_PX, LEAST_PX), np.uint8))
    return opened.astype(np.uint8, copy=False)


def region_of(people: Box, margin: float = MARGIN) -> Box:
    """The smallest region that leaves some space around them, as a share of the picture's side."""
    left, right = _span(people.left, people.right, margin)
    top, bottom = _span(people.top, people.bottom, margin)
    return Box(left, top, right, bottom)


def glance(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The picture, RGB ``(h, w, 3)``, in grey, as small as it takes to see that something came in; float32."""
    width, height = GLANCE
    # Averaging all of it at once would take four times as long.
    some = cv2.resize(picture, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR)
    small = cv2.resize(some, GLANCE, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _span(low: float, high: float, margin: float) -> tuple[float, float]:
    wanted = min(high + margin, 1) - max(low - margin, 0)
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


def _together(people: Box | None, others: Box) -> Box:
    """Where both are."""
    if people is None:
        return others
    left, top = min(people.left, others.left), min(people.top, others.top)
    return Box(left, top, max(people.right, others.right), max(people.bottom, others.bottom))


def _is_overlooked(people: NDArray[np.float32], others: NDArray[np.float32]) -> bool:
    """Whether a matte, ``(h, w)``, lacks most of the people of another one."""
    theirs = people > PERSON
    return bool(np.count_nonzero(theirs & (others > PERSON)) < OVERLOOKED * np.count_nonzero(theirs))


def _surest(alpha: NDArray[np.float32], people: Box | None) -> float:
    """The largest alpha where they are; 0 = there is nobody."""
    if people is None:
        return 0.0
    height, width = alpha.shape
    rows = slice(int(people.top * height), max(1, round(people.bottom * height)))
    columns = slice(int(people.left * width), max(1, round(people.right * width)))
    return float(alpha[rows, columns].max())


def _area(box: Box) -> float:
    return (box.right - box.left) * (box.bottom - box.top)
