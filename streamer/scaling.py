"""Pictures of another size: smaller without aliasing and in little time, or filling a frame without distortion."""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Image, Size

Pixel = TypeVar("Pixel", np.uint8, np.float32)


STRIP = 16
"""A picture of so many times the area that is seen of it is a strip."""
RIM_PX = 4
"""What enlarging a picture looks at beside a pixel, and some more."""


def keep_to_one_thread() -> None:
    """Make OpenCV work on the thread that calls it, in the whole process.

    Its pool hardly speeds up pictures of this size, and its workers spin between two calls: on two cores that cost
    3 of 35 ms of processor time a frame (720p).
    """
    cv2.setNumThreads(1)


def shrink(image: NDArray[Pixel], size: Size) -> NDArray[Pixel]:
    """The picture at ``size``, which is smaller: halved while it can be, then scaled bilinearly.

    Nearly as good as averaging over areas and several times as fast, above all at factors that are not whole numbers.
    A size that is larger in either direction is answered bilinearly.

    Args:
        image: uint8 or float32, ``(h, w)`` or ``(h, w, channels)``.
        size: what is wanted.
    """
    height, width = image.shape[:2]
    while width >= 2 * size.width and height >= 2 * size.height:
        width, height = width // 2, height // 2
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    if (width, height) != size:
        image = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    return image


def cover(image: Image, size: Size) -> Image:
    """The picture scaled, at its own aspect ratio, until it fills ``size``; what sticks out is cut off evenly.

    Args:
        image: RGB uint8 ``(h, w, 3)``.
        size: of the result.
    """
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    scale = max(size.width / width, size.height / height)
    if width * height * scale**2 > STRIP * size.width * size.height:  # what is cut off of a strip is not scaled first
        across, down = (
            max(0, int((side - wanted / scale) / 2) - RIM_PX)
            for side, wanted in zip((width, height), size, strict=True)
        )
        image = image[down : height - down, across : width - across]
        height, width = image.shape[:2]
    scaled = Size(max(size.width, round(width * scale)), max(size.height, round(height * scale)))
    picture = shrink(image, scaled) if scale < 1 else cv2.resize(image, scaled, interpolation=cv2.INTER_CUBIC)
    left, top = (scaled.width - size.width) // 2, (scaled.height - size.height) // 2
    return picture[top : top + size.height, left : left + size.width].copy()
