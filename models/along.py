"""What other frames hold, brought along the ways of what is seen, pixel by pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.compiled import INTEGER, Argument, compiled, given, made, part_of_loops

Matte = NDArray[np.float32]
Votes = NDArray[np.float32]

EDGE = 0.4
"""Difference of the alpha from the next frame's up to which the two are averaged; more is another answer."""


@part_of_loops
def _corner(at: np.float32, length: int) -> tuple[int, int, np.float32]:
    """Between which two pixels a place lies, and the second one's share in it."""
    inside = min(max(at, np.float32(0)), np.float32(length - 1))
    first = int(inside)
    return first, min(first + 1, length - 1), inside - np.float32(first)


@compiled(
    *(given("float32", 3, packed=True) for _ in range(2)),
    given("float32", 2, packed=True),
    Argument("float32"),
    *(INTEGER for _ in range(4)),
    made("float32", 3, packed=True),
)
def carry(
    votes: Votes,
    places: Matte,
    fits: Matte,
    decay: np.float32,
    from_x: int,
    from_y: int,
    to_x: int,
    to_y: int,
    result: Votes,
) -> None:
    """Add the votes of another frame for the same things, in a part of the picture.

    Args:
        votes: of the other frame, ``(h, w, 2)``.
        places: where this frame's pixels are there, ``(h, w, 2)``.
        fits: 1 where they are to be seen there, ``(h, w)``.
        decay: the weight of those votes.
        from_x: where the part begins.
        from_y: likewise.
        to_x: where it ends.
        to_y: likewise.
        result: ``(h, w, 2)``. Written to.
    """
    height, width = fits.shape
    for y in range(from_y, to_y):
        for x in range(from_x, to_x):
            if fits[y, x] == 0:
                continue
            left, right, share_x = _corner(places[y, x, 0], width)
            top, bottom, share_y = _corner(places[y, x, 1], height)
            for index in range(2):
                upper = votes[top, left, index] + (votes[top, right, index] - votes[top, left, index]) * share_x
                lower = votes[bottom, left, index]
                lower += (votes[bottom, right, index] - votes[bottom, left, index]) * share_x
                result[y, x, index] += decay * (upper + (lower - upper) * share_y)


@compiled(
    given("float32", 2, packed=True),
    given("float32", 3, packed=True),
    *(given("float32", 2, packed=True) for _ in range(3)),
    *(made("float32", 2, packed=True) for _ in range(2)),
)
def add(beside: Matte, places: Matte, fits: Matte, alpha: Matte, free: Matte, total: Matte, weight: Matte) -> None:
    """Add another frame's alpha where the same is to be seen there and it hardly differs.

    Args:
        beside: that alpha, ``(h, w)``.
        places: where this frame's pixels are there, both pictures half as large, ``(h / 2, w / 2, 2)``.
        fits: 1 where they are to be seen there, ``(h / 2, w / 2)``.
        alpha: this frame's, ``(h, w)``.
        free: its, 1 near its edges, less where it is averaged over time already, else 0.
        total: the weighted sum so far. Written to.
        weight: of what is in it. Written to.
    """
    height, width = alpha.shape
    rows, columns = fits.shape
    most = np.float32(EDGE)
    per_row, per_column = np.float32(height) / np.float32(rows), np.float32(width) / np.float32(columns)
    for y in range(height):
        row = y * rows // height
        for x in range(width):
            if free[y, x] == 0:
                continue
            column = x * columns // width
            if fits[row, column] == 0:
                continue
            at_x = np.float32(x) + (places[row, column, 0] - np.float32(column)) * per_column
            at_y = np.float32(y) + (places[row, column, 1] - np.float32(row)) * per_row
            left, right, share_x = _corner(at_x, width)
            top, bottom, share_y = _corner(at_y, height)
            upper = beside[top, left] + (beside[top, right] - beside[top, left]) * share_x
            lower = beside[bottom, left] + (beside[bottom, right] - beside[bottom, left]) * share_x
            other = upper + (lower - upper) * share_y
            if abs(other - alpha[y, x]) < most:
                total[y, x] += free[y, x] * other
                weight[y, x] += free[y, x]
