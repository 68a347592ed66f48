"""How a plate looks on a frame: as bright as the room is, moved as the camera has moved, faded in."""

from __future__ import annotations

import cv2
import numpy as np

from streamer.backgrounds.keyframes import View
from streamer.backgrounds.plate_shelf import PlacedPlate, chained, still
from streamer.frames import Image, Size
from streamer.interfaces import Background

GAIN_STEP = 0.02
"""Brightness of the plate follows the room's in steps of this size: each costs one pass over the picture."""


class PlateDrawing:
    """Draws the plate that is shown, frame after frame.

    Args:
        stand_in: drawn before the first plate.
        fade_s: how long one plate takes to fade into the next, in seconds of presentation time.
    """

    def __init__(self, stand_in: Background, fade_s: float) -> None:
        self._stand_in = stand_in
        self._fade_s = fade_s
        self._plate_count = 0
        self._full: Image | None = None
        self._drawn: tuple[int, Size, float] | None = None
        self._from: Image | None = None
        self._faded_from_s = 0.0
        self.placed: PlacedPlate | None = None
        """The plate; None = none is there yet."""
        self.shown: Image | None = None
        """What was drawn last, or stood in its place; the next plate fades in from it."""
        self.unfaded: Image | None = None
        """What was drawn last, but without anything of the plate before."""

    def show(self, placed: PlacedPlate, now_s: float) -> None:
        """Fade from what is shown now to that plate."""
        self.placed = placed
        self._plate_count += 1
        self._from, self._faded_from_s = self.shown, now_s

    def carry_over(self, view: View) -> None:
        """The keyframe has changed: the plate belongs to the one before, and keeps what became of it since then."""
        if self.placed is not None:
            self.placed = self.placed.carried_over(view)

    def forget_shown(self) -> None:
        """Frames have another size: there is nothing to fade from."""
        self._from = self.shown = self.unfaded = None

    def draw(self, size: Size, view: View, now_s: float) -> Image:
        """The background of a frame of that size, seen so, at that time."""
        self.unfaded = self._moved(size, view)
        self.shown = self._faded(self.unfaded, now_s)
        return self.shown

    def _moved(self, size: Size, view: View) -> Image:
        """The plate at the frame's size, as bright as the room is now, moved as the camera has moved."""
        placed = self.placed
        if placed is None:
            return self._stand_in.safe_image(size)
        gain = round(placed.gain * view.gain / GAIN_STEP) * GAIN_STEP
        if self._full is None or self._drawn != (self._plate_count, size, gain):
            self._full = cv2.convertScaleAbs(stretched(placed.plate.image, size), alpha=gain)
            self._full.flags.writeable = False  # the same array is given out again and again
            self._drawn = (self._plate_count, size, gain)
        motion = chained(view.motion, placed.motion)
        if np.array_equal(motion, still()):
            return self._full
        linear, shift = motion[:, :2], motion[:, 2] * size.width
        # Motion counts from the picture's corner, OpenCV from a pixel's centre.
        half_px = np.array([0.5, 0.5], np.float32)
        in_pixels = np.column_stack((linear, shift + linear @ half_px - half_px))
        return cv2.warpAffine(self._full, in_pixels, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)

    def _faded(self, image: Image, now_s: float) -> Image:
        """On the way from what was shown when the plate came to the plate."""
        if self._from is None:
            return image
        share = (now_s - self._faded_from_s) / self._fade_s if self._fade_s > 0 else 1.0
        if not 0 <= share < 1:
            self._from = None
            return image
        share = share * share * (3 - 2 * share)  # sets out and arrives gently
        return cv2.addWeighted(self._from, 1 - share, image, share, 0)


def stretched(image: Image, size: Size) -> Image:
    """The whole plate on the whole frame; their shapes differ by a few percent at most."""
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
