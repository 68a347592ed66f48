"""Every kind of frame as plain RGB, for places that know no transparency."""

from __future__ import annotations

import cv2
import numpy as np

from streamer.frames import Image


def flat_rgb(image: Image, behind: Image | int = 0) -> Image:
    """RGB, RGBA or grey as RGB ``(h, w, 3)``.

    Args:
        image: uint8 ``(h, w, 3)``, ``(h, w, 4)`` with straight alpha, or ``(h, w)``.
        behind: what shows through transparent parts: RGB ``(h, w, 3)``, or one grey value.
    """
    if image.ndim == 2:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    if image.shape[2] == 3:
        return image
    alpha = image[..., 3:].astype(np.uint16)
    mixed = image[..., :3] * alpha + np.asarray(behind, np.uint16) * (255 - alpha) + 127
    return (mixed // 255).astype(np.uint8)


def checkerboard(height: int, width: int, square_px: int = 16) -> Image:
    """The usual sign for transparency: squares of two greys, RGB ``(h, w, 3)``."""
    rows, columns = np.arange(height) // square_px, np.arange(width) // square_px
    board = np.where((rows[:, None] + columns[None, :]) % 2, 170, 130).astype(np.uint8)
    return np.repeat(board[..., None], 3, axis=2)
