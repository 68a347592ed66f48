"""The room itself, blurred beyond recognition."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.backgrounds.still import NEUTRAL, neutral
from streamer.frames import Alpha, Frame, Image, Size
from streamer.scaling import shrink

LEAST, MOST = 0.012, 0.08
"""Standard deviation of the blur at strengths 0 and 100, as shares of the frame's shorter side.

Even the weakest makes print unreadable; a weaker one would only pretend to hide the room.
"""
SMALL_SIGMA_PX = 3.0
"""The blur runs on a picture so small that it is this wide there: less would show the small picture's pixels."""
MARGIN_PX = 2
"""How far beyond the matte, on the small picture, the room is still taken for tinted by the person."""
FAINT = 1e-3
"""Weight of the room's mean colour; it shows only where the blur saw nothing but person."""


class BlurBackground:
    """Blurs the room around the person and not the person, so that no glow of them surrounds the figure.

    A blur weighted with ``1 - alpha`` (normalised convolution): what the person hides is filled with the colours
    around.

    Args:
        strength: 1 to 100, from 1.3 % to 8 % of the frame's shorter side (standard deviation).
    """

    shows_room = True

    def __init__(self, strength: int) -> None:
        self._sigma = LEAST + (MOST - LEAST) * strength / 100

    def image_for(self, frame: Frame, alpha: Alpha) -> Image:
        """The frame's own room, blurred: RGB uint8 of the frame's size."""
        return blur_room(frame.image, alpha, self._sigma * min(frame.size))

    def safe_image(self, size: Size) -> Image:
        """One neutral colour: a blurred room is made with the matte, and this is shown when there is none."""
        return neutral(size)

    def close(self) -> None:
        """Nothing to release."""


def blur_room(image: Image, alpha: Alpha, sigma_px: float) -> Image:
    """Everything but the person, blurred by a Gaussian of ``sigma_px``.

    Args:
        image: RGB uint8 ``(h, w, 3)``.
        alpha: float32 ``(h, w)`` in [0, 1]; 1 = person, left out.
        sigma_px: standard deviation in pixels of ``image``.

    Returns:
        RGB uint8 ``(h, w, 3)``, the person's own area filled from around.
    """
    height, width = alpha.shape
    scale = min(1.0, SMALL_SIGMA_PX / sigma_px)
    size = Size(max(1, round(width * scale)), max(1, round(height * scale)))
    person = cv2.dilate(shrink(alpha, size), np.ones((2 * MARGIN_PX + 1, 2 * MARGIN_PX + 1), np.uint8))
    weight = 1 - person
    colours = shrink(image, size).astype(np.float32) * weight[..., None]
    total = float(weight.sum())
    mean = colours.sum(axis=(0, 1)) / total if total > 0 else np.array(NEUTRAL, np.float32)
    sigma = sigma_px * scale
    share = _gaussian(weight, sigma)[..., None]
    blurred = (_gaussian(colours, sigma) + FAINT * mean) / (share + FAINT)
    small = np.clip(blurred + 0.5, 0, 255).astype(np.uint8)
    full: Image = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return full


def _gaussian(values: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    blurred: NDArray[np.float32] = cv2.GaussianBlur(values, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT)
    return blurred
