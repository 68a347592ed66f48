"""People, and parts of them, whom the network loses though they stand out of the known room.

Whoever is only just coming in or leaving, walks fast or is seen from behind is now and then found in one picture and
not at all in the next, or without a hand. Where the room is known for certain, what covers it is somebody if the
network saw them there in the picture before, if it suspects them at least, or if it hangs together with somebody whom
it sees and is no larger than an arm.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Alpha, Image, Levels
from streamer.segmentation.mending import OTHER
from streamer.segmentation.strangeness import EDGE, EDGE_PX, STRANGE, Colours, beyond_nearby, largest, ramp, shadow

Mask: TypeAlias = NDArray[np.bool_]
Flags: TypeAlias = NDArray[np.uint8]

PERSON = 0.5
"""Alpha from which somebody is there."""
FOUND = 0.5
"""Share of somebody's pixels of the picture before: with fewer, the network has lost them."""
COVERED = 0.3
"""Share of those pixels that must cover the room still."""
LEAST_SHARE = 1 / 400
"""Share of the picture that somebody must fill."""
MOVED_SHARE = 1 / 20
"""How far somebody may have moved, as a share of the picture's width."""
BEYOND = 0.3
"""Share of a patch that must have none of the room's colours nearby: a camera is nudged."""
SUSPECTED = 0.05
"""The network's median alpha of what covers the room from which that is somebody: of 4,369 patches of other rooms that
were moved through one nine tenths had less than 0.01."""
PART_SHARE = 1 / 12
"""How far from somebody a part of them may reach, as a share of the picture's width: what goes on farther is rather a
door behind them."""
RIM_PX = 3
"""Of a part there must be something that far from them: the rest of their edge is the network's."""
GREY = 0.25
"""Range of the room's channels, as a share of the largest, up to which it is grey."""
DARKEST = (0.25, 0.45)
"""How dark a shadow may be as a share of the room, and how dark where that is grey: a grey coat has its tint."""
COAT_PX = 3
"""Side of the smallest square of such a coat."""
SPECK_PX, GAP_PX, PART_GAP_PX = 3, 9, 5
"""Side of the smallest square of what covers the room that counts, and of the largest hole in it that does not."""
LEAST_PX = 12
"""With fewer pixels nothing was lost."""
PATIENCE = 90
"""For so many pictures at most a pixel is believed to be somebody's: what stays longer was put down there."""


class LostPeople:
    """Follows people through one scene, at the size at which mattes are settled. Not thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget where they were: the next picture starts a new scene."""
        self._before: Levels = np.zeros((0, 0), np.uint8)
        self._lost: Levels = self._before
        self._given: Levels = self._before

    def places(self, alpha: Alpha) -> Mask | None:
        """Where those may be whom the network has lost; None as a rule.

        Args:
            alpha: float32 ``(h, w)`` in [0, 1], the network's of the next picture.
        """
        now = (alpha > PERSON).view(np.uint8)
        before, self._before = self._before, now
        self._lost = np.zeros_like(now)
        if before.shape == now.shape:
            least_px = LEAST_SHARE * now.size
            if np.count_nonzero(before > now) >= FOUND * least_px:
                count, people, facts, _ = cv2.connectedComponentsWithStats(before)
                for person in range(1, count):
                    size = int(facts[person, cv2.CC_STAT_AREA])
                    if size >= least_px and np.count_nonzero(now[people == person]) < FOUND * size:
                        self._lost[people == person] = 1
        else:
            self._given = np.zeros_like(now)
        return self._around_lost().view(np.bool_) if self._lost.any() else None

    def restored(self, alpha: Alpha, seen: Image, expected: Image, difference: Levels) -> Alpha:
        """The alpha with them, after ``places`` of the same picture: float32 ``(h, w)`` in [0, 1].

        Args:
            alpha: the network's.
            seen: the picture, RGB uint8 ``(h, w, 3)``.
            expected: the room in the picture's light, alike. What has its tint, darker or brighter, is no evidence: a
                lamp may be on.
            difference: the largest of the channels' differences, uint8 ``(h, w)``; 0 where the room is not certain.
        """
        is_strange = difference >= STRANGE[1]
        covered = _opened((is_strange & (self._given < PATIENCE) & (alpha <= PERSON)).view(np.uint8))
        given = np.zeros_like(covered)
        if np.count_nonzero(covered & (_grown(self._before, RIM_PX) ^ 1)) >= LEAST_PX:
            left, top, width, height = cv2.boundingRect(covered)
            here = np.s_[
                max(0, top - EDGE_PX) : top + height + EDGE_PX, max(0, left - EDGE_PX) : left + width + EDGE_PX
            ]
            restored = self._restored(here, covered, alpha, seen, expected, difference)
            given[here] = restored > alpha[here]
            alpha = alpha.copy()
            alpha[here] = restored
        if given.any() or self._given.any():
            shown = np.where(is_strange, self._given, np.maximum(self._given, 1) - 1)
            self._given = np.where((given > 0) & (self._given < PATIENCE), self._given + 1, shown).astype(np.uint8)
        return alpha

    def _restored(
        self,
        here: tuple[slice, slice],
        covered: Flags,
        alpha: Alpha,
        seen: Image,
        expected: Image,
        difference: Levels,
    ) -> Alpha:
        """The alpha with them of the part of the picture in which something covers the room."""
        alpha, difference, person, lost = alpha[here], difference[here], self._before[here], self._lost[here]
        colours, room = (np.ascontiguousarray(picture[here]) for picture in (seen, expected))
        is_own = _not_tinted(colours.astype(np.float32), room.astype(np.float32))
        covered = _not_moved(_opened(covered[here] & is_own), colours, room)
        kept = _suspects(covered, alpha, LEAST_SHARE * self._before.size)
        if np.count_nonzero(covered & lost) > COVERED * np.count_nonzero(self._lost):
            kept |= covered & self._around_lost()[here]
        kept |= _closed(kept, GAP_PX) & (difference >= OTHER).view(np.uint8)
        person |= kept
        nearby = cv2.dilate(difference, np.ones((EDGE_PX, EDGE_PX), np.uint8))
        shares = difference.astype(np.float32) / np.maximum(nearby, 1).astype(np.float32)
        reach_px = round(self._before.shape[1] * PART_SHARE)
        parts = _parts(person, _opened(covered & (shares > sum(EDGE) / 2).view(np.uint8)), reach_px)
        given = _without_holes(person, kept | parts)
        soft = cv2.blur((person | given).astype(np.float32), (3, 3))
        restored: Alpha = np.maximum(alpha, np.where(parts > 0, ramp(shares, EDGE), soft) * given)
        return restored

    def _around_lost(self) -> Flags:
        return _grown(self._lost, round(self._lost.shape[1] * MOVED_SHARE))


def _not_tinted(seen: Colours, expected: Colours) -> Flags:
    """Where the picture is not the room in another light: uint8 ``(h, w)``, from RGB float32 ``(h, w, 3)``."""
    darkest, darkest_grey = DARKEST
    own = (shadow(seen, expected, darkest, np.inf) < 0.5).view(np.uint8)
    highest, lowest = largest(expected), -largest(-expected)
    is_grey = (highest - lowest < GREY * highest).view(np.uint8)
    coat = (shadow(seen, expected, darkest_grey, np.inf) < 0.5).view(np.uint8) & is_grey & (own ^ 1)
    # At the outline of what is darker still, such colours are but a mixture with the room.
    return own | cv2.morphologyEx(coat, cv2.MORPH_OPEN, np.ones((COAT_PX, COAT_PX), np.uint8)).astype(np.uint8)


def _not_moved(covered: Flags, seen: Image, expected: Image) -> Flags:
    """The patches of ``covered`` that are not the room's own things, nudged: uint8 ``(h, w)``."""
    count, patches = cv2.connectedComponents(covered, connectivity=8)
    is_beyond = beyond_nearby(seen, expected) >= STRANGE[0]
    sizes = np.bincount(patches.ravel(), minlength=count)
    is_other = np.bincount(patches[is_beyond], minlength=count) >= BEYOND * sizes
    is_other[0] = False
    return is_other[patches].view(np.uint8)


def _suspects(covered: Flags, alpha: Alpha, least_px: float) -> Flags:
    """Whoever covers the room and is at least suspected: uint8 ``(h, w)``."""
    suspects = np.zeros_like(covered)
    count, patches, facts, _ = cv2.connectedComponentsWithStats(covered)
    for patch in range(1, count):
        if facts[patch, cv2.CC_STAT_AREA] >= least_px:
            is_patch = patches == patch
            if np.median(alpha[is_patch]) >= SUSPECTED:
                suspects |= is_patch.view(np.uint8)
    return suspects


def _parts(person: Flags, covered: Flags, reach_px: int) -> Flags:
    """Of what covers the room that which hangs together with somebody and ends within reach: uint8 ``(h, w)``."""
    reached = last = person
    for _ in range(reach_px):
        last = reached
        reached = person | (_grown(last, 1) & covered)
        if np.array_equal(reached, last):
            break
    count, patches = cv2.connectedComponents(covered & (person ^ 1), connectivity=8)
    is_part = np.zeros(count, np.bool_)
    is_part[patches[reached > person]] = True
    is_part[patches[reached > last]] = False
    is_part[0] = False
    parts = is_part[patches].view(np.uint8)
    parts &= _grown(parts & (_grown(person, RIM_PX) ^ 1), RIM_PX)
    parts = _closed(person | parts, PART_GAP_PX) & _grown(parts, PART_GAP_PX // 2) & (person ^ 1)
    return parts.astype(np.uint8)


def _without_holes(person: Flags, given: Flags) -> Flags:
    """What is given to somebody, with the small holes in it, where they have the room's colour: uint8 ``(h, w)``."""
    whole = given.copy()
    height, width = given.shape
    _, patches, facts, _ = cv2.connectedComponentsWithStats((person | given) ^ 1, connectivity=4)
    beside = np.unique(patches[_grown(given, 1) > given])
    for patch in beside[beside > 0]:
        left, top, wide, high, size = facts[patch]
        is_inside = left > 0 and top > 0 and left + wide < width and top + high < height
        if is_inside and size <= GAP_PX**2:
            whole[patches == patch] = 1
    return whole


def _grown(flags: Flags, reach_px: int) -> Flags:
    return cv2.dilate(flags, np.ones((2 * reach_px + 1, 2 * reach_px + 1), np.uint8)).astype(np.uint8)


def _opened(flags: Flags) -> Flags:
    return cv2.morphologyEx(flags, cv2.MORPH_OPEN, np.ones((SPECK_PX, SPECK_PX), np.uint8)).astype(np.uint8)


def _closed(flags: Flags, gap_px: int) -> Flags:
    return cv2.morphologyEx(flags, cv2.MORPH_CLOSE, np.ones((gap_px, gap_px), np.uint8)).astype(np.uint8)
