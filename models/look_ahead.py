"""What the frames around one tell about it: for recordings, which can wait for what comes next.

A network that sees each frame for itself misses somebody in the first frames in which only a shoulder has come in, and
for single frames later. What it sees is the same thing in all of them, and is a person in all of them or in none. So
each pixel is followed through the frames before and after, as far as it looks the same there, and their mattes vote.
Edges are averaged along the same ways, over the next frame on either side.

Nothing is taken from a place that looks otherwise, so that no frame's person is left in another's picture. Of somebody
who has nearly the colour of the wall that cannot be told in all pixels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from models.along import add, carry
from models.correspondence import Correspondence, Part, follow, follow_both_ways

Picture = NDArray[np.uint8]
Matte = NDArray[np.float32]
Votes = NDArray[np.float32]

JUMP, JUMP_PX = 0.5, 3
"""A patch of so many pixels a side, in pictures half as large, in which the matte of the same thing jumps by so much
from one frame to the next asks for a vote."""
DECAY = 0.98
"""Weight of a frame's vote for each frame in between."""
MISSED, MISSED_PX = 0.35, 5
"""Mean of the votes above which somebody was missed, if the matte has less than ``UNSEEN`` on so many pixels a side."""
UNSEEN = 0.4
FALSE, FALSE_PX = 0.25, 3
"""Mean of the votes of the frames before, and of those behind, below which what the matte shows is nobody."""
DENIED, NEARLY_ALL, FEW = 0.2, 0.8, 3
"""What can be seen in so large a share of the frames before, or behind, and is a person in less than that share of them
is none now: it has neither just come in nor just left. Fewer frames are no sign of that."""
POOLED_PX = 9
"""Side of the window over which votes are pooled: ways break off in single pixels."""
REACH_PX = 9
"""Side of the window by which what is mended is widened, up to where votes and matte agree."""
NOBODY, SOMEBODY = 0.15, 0.5
"""Means of the votes that are an alpha of 0 and of 1."""
COVERED = 0.7
"""Share of a body, as the frames beside show it, that must be there for any of it to be mended: no torn-off pieces."""
SOLID = 0.7
"""Share of its convex hull that a body of which more than half is added takes at least."""
LEAST_BODY = 0.008
"""Share of the picture that a body takes at least."""
AROUND_PX, STEP_PX = 24, 32
"""What surrounds the people that is looked at, and the multiple of which its sides are."""
LEAST_PART_PX = 48
"""Sides of the smallest part that is looked at, where the picture has them."""
SEEN = 0.02
"""An alpha from which on there may be somebody."""
LENIENT = 10.0
"""Difference in levels up to which it is the same edge: of a sharp one, half as large, flow leaves so much."""
EDGE_PX = 5
"""Side of the window by which edges are widened to be averaged."""


class _Moment:
    """A frame that waits, or has gone and is still asked."""

    def __init__(
        self, picture: Picture, alpha: Matte, kept: Matte | None, room: Matte | None, dropped: Matte | None
    ) -> None:
        height, width = alpha.shape
        self.picture: Final = np.array(picture, order="C")
        self.half: Final = cv2.resize(picture, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
        self.alpha: Final = np.ascontiguousarray(alpha)
        self.half_alpha: Final = cv2.resize(self.alpha, self.half.shape[1::-1], interpolation=cv2.INTER_AREA)
        self.room: Final = room
        """1 where it is surely the room; None = nobody knows."""
        self.dropped: Final = dropped
        """1 where somebody is not to be shown; None = nowhere."""
        unsure = ((self.alpha > SEEN) & (self.alpha < 1 - SEEN)).view(np.uint8)
        near = cv2.dilate(unsure, _square(EDGE_PX)).astype(np.float32)
        self.free: Final = near if kept is None else near * (1 - kept)
        """1 near edges, less where the matte is averaged over time already, else 0: how much of it may be averaged."""
        self.people: Final = _box(self.alpha > SEEN)
        """Where somebody may be."""
        self.half_people: Final = _box(self.half_alpha > SEEN)
        """Likewise, in the picture half as large."""
        self.jumps = False
        """Whether the matte jumps from the frame before to this one."""
        self.half_back: Correspondence | None = None
        """To the frame before, both pictures half as large; None = nobody is in either."""
        self.half_onward: Correspondence | None = None
        """From the frame before to this one, likewise."""
        self.ways: tuple[Correspondence, Correspondence] | None = None
        """To the frame before, and from there to this one; None = not looked for yet."""

    @cached_property
    def own_vote(self) -> Votes:
        """Of this frame alone: its alpha, and 1, ``(h, w, 2)``."""
        return np.dstack((self.alpha, np.ones_like(self.alpha)))


class LookAhead:
    """Mends mattes by those of other frames. Not thread-safe.

    Args:
        frames: how many frames are waited for, and so many that have gone are asked, too; 1 or more.
    """

    def __init__(self, frames: int) -> None:
        if frames < 1:
            raise ValueError(f"looking ahead takes 1 frame or more, not {frames}")
        self._frames = frames
        self._moments: deque[_Moment] = deque()
        self._gone = 0
        self._people: Part | None = None
        """Where somebody may be in any of the frames that are asked."""

    def put(
        self,
        picture: Picture,
        alpha: Matte,
        kept: Matte | None = None,
        *,
        room: Matte | None = None,
        dropped: Matte | None = None,
    ) -> list[Matte]:
        """Take the next frame; gives what is mended now, in order.

        Args:
            picture: RGB uint8 ``(h, w, 3)``; with another size than before it begins anew, after the rest.
            alpha: its matte, float32 ``(h, w)`` in [0, 1].
            kept: the share of the frame before in it, in [0, 1], where it is averaged already; None = nowhere.
            room: 1 where it is surely the room, whatever other frames tell, to 0; None = nobody knows.
            dropped: 1 where it is somebody who is not to be shown, to 0; None = nowhere. A body of which that is the
                greater part is not added.

        Returns:
            float32 ``(h, w)`` in [0, 1] each, of the frames that were put in: none at first, then one for each.

        Raises:
            ValueError: picture and alpha are of two sizes.
        """
        if picture.shape[:2] != alpha.shape:
            raise ValueError(f"a picture of {picture.shape} and an alpha of {alpha.shape}")
        begun = self._moments and self._moments[-1].alpha.shape != alpha.shape
        ready = list(self.rest()) if begun else []
        moment = _Moment(picture, alpha, kept, room, dropped)
        if self._moments:
            self._compare(self._moments[-1], moment)
        self._moments.append(moment)
        if len(self._moments) - self._gone > self._frames:
            ready.append(self._next())
        return ready

    def rest(self) -> Iterator[Matte]:
        """What is still to come, once there are no more frames; all taken, it begins anew."""
        while self._gone < len(self._moments):
            yield self._next()
        self._moments.clear()
        self._gone = 0

    def _next(self) -> Matte:
        at = self._gone
        alpha = self._moments[at].alpha
        self._people = _around(alpha, *(moment.people for moment in self._moments))
        if self._people is not None and any(moment.jumps for moment in self._moments):
            alpha = self._voted(at)
        alpha = self._averaged(at, alpha)
        self._gone += 1
        if self._gone > self._frames:
            self._moments.popleft()
            self._gone -= 1
            first = self._moments[0]
            first.ways = first.half_back = first.half_onward = None
            first.jumps = False
        return alpha

    def _compare(self, before: _Moment, moment: _Moment) -> None:
        """Find out how things moved between two frames, roughly, and whether their mattes say the same of them."""
        part = _around(moment.half_alpha, before.half_people, moment.half_people)
        if part is None:
            return
        moment.half_back = follow(moment.half, before.half, part, least_unlike=LENIENT)
        moment.half_onward = follow(before.half, moment.half, part, least_unlike=LENIENT)
        jump = cv2.absdiff(moment.half_back.fetched(before.half_alpha), moment.half_alpha) * moment.half_back.fits
        moment.jumps = bool(cv2.erode((jump > JUMP).view(np.uint8), _square(JUMP_PX)).any())

    def _averaged(self, at: int, alpha: Matte) -> Matte:
        """The alpha averaged with those beside it, along the ways of what is seen, where they hardly differ."""
        own = self._moments[at]
        after = self._moments[at + 1] if at + 1 < len(self._moments) else None
        total, weight = alpha.copy(), np.ones_like(alpha)
        if own.half_back is not None:
            add(self._moments[at - 1].alpha, own.half_back.places, own.half_back.fits, alpha, own.free, total, weight)
        if after is not None and after.half_onward is not None:
            add(after.alpha, after.half_onward.places, after.half_onward.fits, alpha, own.free, total, weight)
        total /= weight
        return total

    def _voted(self, at: int) -> Matte:
        """The alpha with whom it missed, and without whom it made up, by the votes of the frames around."""
        own = self._moments[at]
        before, later = self._moments[0].own_vote, self._moments[-1].own_vote
        for index in range(1, at + 1):
            before = _carried(before, self._back(index), self._moments[index])
        for index in range(len(self._moments) - 2, at - 1, -1):
            later = _carried(later, self._onward(index + 1), self._moments[index])
        both = cv2.blur(before + later - own.own_vote, (POOLED_PX, POOLED_PX))
        mean = both[..., 0] / both[..., 1]
        said = np.clip((mean - np.float32(NOBODY)) * np.float32(1 / (SOMEBODY - NOBODY)), 0, 1)
        missed = _grown((own.alpha < UNSEEN) & (mean > MISSED), MISSED_PX) & (own.alpha < said)
        if missed.any():
            if own.room is not None:
                missed &= own.room < 0.5
            denied = _denied(before, own, self._known_before(at)) | _denied(later, own, self._known_after(at))
            if own.dropped is not None:
                denied |= own.dropped > 0.5
            missed &= _whole(own.alpha > 0.5, missed & (said > 0.5), denied, self._beside(at))
        most = np.maximum(before[..., 0] / before[..., 1], later[..., 0] / later[..., 1])
        false = _grown((own.alpha > 0.5) & (most < FALSE), FALSE_PX) & (own.alpha > said)
        return np.where(missed | false, said, own.alpha)

    def _beside(self, at: int) -> NDArray[np.bool_]:
        """Where the bodies of the frames beside that one would be in it."""
        bodies = np.zeros(self._moments[at].alpha.shape, np.bool_)
        if at > 0:
            bodies |= self._back(at).fetched(self._moments[at - 1].alpha) > 0.5
        if at + 1 < len(self._moments):
            bodies |= self._onward(at + 1).fetched(self._moments[at + 1].alpha) > 0.5
        return bodies

    def _known_before(self, at: int) -> int:
        """How many frames there are before that one, back to a cut."""
        first = at
        while first > 0 and not self._back(first).is_cut:
            first -= 1
        return at - first

    def _known_after(self, at: int) -> int:
        """How many frames there are behind that one, up to a cut."""
        last = at
        while last + 1 < len(self._moments) and not self._onward(last + 1).is_cut:
            last += 1
        return last - at

    def _back(self, at: int) -> Correspondence:
        """Where what that frame shows is in the one before."""
        return self._ways(at)[0]

    def _onward(self, at: int) -> Correspondence:
        """Where what the frame before that one shows is in that one."""
        return self._ways(at)[1]

    def _ways(self, at: int) -> tuple[Correspondence, Correspondence]:
        """Both, found anew where they were looked for in too small a part."""
        assert self._people is not None  # else there is nobody to follow
        own, before = self._moments[at], self._moments[at - 1]
        if own.ways is None or not own.ways[0].part.holds(self._people):
            own.ways = follow_both_ways(own.picture, before.picture, self._people)
        return own.ways


def _carried(votes: Votes, way: Correspondence, moment: _Moment) -> Votes:
    """That frame's own vote, and those of another one for its pixels."""
    result = moment.own_vote.copy()
    carry(votes, way.places, way.fits, np.float32(DECAY), *way.part, result)
    return result


def _denied(votes: Votes, own: _Moment, frames: int) -> NDArray[np.bool_]:
    """Where what that frame shows is in nearly all of the others, and in hardly any of them a person, ``(h, w)``.

    Args:
        votes: of that frame and the others.
        own: the frame.
        frames: how many others there are.
    """
    if frames < FEW:
        return np.zeros(own.alpha.shape, np.bool_)
    most = sum(DECAY**number for number in range(1, frames + 1))
    others = votes[..., 1] - 1
    return (others > NEARLY_ALL * most) & (votes[..., 0] - own.alpha < DENIED * others)


def _whole(
    own: NDArray[np.bool_], added: NDArray[np.bool_], denied: NDArray[np.bool_], beside: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Where a body would be shown as a whole, ``(h, w)``.

    Args:
        own: what is shown by itself.
        added: what would be added.
        denied: what is nobody, or is not to be shown; of a body no more than half of what would be added is that.
        beside: the bodies of other frames.
    """
    shown = own | added
    count, labels, sizes, _ = cv2.connectedComponentsWithStats((beside | shown).view(np.uint8), connectivity=8)
    there, by_itself, more, less = (
        np.bincount(labels[mask], minlength=count) for mask in (shown, own, added, added & denied)
    )
    is_whole = (there >= COVERED * sizes[:, cv2.CC_STAT_AREA]) & (there >= LEAST_BODY * shown.size) & (2 * less <= more)
    is_whole[0] = False
    for label in np.flatnonzero(is_whole & (by_itself < 0.5 * there)):
        points = cv2.findNonZero((shown & (labels == label)).view(np.uint8))
        is_whole[label] = there[label] >= SOLID * cv2.contourArea(cv2.convexHull(points))
    return is_whole[labels]


def _box(mask: NDArray[np.bool_]) -> Part | None:
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return Part(left, top, left + width, top + height) if width else None


def _around(alpha: Matte, *boxes: Part | None) -> Part | None:
    """The part of a picture that holds these boxes, and some of what is around; None = there are none."""
    found = [box for box in boxes if box is not None]
    if not found:
        return None
    lefts, tops, rights, bottoms = zip(*found, strict=True)
    height, width = alpha.shape
    left, right = _stretch(min(lefts), max(rights), width)
    top, bottom = _stretch(min(tops), max(bottoms), height)
    return Part(left, top, right, bottom)


def _stretch(first: int, last: int, length: int) -> tuple[int, int]:
    """From one pixel to another, with what is around them, in a picture of that length."""
    first, last = max(0, (first - AROUND_PX) // STEP_PX * STEP_PX), -(-(last + AROUND_PX) // STEP_PX) * STEP_PX
    first = min(first, max(0, length - LEAST_PART_PX))
    return first, min(length, max(last, first + LEAST_PART_PX))


def _grown(mask: NDArray[np.bool_], least_px: int) -> NDArray[np.bool_]:
    """What is left of a mask in patches of at least so many pixels a side, widened."""
    core = cv2.erode(mask.view(np.uint8), _square(least_px))
    return cv2.dilate(core, _square(REACH_PX)) > 0


def _square(side_px: int) -> NDArray[np.uint8]:
    return np.ones((side_px, side_px), np.uint8)
