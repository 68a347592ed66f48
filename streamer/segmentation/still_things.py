"""Things that the network half takes for a person: what never moves while somebody does is furniture.

The back of a chair at the picture's edge, a lamp or a poster can be a patch of doubt for hours, and flicker on screen
all the while. Nobody keeps as still as that: the outline of somebody who listens moves by a pixel or two.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Alpha, Image
from streamer.segmentation.strangeness import largest

Mask = NDArray[np.bool_]
Values = NDArray[np.float32]

LOOK_EVERY = 4
"""Pictures from one look to the next; the clean plate shows every second frame."""
RATE = 1 / 20
"""Weight of a look in what is remembered: about five seconds at 30 frames a second."""
LEAST_LOOKS = 20
"""With fewer nothing is said."""
STILL, MOVING = 8.0, 12.0
"""Mean deviation from the mean colour, in levels of the farthest channel, up to which a thing keeps still, and from
which somebody moves: on real clips furniture has up to 7.5, camera's noise and all, and people 20 and more."""
PERCENTILE = 98
"""Of a patch's pixels that many percent deviate less than that: it is the outline that tells, which is few of them."""
PATCH = 0.25
"""Alpha from which pixels make up a patch."""
SURE = 0.97
"""Alpha of a patch's surest pixel from which the network does not doubt."""
AROUND = np.ones((5, 5), np.uint8)
"""The window that brings in a patch's outline and its haze."""
LEAST_PX = 12
"""Smaller patches are specks."""


class StillThings:
    """Finds them in one video. Not thread-safe."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: the next picture starts a new scene."""
        self.inside: Mask = np.empty((0, 0), np.bool_)
        """What was found last, without its outline."""
        self._things = self.inside
        self._mean: Values = np.empty((0, 0, 3), np.float32)
        self._deviation: Values = np.empty((0, 0), np.float32)
        self._pictures = 0

    def found(self, picture: Image, alpha: Alpha) -> Mask:
        """Where such things are, as of the last look: bool ``(h, w)``.

        Args:
            picture: RGB uint8 ``(h, w, 3)``, the small picture.
            alpha: float32 ``(h, w)`` in [0, 1], the network's own.
        """
        if self._mean.shape != picture.shape:
            self.reset()
            self._mean = _calm(picture)
            self._deviation = np.zeros(alpha.shape, np.float32)
            self._things = self.inside = np.zeros(alpha.shape, np.bool_)
        self._pictures += 1
        looks, rest = divmod(self._pictures, LOOK_EVERY)
        if rest == 0:
            self._look(_calm(picture))
            if looks >= LEAST_LOOKS:
                self._things = self._among(alpha, looks)
                self.inside = cv2.erode(self._things.view(np.uint8), AROUND) > 0
        return self._things

    def _look(self, colours: Values) -> None:
        cv2.accumulateWeighted(largest(cv2.absdiff(colours, self._mean)), self._deviation, RATE)
        cv2.accumulateWeighted(colours, self._mean, RATE)

    def _among(self, alpha: Alpha, looks: int) -> Mask:
        things = np.zeros(alpha.shape, np.bool_)
        count, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > PATCH).view(np.uint8), connectivity=8)
        if count < 3:  # the surroundings are the first
            return things
        deviation = self._deviation / np.float32(1 - (1 - RATE) ** looks)  # it has begun at nothing
        somebody = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
        if np.percentile(deviation[labels == somebody], PERCENTILE) < MOVING:
            return things
        for patch in range(1, count):
            is_patch = labels == patch
            if patch == somebody or stats[patch, cv2.CC_STAT_AREA] < LEAST_PX or alpha[is_patch].max() >= SURE:
                continue
            around = cv2.dilate(is_patch.view(np.uint8), AROUND) > 0
            if np.percentile(deviation[around], PERCENTILE) < STILL:
                things |= around & (is_patch | (labels == 0))
        return things


def _calm(picture: Image) -> Values:
    """Without single noisy pixels."""
    return cv2.blur(picture, (3, 3)).astype(np.float32)
