"""From RGB to the YUV 4:2:0 that encoders take, for pictures that change seldom and for parts of those that change."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.color_matrix import LUMA_SHARES
from streamer.frames import Image, Planes


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


def convert_blocks(image: Image, where: NDArray[np.intp], into: Planes) -> None:
    """Write into the planes every block of 2x2 pixels that holds one of those asked for.

    Args:
        image: RGB uint8 ``(h, w, 3)``.
        where: flat indices of pixels.
        into: planes of the same size, contiguous.
    """
    height, width = into.y.shape
    is_asked_for = np.zeros(height * width // 4, bool)
    is_asked_for[(where // width >> 1) * (width // 2) + (where % width >> 1)] = True
    blocks = np.flatnonzero(is_asked_for)
    corners = 2 * (blocks // (width // 2) * width + blocks % (width // 2))
    pixels = (corners[:, None] + np.array((0, 1, width, width + 1))).reshape(-1)
    colours = np.take(image.reshape(-1, 3), pixels, axis=0).astype(np.float32)
    affine = rgb_to_yuv(into.matrix, full_range=into.full_range)
    into.y.reshape(-1)[pixels] = np.rint(colours @ affine[0, :3] + affine[0, 3])
    means = np.einsum("ijk->ik", colours.reshape(-1, 4, 3)) / 4  # six times as fast as mean()
    chroma = np.rint(means @ affine[1:, :3].T + affine[1:, 3])
    np.minimum(chroma, 255, out=chroma)  # pure blue and red of full range come to 255.5, which would be 0 again
    into.u.reshape(-1)[blocks] = chroma[:, 0]
    into.v.reshape(-1)[blocks] = chroma[:, 1]


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
