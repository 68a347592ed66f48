"""People whom the network loses from one picture to the next, though they stand out of the known room as before.

Whoever is only just coming in or leaving, or is seen from behind, is now and then found in one picture and not at all
in the next. Where the room is known, what covers it in the very place of the person of the picture before is that
person still.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Alpha, Levels

Mask: TypeAlias = NDArray[np.bool_]

PERSON = 0.5
"""Alpha from which somebody is there."""
FOUND = 0.5
"""Share of somebody's pixels of the picture before: with fewer, the network has lost them."""
COVERED = 0.3
"""Share of those pixels that must cover the room still."""
LEAST_SHARE = 1 / 400
"""Share of the picture that somebody must fill."""
REACH_SHARE = 1 / 20
"""How far somebody may have moved, as a share of the picture's width."""
SPECK_PX, GAP_PX = 3, 9
"""Side of the smallest square of what covers the room that counts, and of the largest hole in it that does not."""
PATIENCE = 90
"""For so many pictures in a row at most they are believed to be there."""


class LostPeople:
    """Follows people through one scene, at the size at which mattes are settled. Not thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget where they were: the next picture starts a new scene."""
        self._before: Levels = np.zeros((0, 0), np.uint8)
        self._lost: Levels = self._before
        self._missed = 0

    def places(self, alpha: Alpha) -> Mask | None:
        """Where those may be whom the network has lost; None as a rule.

        Args:
            alpha: float32 ``(h, w)`` in [0, 1], the network's of the next picture.
        """
        now = (alpha > PERSON).view(np.uint8)
        before, self._before = self._before, now
        self._lost = np.zeros_like(now)
        if before.shape == now.shape and self._missed < PATIENCE:
            least_px = LEAST_SHARE * now.size
            if np.count_nonzero(before > now) >= FOUND * least_px:
                count, people, facts, _ = cv2.connectedComponentsWithStats(before)
                for person in range(1, count):
                    size = int(facts[person, cv2.CC_STAT_AREA])
                    if size >= least_px and np.count_nonzero(now[people == person]) < FOUND * size:
                        self._lost[people == person] = 1
        if not self._lost.any():
            self._missed = 0
            return None
        side = 2 * round(now.shape[1] * REACH_SHARE) + 1
        return cv2.dilate(self._lost, np.ones((side, side), np.uint8)).view(np.bool_)

    def found(self, places: Mask, covered: Mask, other: Mask) -> Mask:
        """Where they still are, after ``places`` of the same picture.

        Args:
            places: its result.
            covered: bool ``(h, w)``, where what shows is surely not the room.
            other: where it hardly is.
        """
        kept = np.zeros_like(self._lost)
        if np.count_nonzero(covered & self._lost.view(np.bool_)) >= COVERED * np.count_nonzero(self._lost):
            speck, gap = (np.ones((side, side), np.uint8) for side in (SPECK_PX, GAP_PX))
            kept = cv2.morphologyEx((places & covered).view(np.uint8), cv2.MORPH_OPEN, speck).astype(np.uint8)
            kept |= cv2.morphologyEx(kept, cv2.MORPH_CLOSE, gap).astype(np.uint8) & other.view(np.uint8)
        self._missed = self._missed + 1 if kept.any() else 0
        self._before = self._before | kept
        return kept.view(np.bool_)
