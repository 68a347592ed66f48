"""A calm studio backdrop that needs no picture: blue-grey, lit behind the head, darker to the corners."""

from __future__ import annotations

import numpy as np

from streamer.frames import Alpha, Frame, Image, Size

LIT, DARK = (112, 119, 126), (30, 35, 43)
"""RGB at the middle of the light and far away from it."""
MIDDLE = (0.5, 0.40)
"""Of the light, as shares of width and height: behind the head of somebody who sits before a camera."""
REACH = (0.36, 0.46)
"""Standard deviation of the light, as shares of width and height."""
FLOOR = 0.22
"""How much of the light is lost at the bottom of the picture, as a backdrop loses it towards the floor."""
SEED = 1
"""Of the dither: the same picture every time."""


class GradientBackground:
    """A painted studio backdrop. It is computed when the size changes, never for a frame alone."""

    shows_room = False

    def __init__(self) -> None:
        self._picture = gradient(Size(1, 1))

    def image_for(self, frame: Frame, alpha: Alpha) -> Image:
        """The backdrop at the frame's size."""
        return self.safe_image(frame.size)

    def safe_image(self, size: Size) -> Image:
        """The backdrop at that size: it holds nothing of the room."""
        picture = self._picture
        if picture.shape[:2] != (size.height, size.width):
            picture = gradient(size)
            picture.flags.writeable = False  # the same array is given out again and again
            self._picture = picture
        return picture

    def close(self) -> None:
        """Nothing to release."""


def gradient(size: Size) -> Image:
    """The backdrop, RGB uint8 ``(h, w, 3)``: always the same picture at the same size.

    So wide a gradient has steps of many pixels at 8 bits, which the eye joins to bands. Noise of half a level (rms
    0.4) before rounding dissolves them.
    """
    across = (np.arange(size.width, dtype=np.float32) + 0.5) / size.width
    down = (np.arange(size.height, dtype=np.float32) + 0.5) / size.height
    light_across = np.exp(-(((across - MIDDLE[0]) / REACH[0]) ** 2) / 2)
    light_down = np.exp(-(((down - MIDDLE[1]) / REACH[1]) ** 2) / 2) * (1 - FLOOR * down**2)
    light = np.outer(light_down, light_across)[..., None]
    picture = np.array(DARK, np.float32) + light * np.subtract(LIT, DARK).astype(np.float32)
    noise = np.random.default_rng(SEED)
    # The sum of two: the noise of a single one would vanish wherever the gradient meets a whole level, a band again.
    for _ in range(2):
        picture += noise.random(picture.shape, np.float32) - np.float32(0.5)
    return np.rint(picture).astype(np.uint8)
