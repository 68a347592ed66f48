"""Backgrounds that do not move: a picture, one colour, or nothing at all."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from streamer.errors import ConfigError
from streamer.frames import Alpha, Frame, Image, Size
from streamer.picture_files import decode_picture
from streamer.scaling import cover

NEUTRAL = (38, 42, 48)
"""RGB shown instead of the room by backgrounds that have no picture of their own: a dark grey."""


class StillBackground:
    """One picture, scaled to fill the frame without distortion.

    Args:
        picture: RGB uint8 ``(h, w, 3)``.
    """

    shows_room = False

    def __init__(self, picture: Image) -> None:
        self._picture = picture
        self._covering = picture

    def image_for(self, frame: Frame, alpha: Alpha) -> Image:
        """The picture at the frame's size."""
        return self.safe_image(frame.size)

    def safe_image(self, size: Size) -> Image:
        """The picture at that size: it never held a pixel of the room."""
        covering = self._covering
        if covering.shape[:2] != (size.height, size.width):
            covering = cover(self._picture, size)
            covering.flags.writeable = False  # the same array is given out again and again
            self._covering = covering
        return covering

    def close(self) -> None:
        """Nothing to release."""


class TransparentBackground:
    """Nothing behind the person; sinks that cannot show that are not offered it."""

    shows_room = False

    def image_for(self, frame: Frame, alpha: Alpha) -> None:
        """None: transparent."""

    def safe_image(self, size: Size) -> Image:
        """One neutral colour."""
        return neutral(size)

    def close(self) -> None:
        """Nothing to release."""


def solid(color: tuple[int, int, int]) -> Image:
    """One pixel of the RGB colour, which ``cover`` makes any size."""
    return np.full((1, 1, 3), color, np.uint8)


def neutral(size: Size) -> Image:
    """A picture of ``NEUTRAL``, RGB uint8 ``(h, w, 3)``."""
    return np.full((size.height, size.width, 3), NEUTRAL, np.uint8)


def is_picture(path: Path) -> bool:
    """Whether the file begins like a picture; a gif counts as a video."""
    return path.suffix.lower() != ".gif" and bool(cv2.haveImageReader(str(path)))


def read_picture(path: Path) -> Image:
    """RGB uint8 ``(h, w, 3)``, upright, transparency laid on ``NEUTRAL``; see ``decode_picture``.

    Raises:
        ConfigError: the file cannot be read, or is no picture.
    """
    try:
        # Not imread: it fails on names outside the system's code page on Windows.
        picture = decode_picture(np.fromfile(path, np.uint8), behind=NEUTRAL)
    except OSError as error:
        raise ConfigError(f"background picture '{path}' cannot be read: {error.strerror}") from error
    if picture is None:
        raise ConfigError(f"background picture '{path}' cannot be decoded: it is damaged or too large")
    return picture
