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

from models.compiled import compiled, given, made, rows_of

Picture = NDArray[np.uint8]
Matte = NDArray[np.float32]

USUAL_PX = 384
"""Longer side of a picture for which the two sizes below are meant; in a larger one they grow with it."""
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
        self._mean: NDArray[np.float32] = np.empty((0, 0, 3), np.float32)
        self._alpha: Matte = np.empty((0, 0), np.float32)
        self._above: Matte = self._alpha
        self.kept: Matte = self._alpha
        """The share of the last matte in the present one, ``(h, w)`` in [0, 1]."""

    def reset(self) -> None:
        """Forget earlier frames: the next one starts a new scene."""
        self._mean = np.empty((0, 0, 3), np.float32)

    def steady(self, picture: Picture, alpha: Matte, *, certain: Matte | None = None) -> Matte:
        """The alpha of this picture, averaged with earlier ones where the picture stands still.

        Args:
            picture: RGB uint8 ``(h, w, 3)``, at the alpha's size; another size than before starts a new scene.
            alpha: float32 ``(h, w)`` in [0, 1], of this very picture.
            certain: 1 where that alpha rests on more than the network, and is not averaged, to 0; None = nowhere.

        Returns:
            float32 ``(h, w)`` in [0, 1]; equal to ``alpha`` where something moved or it is another answer altogether.

        Raises:
            ValueError: they are not of one size.
        """
        if any(values.shape != picture.shape[:2] for values in (alpha, certain) if values is not None):
            raise ValueError(f"a picture of {picture.shape[:2]} and an alpha of {alpha.shape}")
        if self._strength == 0 or self._mean.shape != picture.shape:
            self._mean, self._alpha = picture.astype(np.float32, order="C"), np.ascontiguousarray(alpha)
            self._above, self.kept = np.zeros_like(self._alpha), np.zeros_like(self._alpha)
            return alpha
        pixels = rows_of(picture)
        keep = self._stillness(pixels)
        if certain is not None:
            keep -= keep * certain
        keep *= np.float32(self._strength)
        steadied = np.empty(alpha.shape, np.float32)
        own = np.ascontiguousarray(alpha)
        _average(pixels, own, self._alpha, keep, rows_of(self._mean), self._above, steadied)
        self._alpha, self.kept = steadied, keep
        return steadied

    def _stillness(self, pixels: Picture) -> Matte:
        """1 where the picture, ``(h, 3 w)``, stands still, 0 where it moves: ``(h, w)``."""
        change = np.empty(self._mean.shape[:2], np.float32)
        _compare(pixels, rows_of(self._mean), change)
        window_px, spread_px = (_grown(side_px, max(change.shape)) for side_px in (WINDOW_PX, SPREAD_PX))
        change = cv2.blur(change, (window_px, window_px))
        noise = float(np.clip(np.median(change[::3, ::3]), LEAST_NOISE, MOST_NOISE))
        calm: Matte = cv2.dilate(change, np.ones((spread_px, spread_px), np.uint8))
        calm -= np.float32(MOVING * noise)
        calm *= np.float32(-1 / ((MOVING - STILL) * noise))
        np.clip(calm, 0, 1, out=calm)
        return calm if calm.mean() > LEAST_STILL else np.zeros_like(calm)


def _grown(side_px: int, longer_px: int) -> int:
    """The side of a window in a picture whose longer side is that long: odd, and never less than at the usual size."""
    return 2 * round((side_px * max(1.0, longer_px / USUAL_PX) - 1) / 2) + 1


@compiled(given("uint8", 2, packed=True), given("float32", 2, packed=True), made("float32", 2, packed=True))
def _compare(picture: Picture, mean: NDArray[np.float32], change: Matte) -> None:
    """Fill in how far each pixel is from the mean's whole levels, in its farthest channel: ``(h, w)``.

    Args:
        picture: RGB ``(h, 3 w)``.
        mean: likewise.
        change: the result.
    """
    height, width = change.shape
    differences = np.empty(3 * width, np.float32)
    for y in range(height):
        now, then, farthest = picture[y], mean[y], change[y]
        for index in range(3 * width):
            differences[index] = abs(np.float32(now[index]) - np.rint(then[index]))
        for x in range(width):
            farthest[x] = max(max(differences[3 * x], differences[3 * x + 1]), differences[3 * x + 2])


@compiled(
    given("uint8", 2, packed=True),
    *(given("float32", 2, packed=True) for _ in range(2)),
    *(made("float32", 2, packed=True) for _ in range(4)),
)
def _average(
    picture: Picture,
    alpha: Matte,
    before: Matte,
    keep: Matte,
    mean: NDArray[np.float32],
    above: Matte,
    steadied: Matte,
) -> None:
    """Fill in the averaged alpha, and carry on what is remembered.

    Args:
        picture: RGB ``(h, 3 w)``.
        alpha: of this picture, ``(h, w)``.
        before: the averaged one of the last picture.
        keep: how much of what is remembered may stay; becomes how much of the last alpha did.
        mean: the colours ``(h, 3 w)``, averaged with the same weights as the alpha: what creeps leaves its mean behind,
            and counts as motion then. Written to.
        above: how far the mean has been above the alpha of late. Written to.
        steadied: the result.
    """
    zero, one, rate = np.float32(0), np.float32(1), np.float32(FALL_RATE)
    fallen, per_fall = np.float32(FALLEN), np.float32(1 / (FALLING - FALLEN))
    changed, per_change = np.float32(CHANGE_OF_MIND), np.float32(1 / (SHIMMER - CHANGE_OF_MIND))
    height, width = alpha.shape
    keeps = np.empty(3 * width, np.float32)
    for y in range(height):
        kept, now, then = keep[y], picture[y], mean[y]
        for x in range(width):
            keeps[3 * x] = keeps[3 * x + 1] = keeps[3 * x + 2] = kept[x]
        for index in range(3 * width):
            colour = np.float32(now[index])
            then[index] = colour + (then[index] - colour) * keeps[index]
        own, last, of_late, result = alpha[y], before[y], above[y], steadied[y]
        for x in range(width):
            difference = last[x] - own[x]
            fall = of_late[x] + (difference - of_late[x]) * rate
            of_late[x] = fall
            share = kept[x] * min(max((fall - fallen) * per_fall, zero), one)
            share *= min(max((abs(difference) - changed) * per_change, zero), one)
            kept[x] = share
            result[x] = own[x] + difference * share
