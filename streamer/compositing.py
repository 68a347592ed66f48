"""Laying the person over a background. Pure functions on uint8 RGB pictures and float32 alphas."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from models.compiled import BOOLEAN, INTEGER, compiled, given, made, part_of_loops, rows_of
from streamer.edge_colours import Colours, edge_of
from streamer.frames import Alpha, Drawing, Frame, Image, Levels, Planes
from streamer.yuv import PlatePlanes, rgb_to_yuv, yuv_to_rgb

HARDLY_SEEN = 32
"""Alpha, of 0..255, below which a pixel's own colour gives way to the person's."""
INDISTINCT = 400.0
"""Squared distance of person's and room's colours below which they are hardly told apart, and left alone."""


def over(foreground: Image, alpha: Alpha, background: Image) -> Image:
    """Lay ``foreground`` over ``background``: ``alpha * foreground + (1 - alpha) * background``.

    Args:
        foreground: RGB uint8 ``(h, w, 3)``.
        alpha: float32 ``(h, w)`` in [0, 1]; used in 255 steps.
        background: RGB uint8 ``(h, w, 3)``.

    Returns:
        RGB uint8 ``(h, w, 3)``: exactly the background at alpha 0 and the foreground at 1, within 1 in between.
    """
    levels = _levels(alpha)
    weights = cv2.merge((levels, levels, levels))
    front = cv2.multiply(foreground, weights, scale=1 / 255)
    cv2.bitwise_not(weights, dst=weights)
    back = cv2.multiply(background, weights, dst=weights, scale=1 / 255)
    return cv2.add(front, back, dst=front)


def with_alpha(foreground: Image, alpha: Alpha) -> Image:
    """RGBA uint8 ``(h, w, 4)`` with straight alpha: the colours are not multiplied by it."""
    rgba: Image = cv2.cvtColor(foreground, cv2.COLOR_RGB2RGBA)
    rgba[..., 3] = _levels(alpha)
    return rgba


def _levels(matte: Alpha | Levels) -> Levels:
    """0..1 to 0..255, rounded; levels as they are."""
    return cast(Levels, matte if matte.dtype == np.uint8 else cv2.convertScaleAbs(matte, alpha=255))


def estimate_foreground(image: Image, alpha: Alpha) -> Image:
    """The person's own colours, without the old room that shines through at the edges.

    As in blur-fusion (arXiv 2006.14970), certain colours of person and room are carried into the edge by blurs weighted
    with the alpha, on a smaller picture. How much of the room is in a pixel is then read off its own colour, by where
    it lies between the two, and taken out: the alpha alone would miss the pixels just inside the edge that the camera's
    optics and the video's coarse chroma have mixed.

    Args:
        image: RGB uint8 ``(h, w, 3)``.
        alpha: float32 ``(h, w)`` in [0, 1], the matte of this very picture.

    Returns:
        RGB uint8 ``(h, w, 3)``, equal to ``image`` where the alpha is 0 and further than ``rim_px`` inside the person.
        The fainter the alpha is below ``HARDLY_SEEN`` the more it is the person's carried colour: whoever raises the
        alpha of such a picture finds no room there.
    """
    levels = _levels(alpha)
    edge = edge_of(image, levels)
    estimated = image.copy()
    if edge is not None:
        _lay(rows_of(image), levels, *edge, rows_of(estimated), False)
    return estimated


def replace_background(image: Image, matte: Alpha | Levels, background: Image) -> Image:
    """The person of ``image`` over ``background``: ``over`` with the colours of ``estimate_foreground``, in one go.

    Only the edge is computed; the rest is copied, which takes half the time.

    Args:
        image: RGB uint8 ``(h, w, 3)``.
        matte: of this very picture, ``(h, w)``.
        background: RGB uint8 ``(h, w, 3)``.

    Returns:
        RGB uint8 ``(h, w, 3)``: exactly the background at alpha 0.
    """
    levels = _levels(matte)
    edge = edge_of(image, levels)
    result = background.copy()
    if edge is not None:
        _lay(rows_of(image), levels, *edge, rows_of(result), True)
    return result


def replace_background_in_planes(own: Planes, matte: Alpha | Levels, background: Image, plate: Planes) -> Planes:
    """``replace_background`` of a picture that was decoded as YUV, as such: only the edge is converted.

    Deep inside the person stand the decoder's own samples, and around them the plate's.

    Args:
        own: the picture.
        matte: of this very picture, ``(h, w)``.
        background: RGB uint8 ``(h, w, 3)``.
        plate: ``background`` with the matrix and range of ``own``, see ``to_planes``.
    """
    levels = _levels(matte)
    edge = edge_of(own, levels)
    result = Planes(plate.y.copy(), plate.u.copy(), plate.v.copy(), own.matrix, own.full_range)
    if edge is not None:
        affine = rgb_to_yuv(own.matrix, full_range=own.full_range)
        inverse = yuv_to_rgb(own.matrix, full_range=own.full_range)
        behind = rows_of(background)
        _lay_blocks(own.y, own.u, own.v, inverse, levels, *edge, behind, affine, result.y, result.u, result.v)
    return result


class Compositor:
    """Lays people over backgrounds; as YUV, too, where a frame came as such and its background is the last one's."""

    def __init__(self) -> None:
        self._plate = PlatePlanes()

    def compose(self, frame: Frame, matte: Alpha | Levels, background: Image) -> tuple[Drawing, Planes | None]:
        """See ``replace_background`` and ``replace_background_in_planes``; where there is the latter, the former waits.

        Args:
            frame: it has planes if it was decoded as such.
            matte: of this very picture, ``(h, w)``. Nobody may write to it any more, nor to the background.
            background: RGB uint8 ``(h, w, 3)``.
        """
        levels, own = _levels(matte), frame.planes
        plate = self._plate.planes(background, own) if own is not None else None
        if own is None or plate is None:
            return replace_background(frame.image, levels, background), None
        planes = replace_background_in_planes(own, levels, background, plate)
        return (lambda: replace_background(frame.image, levels, background)), planes


@part_of_loops
def _level(value: np.float32) -> np.uint8:
    """Rounded; pure blue and red of full range come to 255.5, and what is no colour at all farther."""
    return np.uint8(min(max(np.rint(value), np.float32(0)), np.float32(255)))


@part_of_loops
def _spots(width: int, small: int) -> NDArray[np.int64]:
    """Which of the colours of the small picture each column has."""
    spots = np.empty(width, np.int64)
    for x in range(width):
        spots[x] = x * small // width
    return spots


@part_of_loops
def _cleaned(
    red: np.float32, green: np.float32, blue: np.float32, near: Colours, far: Colours, level: np.float32
) -> tuple[np.float32, np.float32, np.float32]:
    """A colour moved away from the room's, ``far``, by its share of it, and never beyond the person's, ``near``.

    Where the alpha, of 0..255, is faint it is the person's: what the room has there beside its mean would stay.
    """
    axis_r, axis_g, axis_b = far[0] - near[0], far[1] - near[1], far[2] - near[2]
    along = (red - near[0]) * axis_r + (green - near[1]) * axis_g + (blue - near[2]) * axis_b
    across = axis_r * axis_r + axis_g * axis_g + axis_b * axis_b
    share = min(max(along / (across + np.float32(INDISTINCT)), np.float32(0)), np.float32(1))
    red = min(max(red - share * axis_r, min(red, near[0])), max(red, near[0]))
    green = min(max(green - share * axis_g, min(green, near[1])), max(green, near[1]))
    blue = min(max(blue - share * axis_b, min(blue, near[2])), max(blue, near[2]))
    trust = min(level * np.float32(1 / HARDLY_SEEN), np.float32(1))
    trust *= trust
    return near[0] + (red - near[0]) * trust, near[1] + (green - near[1]) * trust, near[2] + (blue - near[2]) * trust


@compiled(
    given("uint8", 2, packed=True),
    given("uint8", 2, packed=True),
    given("uint8", 2, packed=True),
    given("float32", 3, packed=True),
    given("float32", 3, packed=True),
    INTEGER,
    INTEGER,
    made("uint8", 2, packed=True),
    BOOLEAN,
)
def _lay(
    image: Image,
    levels: Levels,
    inside: Levels,
    person: Colours,
    room: Colours,
    top: int,
    left: int,
    result: Image,
    mixes: bool,
) -> None:
    """Lay the person over what ``result`` holds, the old room's colours taken out of the edge.

    Args:
        image: RGB ``(h, 3 w)``.
        levels: the alpha in 0..255, ``(h, w)``.
        inside: see ``Edge``, as are the next four.
        person: RGB.
        room: RGB.
        top: in pixels.
        left: in pixels.
        result: likewise.
        mixes: whether the background shines through where the alpha says so. Else the person's own colours are put
            wherever they are not the image's.
    """
    height, width = inside.shape
    spots = _spots(width, person.shape[1])
    for y in range(height):
        row, shares = inside[y], levels[top + y, left : left + width]
        own, laid = image[top + y, 3 * left : 3 * (left + width)], result[top + y, 3 * left : 3 * (left + width)]
        spot_y = y * person.shape[0] // height
        for x in range(width):
            level = shares[x]
            if level == 0:
                continue
            if row[x] == 255:
                for channel in range(3):
                    laid[3 * x + channel] = own[3 * x + channel]
                continue
            near, far = person[spot_y, spots[x]], room[spot_y, spots[x]]
            red, green, blue = np.float32(own[3 * x]), np.float32(own[3 * x + 1]), np.float32(own[3 * x + 2])
            cleaned = _cleaned(red, green, blue, near, far, np.float32(level))
            for channel in range(3):
                colour = cleaned[channel]
                if mixes:
                    behind = np.float32(laid[3 * x + channel])
                    colour = behind + (colour - behind) * (np.float32(level) * np.float32(1 / 255))
                laid[3 * x + channel] = np.uint8(np.rint(colour))


@compiled(
    *(given("uint8", 2) for _ in range(3)),
    given("float32", 2, packed=True),
    *(given("uint8", 2, packed=True) for _ in range(2)),
    *(given("float32", 3, packed=True) for _ in range(2)),
    *(INTEGER, INTEGER, given("uint8", 2, packed=True), given("float32", 2, packed=True)),
    *(made("uint8", 2, packed=True) for _ in range(3)),
)
def _lay_blocks(
    own_y: Levels,
    own_u: Levels,
    own_v: Levels,
    to_rgb: NDArray[np.float32],
    levels: Levels,
    inside: Levels,
    person: Colours,
    room: Colours,
    top: int,
    left: int,
    background: Image,
    to_yuv: NDArray[np.float32],
    y: Levels,
    u: Levels,
    v: Levels,
) -> None:
    """``_lay`` for planes: each block of 2x2 pixels is the person's own, the background's, or mixed as RGB.

    Args:
        own_y: of the picture, as are the next two.
        own_u: each sample is taken to hold for its block, as decoders do.
        own_v: likewise.
        to_rgb: ``(3, 4)``.
        levels: see ``_lay``, as are the next five.
        inside: likewise.
        person: likewise.
        room: likewise.
        top: likewise.
        left: likewise.
        background: RGB ``(h, 3 w)``.
        to_yuv: ``(3, 4)``.
        y: holds the background, as do the next two, and then the result.
        u: likewise.
        v: likewise.
    """
    height, width = inside.shape
    spots = _spots(width, person.shape[1])
    for row in range(0, height - 1, 2):
        down = top + row
        upper, lower = inside[row], inside[row + 1]
        upper_levels, lower_levels = levels[down, left:], levels[down + 1, left:]
        own_upper, own_lower = own_y[down, left:], own_y[down + 1, left:]
        own_blue, own_red = own_u[down // 2, left // 2 :], own_v[down // 2, left // 2 :]
        y_upper, y_lower = y[down, left:], y[down + 1, left:]
        u_row, v_row = u[down // 2, left // 2 :], v[down // 2, left // 2 :]
        behind_upper, behind_lower = background[down, 3 * left :], background[down + 1, 3 * left :]
        upper_y, lower_y = row * person.shape[0] // height, (row + 1) * person.shape[0] // height
        for block in range(width // 2):
            first, second = 2 * block, 2 * block + 1
            if (upper_levels[first] | upper_levels[second] | lower_levels[first] | lower_levels[second]) == 0:
                continue
            if (upper[first] & upper[second] & lower[first] & lower[second]) == 255:
                y_upper[first], y_upper[second] = own_upper[first], own_upper[second]
                y_lower[first], y_lower[second] = own_lower[first], own_lower[second]
                u_row[block], v_row[block] = own_blue[block], own_red[block]
                continue
            chroma_u, chroma_v = np.float32(own_blue[block]), np.float32(own_red[block])
            tint_r = to_rgb[0, 1] * chroma_u + to_rgb[0, 2] * chroma_v + to_rgb[0, 3]
            tint_g = to_rgb[1, 1] * chroma_u + to_rgb[1, 2] * chroma_v + to_rgb[1, 3]
            tint_b = to_rgb[2, 1] * chroma_u + to_rgb[2, 2] * chroma_v + to_rgb[2, 3]
            sum_r = sum_g = sum_b = np.float32(0)
            for pixel in range(4):
                x = first + (pixel & 1)
                is_upper = pixel < 2
                level = upper_levels[x] if is_upper else lower_levels[x]
                behind = behind_upper if is_upper else behind_lower
                red = np.float32(behind[3 * x])
                green, blue = np.float32(behind[3 * x + 1]), np.float32(behind[3 * x + 2])
                if level:
                    luma = np.float32(own_upper[x] if is_upper else own_lower[x])
                    own_r = min(max(to_rgb[0, 0] * luma + tint_r, np.float32(0)), np.float32(255))
                    own_g = min(max(to_rgb[1, 0] * luma + tint_g, np.float32(0)), np.float32(255))
                    own_b = min(max(to_rgb[2, 0] * luma + tint_b, np.float32(0)), np.float32(255))
                    if (upper[x] if is_upper else lower[x]) != 255:
                        spot_y = upper_y if is_upper else lower_y
                        near, far = person[spot_y, spots[x]], room[spot_y, spots[x]]
                        own_r, own_g, own_b = _cleaned(own_r, own_g, own_b, near, far, np.float32(level))
                    share = np.float32(level) * np.float32(1 / 255)
                    red += (own_r - red) * share
                    green += (own_g - green) * share
                    blue += (own_b - blue) * share
                luma = to_yuv[0, 0] * red + to_yuv[0, 1] * green + to_yuv[0, 2] * blue + to_yuv[0, 3]
                (y_upper if is_upper else y_lower)[x] = _level(luma)
                sum_r += red / 4
                sum_g += green / 4
                sum_b += blue / 4
            u_row[block] = _level(to_yuv[1, 0] * sum_r + to_yuv[1, 1] * sum_g + to_yuv[1, 2] * sum_b + to_yuv[1, 3])
            v_row[block] = _level(to_yuv[2, 0] * sum_r + to_yuv[2, 1] * sum_g + to_yuv[2, 2] * sum_b + to_yuv[2, 3])
