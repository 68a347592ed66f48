"""What the colours around say of an edge: alpha that they do not bear out is taken away.

A network that sees a small picture draws its edges some pixels too far out, along whatever stands right behind
somebody. Within a small window the alpha of a picture is nearly a plane over its colours: the colour line of Levin,
Lischinski and Weiss, "A Closed-Form Solution to Natural Image Matting" (PAMI 2008), fitted as a guided filter with a
colour picture for its guide does (He, Sun and Tang, PAMI 2013). Where such a plane explains the network's alpha well,
what lies above it is nobody's. Nothing is ever added: a room may have the colours of the person before it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from models.compiled import compiled, given, made, part_of_loops

Matte = NDArray[np.float32]
Picture = NDArray[np.uint8]

RADIUS_PX = 3
"""Half-width of the window of a fit, in a matte of about 320x180 that is halved: planes are fitted there, and
interpolated, as in the fast guided filter (arXiv 1505.00996)."""
REACH_PX = 5
"""Side of the window whose least alpha bounds what may be taken away: an edge moves by half of that, and what has no
edge stays."""
NOISE = 6.5
"""Variance of each colour, in levels squared, that explains nothing."""
FLAT = 65.0
"""Variance of the alpha, in 255ths squared, that is too little to be explained."""
EXPLAINED = (0.3, 0.6)
"""Share of the alpha's variance which colours must explain to count at all, and from which on they count entirely."""
CERTAIN = 0.15
"""How far from 0 and 1 the fitted alpha counts as certain: a plane does not quite reach either."""
SUMS = 14
"""Of the alpha, its square, three colours, their six products, and theirs with the alpha."""


def without_what_colours_deny(picture: Picture, alpha: Matte) -> Matte:
    """The alpha without what the colours on both sides of its edges do not bear out.

    Args:
        picture: RGB uint8 ``(h, w, 3)``.
        alpha: float32 ``(h, w)`` in [0, 1], of this picture.

    Returns:
        float32 ``(h, w)``: nowhere more than ``alpha``, and nowhere less than the least of it ``REACH_PX`` around.
    """
    least = cv2.erode(alpha, np.ones((REACH_PX, REACH_PX), np.uint8))
    is_open = alpha > least
    if not is_open.any():
        return alpha
    full_h, full_w = alpha.shape
    half = (max(1, full_w // 2), max(1, full_h // 2))
    colours = cv2.resize(picture, half, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    levels = cv2.convertScaleAbs(cv2.resize(alpha, half, interpolation=cv2.INTER_AREA), alpha=255).astype(np.uint8)
    result = alpha.copy()
    _take(np.ascontiguousarray(picture), is_open, least, _reflected(colours), _reflected(levels), result)
    return result


def _reflected(values: Picture) -> Picture:
    """With a margin as wide as the window of the fit reaches."""
    margin = (RADIUS_PX,) * 4
    return cv2.copyMakeBorder(values, *margin, cv2.BORDER_REFLECT).astype(np.uint8, copy=False)


@part_of_loops
def _add(colours: Picture, levels: Picture, sign: int, start: int, stop: int, sums: NDArray[np.int32]) -> None:
    """Add a row of the picture, ``(w, 3)``, and of the alpha to the sums of some columns, or take it away."""
    for x in range(start, stop):
        red, green, blue = np.int32(colours[x, 0]), np.int32(colours[x, 1]), np.int32(colours[x, 2])
        level, column = np.int32(levels[x]), sums[x]
        column[0] += sign * level
        column[1] += sign * level * level
        column[2] += sign * red
        column[3] += sign * green
        column[4] += sign * blue
        column[5] += sign * red * red
        column[6] += sign * red * green
        column[7] += sign * red * blue
        column[8] += sign * green * green
        column[9] += sign * green * blue
        column[10] += sign * blue * blue
        column[11] += sign * red * level
        column[12] += sign * green * level
        column[13] += sign * blue * level


@part_of_loops
def _fit(sums: NDArray[np.int32], count: int, plane: NDArray[np.float32]) -> None:
    """Fill in slopes for red, green and blue, the offset, in 255ths, and the share of the variance they explain."""
    n = np.float64(count)
    level, red, green, blue = np.float64(sums[0]), np.float64(sums[2]), np.float64(sums[3]), np.float64(sums[4])
    noise = NOISE * n * n
    rr, gg = n * sums[5] - red * red + noise, n * sums[8] - green * green + noise
    bb = n * sums[10] - blue * blue + noise
    rg, rb, gb = n * sums[6] - red * green, n * sums[7] - red * blue, n * sums[9] - green * blue
    ra, ga, ba = n * sums[11] - red * level, n * sums[12] - green * level, n * sums[13] - blue * level
    # Cramer's rule: the matrix is symmetric, and the noise on its diagonal keeps it from being singular.
    one, two, three = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    scale = 1 / (rr * one + rg * two + rb * three)
    four, five, six = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    first = (one * ra + two * ga + three * ba) * scale
    second = (two * ra + four * ga + five * ba) * scale
    third = (three * ra + five * ga + six * ba) * scale
    plane[0], plane[1], plane[2] = first, second, third
    plane[3] = (level - first * red - second * green - third * blue) / n
    plane[4] = (first * ra + second * ga + third * ba) / (n * sums[1] - level * level + FLAT * n * n)


@part_of_loops
def _between(length: int, lines: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Between which two of fewer lines each pixel lies: the first of them, and how far it is to the next."""
    firsts, shares = np.empty(length, np.int64), np.empty(length, np.float32)
    for index in range(length):
        at = min(max((index + 0.5) * lines / length - 0.5, 0), lines - 1)
        firsts[index] = int(at)
        shares[index] = at - int(at)
    return firsts, shares


@part_of_loops
def _fit_wanted(colours: Picture, levels: Picture, is_wanted: NDArray[np.bool_], planes: NDArray[np.float32]) -> None:
    """Fill in the wanted planes ``(h, w, 5)``, see ``_fit``; the other two have a margin."""
    side = 2 * RADIUS_PX + 1
    height, width = is_wanted.shape
    top, bottom, start, stop = height, 0, width, 0
    for y in range(height):
        for x in range(width):
            if is_wanted[y, x]:
                top, bottom, start, stop = min(top, y), y + 1, min(start, x), max(stop, x + side)
    sums, window = np.zeros((levels.shape[1], SUMS), np.int32), np.empty(SUMS, np.int32)
    for y in range(top, top + side - 1):
        _add(colours[y], levels[y], 1, start, stop, sums)
    for y in range(top, bottom):
        _add(colours[y + side - 1], levels[y + side - 1], 1, start, stop, sums)
        last = -2
        for x in range(start, stop - side + 1):
            if not is_wanted[y, x]:
                continue
            if last == x - 1:
                for index in range(SUMS):
                    window[index] += sums[x + side - 1, index] - sums[x - 1, index]
            else:
                window[:] = 0
                for column in range(x, x + side):
                    for index in range(SUMS):
                        window[index] += sums[column, index]
            last = x
            _fit(window, side * side, planes[y, x])
        _add(colours[y], levels[y], -1, start, stop, sums)


@compiled(
    given("uint8", 3, packed=True),
    given("boolean", 2, packed=True),
    given("float32", 2, packed=True),
    given("uint8", 3, packed=True),
    given("uint8", 2, packed=True),
    made("float32", 2, packed=True),
)
def _take(
    picture: Picture, is_open: NDArray[np.bool_], least: Matte, colours: Picture, levels: Picture, alpha: Matte
) -> None:
    """Lower the alpha of open pixels to what the planes around say.

    Args:
        picture: RGB ``(h, w, 3)``.
        is_open: ``(h, w)``.
        least: below which it does not go, likewise.
        colours: the picture halved, with a margin.
        levels: the alpha in 0..255, likewise.
        alpha: ``(h, w)``; the result.
    """
    height, width = alpha.shape
    side = 2 * RADIUS_PX + 1
    lines_h, lines_w = levels.shape[0] - side + 1, levels.shape[1] - side + 1
    uppers, downs = _between(height, lines_h)
    lefts, acrosses = _between(width, lines_w)
    is_wanted = np.zeros((lines_h, lines_w), np.bool_)
    for y in range(height):
        for x in range(width):
            if is_open[y, x]:
                upper, left = uppers[y], lefts[x]
                is_wanted[upper : upper + 2, left : left + 2] = True
    planes = np.empty((lines_h, lines_w, 5), np.float32)
    _fit_wanted(colours, levels, is_wanted, planes)
    low, high = np.float32(EXPLAINED[0]), np.float32(EXPLAINED[1])
    certain, scale = np.float32(CERTAIN), np.float32(1 / (1 - 2 * CERTAIN))
    zero, one = np.float32(0), np.float32(1)
    plane = np.empty(5, np.float32)
    for y in range(height):
        upper, lower, down = uppers[y], min(uppers[y] + 1, lines_h - 1), downs[y]
        for x in range(width):
            if not is_open[y, x]:
                continue
            left, right, across = lefts[x], min(lefts[x] + 1, lines_w - 1), acrosses[x]
            for index in range(5):
                above = planes[upper, left, index]
                above += across * (planes[upper, right, index] - above)
                below = planes[lower, left, index]
                below += across * (planes[lower, right, index] - below)
                plane[index] = above + down * (below - above)
            trust = min(max((plane[4] - low) / (high - low), zero), one)
            told = plane[3]
            for channel in range(3):
                told += plane[channel] * np.float32(picture[y, x, channel])
            told = (told * np.float32(1 / 255) - certain) * scale
            told = max(min(told, alpha[y, x]), least[y, x])
            alpha[y, x] += trust * (told - alpha[y, x])
