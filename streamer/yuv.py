"""From RGB to the YUV 4:2:0 that encoders take, for pictures that change seldom and for parts of those that change."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.color_matrix import LUMA_SHARES
from streamer.compiled import INTEGER, compiled, given, made
from streamer.frames import Image, Levels, Planes


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


def lay_in_planes(
    own: Planes, composed: Image, levels: Levels, inside: Levels, top: int, left: int, into: Planes
) -> None:
    """Lay a person over the background that ``into`` holds: their own samples deep inside, converted ones at the edge.

    Args:
        own: the person's picture as it was decoded.
        composed: the person over that background, RGB uint8 ``(h, w, 3)``.
        levels: the alpha in 0..255, ``(h, w)``.
        inside: 255 where it is deep inside the person, ``(h', w')``.
        top: the row of the picture, an even one, where ``inside`` begins; there is nobody beside it.
        left: the column.
        into: planes of the picture's size.
    """
    affine = rgb_to_yuv(into.matrix, full_range=into.full_range)
    _lay_blocks(own.y, own.u, own.v, composed, levels, inside, top, left, affine, into.y, into.u, into.v)


@compiled(
    *(given("uint8", dimensions) for dimensions in (2, 2, 2, 3)),
    *(given("uint8", 2, packed=True) for _ in range(2)),
    *(INTEGER, INTEGER, given("float32", 2, packed=True)),
    *(made("uint8", 2) for _ in range(3)),
)
def _lay_blocks(
    own_y: Levels,
    own_u: Levels,
    own_v: Levels,
    composed: Image,
    levels: Levels,
    inside: Levels,
    top: int,
    left: int,
    affine: NDArray[np.float32],
    y: Levels,
    u: Levels,
    v: Levels,
) -> None:
    """Each block of 2x2 pixels is the person's own, the background's, or converted."""
    height, width = inside.shape
    columns, blocks = slice(left, left + width), slice(left // 2, (left + width) // 2)
    for row in range(0, height - 1, 2):
        down = top + row
        upper, lower = inside[row], inside[row + 1]
        upper_levels, lower_levels = levels[down, columns], levels[down + 1, columns]
        own_upper, own_lower, own_blue, own_red = (
            own_y[down, columns],
            own_y[down + 1, columns],
            own_u[down // 2, blocks],
            own_v[down // 2, blocks],
        )
        y_upper, y_lower, u_row, v_row = (
            y[down, columns],
            y[down + 1, columns],
            u[down // 2, blocks],
            v[down // 2, blocks],
        )
        upper_pixels, lower_pixels = composed[down, columns], composed[down + 1, columns]
        for block in range(width // 2):
            column, beside = 2 * block, 2 * block + 1
            if (upper_levels[column] | upper_levels[beside] | lower_levels[column] | lower_levels[beside]) == 0:
                continue
            if (upper[column] & upper[beside] & lower[column] & lower[beside]) == 255:
                y_upper[column], y_upper[beside] = own_upper[column], own_upper[beside]
                y_lower[column], y_lower[beside] = own_lower[column], own_lower[beside]
                u_row[block], v_row[block] = own_blue[block], own_red[block]
                continue
            red = green = blue = np.float32(0)
            for pixel in range(4):
                pixels, lumas = (upper_pixels, y_upper) if pixel < 2 else (lower_pixels, y_lower)
                at = column + (pixel & 1)
                r, g, b = np.float32(pixels[at, 0]), np.float32(pixels[at, 1]), np.float32(pixels[at, 2])
                luma = affine[0, 0] * r + affine[0, 1] * g + affine[0, 2] * b + affine[0, 3]
                lumas[at] = np.uint8(np.rint(luma))
                red += r / 4
                green += g / 4
                blue += b / 4
            # Pure blue and red of full range come to 255.5.
            chroma = affine[1, 0] * red + affine[1, 1] * green + affine[1, 2] * blue + affine[1, 3]
            u_row[block] = np.uint8(min(np.rint(chroma), np.float32(255)))
            chroma = affine[2, 0] * red + affine[2, 1] * green + affine[2, 2] * blue + affine[2, 3]
            v_row[block] = np.uint8(min(np.rint(chroma), np.float32(255)))


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
