"""Steadiness without ghosts: the matte is averaged over time where, and only where, the picture stands still.

A network that sees each frame for itself answers sensor noise with a shimmering edge. Where the picture has not
changed, neither has the truth, so there the mean over the last frames is the better answer. Where it has changed, the
frame's own alpha is taken as it is: nothing of an earlier frame is left behind a waving hand. So it is where the
network has changed its mind, which is no shimmer: black hair that comes in looks still, and would be a hole while the
frames that missed it are averaged away. What stays below its mean for some frames is no shimmer either.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Matte = NDArray[np.float32]

WINDOW_PX = 3
"""Side of the window over which a change is averaged, so that single noisy pixels do not count as motion."""
SPREAD_PX = 5
"""Side of the window by which motion is widened: what moves blurs what lies beside it."""
LEAST_NOISE, MOST_NOISE = 0.7, 6.0
"""Bounds of the noise that is allowed for, in levels of 0..255; a picture that changes more than that is moving."""
STILL, MOVING = 3.0, 6.0
"""A change of up to this many times the noise is none at all; from this many on it is motion."""
SHIMMER, CHANGE_OF_MIND = 0.4, 0.7
"""Difference of the alpha from its mean up to which it is averaged, and from which it is taken as it is."""
FALL_RATE = 0.2
"""Weight of a frame in how far the alpha has been below its mean of late."""
FALLING, FALLEN = 0.15, 0.25
"""So far below for some frames is a little wrong, and so far is no shimmer either: a wall that comes out slowly from
behind a head looks still, and would trail the head as a halo."""
LEAST_STILL = 0.3
"""Share of the picture that must stand still; with less the scene was cut or the camera moves."""


class Steadier:
    """Averages one clip's mattes over time. Not thread-safe.

    Args:
        strength: how much of the mean of earlier frames a still pixel keeps, 0 (nothing) to below 1.
    """

    def __init__(self, strength: float) -> None:
        if not 0 <= strength < 1:
            raise ValueError(f"the strength must be from 0 to below 1, not {strength}")
        self._strength = strength
        self._picture: NDArray[np.float32] | None = None
        self._alpha: Matte = np.empty((0, 0), np.float32)
        self._above: Matte = self._alpha

    def reset(self) -> None:
        """Forget earlier frames: the next one starts a new scene."""
        self._picture = None

    def steady(self, picture: Picture, alpha: Matte, *, certain: Matte | None = None) -> Matte:
        """The alpha of this picture, averaged with earlier ones where the picture stands still.

        Args:
            picture: RGB uint8 ``(h, w, 3)``, at the alpha's size; another size than before starts a new scene.
            alpha: float32 ``(h, w)`` in [0, 1], of this very picture.
            certain: 1 where that alpha rests on more than the network, and is not averaged, to 0; None = nowhere.

        Returns:
            float32 ``(h, w)`` in [0, 1]; equal to ``alpha`` where something moved or it is another answer altogether.
        """
        if self._strength == 0 or self._picture is None or self._picture.shape != picture.shape:
            self._picture, self._alpha, self._above = picture.astype(np.float32), alpha, np.zeros_like(alpha)
            return alpha
        keep = self._stillness(picture)
        if certain is not None:
            keep -= keep * certain
        keep *= np.float32(self._strength)
        # The colours are averaged with the same weights: what creeps leaves its mean behind, and counts as motion then.
        self._picture = cv2.blendLinear(picture.astype(np.float32), self._picture, np.float32(1) - keep, keep)
        steadied = cv2.subtract(self._alpha, alpha)
        self._above = cv2.addWeighted(steadied, FALL_RATE, self._above, 1 - FALL_RATE, 0)
        shimmer = self._above - np.float32(FALLEN)
        shimmer *= np.float32(1 / (FALLING - FALLEN))
        keep *= np.clip(shimmer, 0, 1, out=shimmer)
        trust = np.abs(steadied)
        trust -= np.float32(CHANGE_OF_MIND)
        trust *= np.float32(1 / (SHIMMER - CHANGE_OF_MIND))
        keep *= np.clip(trust, 0, 1, out=trust)
        steadied *= keep
        steadied += alpha
        self._alpha = steadied
        return steadied

    def _stillness(self, picture: Picture) -> NDArray[np.float32]:
        """1 where the picture stands still, 0 where it moves: ``(h, w)``."""
        red, green, blue = cv2.split(cv2.absdiff(picture, cv2.convertScaleAbs(self._picture)))
        change = cv2.blur(cv2.max(cv2.max(red, green), blue).astype(np.float32), (WINDOW_PX, WINDOW_PX))
        noise = float(np.clip(np.median(change[::3, ::3]), LEAST_NOISE, MOST_NOISE))
        change -= np.float32(MOVING * noise)
        change *= np.float32(-1 / ((MOVING - STILL) * noise))
        np.clip(change, 0, 1, out=change)
        calm: NDArray[np.float32] = cv2.erode(change, np.ones((SPREAD_PX, SPREAD_PX), np.uint8))
        return calm if calm.mean() > LEAST_STILL else np.zeros_like(calm)
