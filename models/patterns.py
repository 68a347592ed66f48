"""Fine, sharp patterns that rooms are full of and small room photos, enlarged, are not: book spines, keys, slats, text.

Without them a network learns that what is sharp is a person.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.datasets import Picture


def pattern(rng: np.random.Generator, width: int, height: int) -> Picture:
    """RGB uint8 ``(height, width, 3)`` of one of the kinds."""
    kinds = (books, keys, slats, text, stalks)
    return kinds[int(rng.integers(len(kinds)))](rng, width, height)


def _color(rng: np.random.Generator) -> tuple[float, float, float]:
    """Of things: mostly nearly grey."""
    grey, share = rng.uniform(5, 250), rng.uniform(0, 1) ** 2
    red, green, blue = grey * (1 - share) + rng.uniform(0, 255, 3) * share
    return float(red), float(green), float(blue)


def _blank(rng: np.random.Generator, width: int, height: int) -> Picture:
    return np.broadcast_to(np.array(_color(rng), np.uint8), (height, width, 3)).copy()


def books(rng: np.random.Generator, width: int, height: int) -> Picture:
    """Boards of a shelf with rows of upright things of all widths, labels on some, gaps between some."""
    image = _blank(rng, width, height)
    board = _color(rng)
    row_px = int(rng.integers(18, 90))
    top = int(rng.integers(-row_px, 1))
    while top < height:
        x = 0
        while x < width:
            thick, tall = int(rng.integers(2, 2 + row_px // 3)), int(row_px * rng.uniform(0.55, 0.95))
            if rng.random() < 0.85:
                cv2.rectangle(image, (x, top + row_px - tall), (x + thick - 1, top + row_px), _color(rng), -1)
                if rng.random() < 0.4:
                    y = top + row_px - int(tall * rng.uniform(0.3, 0.9))
                    cv2.rectangle(image, (x, y), (x + thick - 1, y + max(1, tall // 8)), _color(rng), -1)
            x += thick + (0 if rng.random() < 0.7 else 1)
        cv2.rectangle(image, (0, top + row_px), (width, top + row_px + max(1, row_px // 12)), board, -1)
        top += row_px + max(1, row_px // 12)
    return image


def keys(rng: np.random.Generator, width: int, height: int) -> Picture:
    """A grid of buttons, lighter or darker than what is between them."""
    image = _blank(rng, width, height)
    key = _color(rng)
    pitch_x, pitch_y = (int(side) for side in rng.integers(4, 26, 2))
    if rng.random() < 0.6:
        pitch_y = pitch_x
    gap = max(1, int(min(pitch_x, pitch_y) * rng.uniform(0.1, 0.4)))
    for row, y in enumerate(range(0, height, pitch_y)):
        shift = (row % 3) * pitch_x // 3 if pitch_x == pitch_y else 0
        for x in range(-shift, width, pitch_x):
            cv2.rectangle(image, (x, y), (x + pitch_x - gap - 1, y + pitch_y - gap - 1), key, -1)
    return image


def slats(rng: np.random.Generator, width: int, height: int) -> Picture:
    """Blinds, radiators, ribbed panels: one profile repeated, level or upright."""
    period = int(rng.integers(3, 30))
    profile = np.clip(rng.uniform(0.4, 1.2) + rng.normal(0, 0.25, period).cumsum(), 0.15, 1.4)
    level = rng.random() < 0.5
    light = np.resize(profile, height if level else width)
    light = light[:, None] if level else light[None, :]
    color = np.array(_color(rng))
    return (np.broadcast_to(light, (height, width))[..., None] * color).clip(0, 255).astype(np.uint8)


def text(rng: np.random.Generator, width: int, height: int) -> Picture:
    """Lines of letters, as on posters, screens and boxes."""
    image = _blank(rng, width, height)
    ink = _color(rng)
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:  "
    size = rng.uniform(0.25, 1.5)
    step = max(6, int(32 * size))
    for y in range(step, height + step, step):
        line = "".join(letters[int(i)] for i in rng.integers(0, len(letters), max(1, int(width / (18 * size)))))
        cv2.putText(
            image, line, (0, y), cv2.FONT_HERSHEY_SIMPLEX, size, ink, 1 + int(size * 2 * rng.random()), cv2.LINE_AA
        )
    return image


def stalks(rng: np.random.Generator, width: int, height: int) -> Picture:
    """Cables, branches and leaves: thin curves and small ellipses in all directions."""
    image = _blank(rng, width, height)
    colors = [_color(rng) for _ in range(3)]
    for _ in range(int(rng.integers(8, 40))):
        color = colors[int(rng.integers(3))]
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        if rng.random() < 0.5:
            steps = rng.normal(0, 1, (12, 2)) + rng.normal(0, 2, 2)
            line = (np.array([x, y]) + steps.cumsum(axis=0) * rng.uniform(1, 8)).astype(np.int32)
            cv2.polylines(image, [line], False, color, int(rng.integers(1, 4)), cv2.LINE_AA)
        else:
            long = rng.uniform(3, 25)
            axes = (long, long * rng.uniform(0.15, 0.6))
            cv2.ellipse(image, ((x, y), axes, rng.uniform(0, 180)), color, -1, cv2.LINE_AA)
    return image
