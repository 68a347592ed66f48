"""Between RGB and the YUV 4:2:0 of decoders and encoders: whole pictures that change seldom, and small ones."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.color_matrix import LUMA_SHARES
from streamer.frames import Image, Pixels, Planes, Size
from streamer.scaling import shrink


def to_planes(image: Image, matrix: int, *, full_range: bool) -> Planes:
    """A picture as YUV; each chroma sample is the mean of a block of four.

    Args:
        image: RGB uint8 ``(h, w, 3)``, of even height and width.
        matrix: one of ``streamer.color_matrix``.
        full_range: of the result.
    """
    affine = rgb_to_yuv(matrix, full_range=full_range)
    small = cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA)
    u, v = cv2.split(cv2.transform(small, affine[1:]))
    return Planes(cv2.transform(image, affine[:1]), u, v, matrix, full_range)


def shrunk(pixels: Pixels, size: Size) -> Image:
    """A picture at a smaller size, RGB uint8 ``(h', w', 3)``; see ``scaling.shrink``."""
    if not isinstance(pixels, Planes):
        return shrink(pixels, size)
    small = cv2.merge([shrink(plane, size) for plane in (pixels.y, pixels.u, pixels.v)])
    return cv2.transform(small, yuv_to_rgb(pixels.matrix, full_range=pixels.full_range))


def size_of(pixels: Pixels) -> Size:
    """Width and height of a picture."""
    return pixels.size if isinstance(pixels, Planes) else Size(pixels.shape[1], pixels.shape[0])


class PlatePlanes:
    """The background as YUV, if it is the same picture as for the frame before: then converting it once pays."""

    def __init__(self) -> None:
        self._image: Image | None = None
        self._planes: Planes | None = None

    def planes(self, background: Image, like: Planes) -> Planes | None:
        """``background`` with the matrix and range of ``like``; None when it is another one than before."""
        if background is not self._image:
            self._image, self._planes = background, None
            return None
        planes = self._planes
        if planes is None or (planes.matrix, planes.full_range) != (like.matrix, like.full_range):
            planes = self._planes = to_planes(background, like.matrix, full_range=like.full_range)
        return planes


@cache
def rgb_to_yuv(matrix: int, *, full_range: bool) -> NDArray[np.float32]:
    """From RGB and a 1 to YUV, all of 0..255: ``(3, 4)`` (ITU-T H.273, 8.3)."""
    red, blue = LUMA_SHARES[matrix]
    luma = np.array((red, 1 - red - blue, blue))
    rows = np.stack((luma, (np.array((0, 0, 1)) - luma) / (2 - 2 * blue), (np.array((1, 0, 0)) - luma) / (2 - 2 * red)))
    if not full_range:
        rows *= np.array(((219,), (224,), (224,))) / 255
    offsets = (0 if full_range else 16, 128, 128)
    return np.column_stack((rows, offsets)).astype(np.float32)


@cache
def yuv_to_rgb(matrix: int, *, full_range: bool) -> NDArray[np.float32]:
    """From YUV and a 1 to RGB, all of 0..255: ``(3, 4)``."""
    affine = rgb_to_yuv(matrix, full_range=full_range).astype(np.float64)
    inverse = np.linalg.inv(affine[:, :3])
    return np.column_stack((inverse, -inverse @ affine[:, 3])).astype(np.float32)
