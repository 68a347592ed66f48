"""The room of the demo: a wall with a window, a shelf and a picture, as a webcam sees it, drawn from nothing."""

from __future__ import annotations

import cv2
import numpy as np

from streamer.frames import Image, Size

BLUR_PX = 2.6
"""The room is behind the plane of focus."""


def draw_room(size: Size) -> Image:
    """The empty room: RGB (h, w, 3), the same on every call.

    Drawn in units of 960 x 540 and scaled to ``size``.
    """
    rng = np.random.default_rng(7)
    canvas = _wall(rng)
    _window(canvas)
    _shelf(canvas, rng)
    _picture(canvas, rng)
    _plant(canvas, rng)
    light = cv2.GaussianBlur(canvas, (0, 0), BLUR_PX) * _daylight()
    room = np.clip(light, 0, 255).round().astype(np.uint8)
    return room if size == (960, 540) else cv2.resize(room, size, interpolation=cv2.INTER_CUBIC)


def _wall(rng: np.random.Generator) -> np.ndarray:
    """A painted wall, lighter towards the window, a little uneven."""
    across = np.linspace(1.0, 0.0, 960, dtype=np.float32)[None, :, None]
    down = np.linspace(0.0, 1.0, 540, dtype=np.float32)[:, None, None]
    near, far = np.array([206, 203, 194], np.float32), np.array([160, 164, 166], np.float32)
    wall = far + (near - far) * across - 18.0 * down
    uneven = cv2.resize(rng.normal(0, 1, (14, 24)).astype(np.float32), (960, 540), interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(wall + 1.8 * uneven[..., None])


def _box(canvas: np.ndarray, left: float, top: float, right: float, bottom: float, colour: tuple[int, ...]) -> None:
    cv2.rectangle(canvas, (round(left), round(top)), (round(right), round(bottom)), colour, -1, cv2.LINE_AA)


def _window(canvas: np.ndarray) -> None:
    """On the left: sky over trees behind two panes, a sill, and a curtain beside it."""
    left, top, right, bottom = 40, -20, 250, 330
    _box(canvas, left - 14, top, right + 14, bottom + 14, (232, 230, 226))
    rows = np.linspace(0, 1, bottom - top, dtype=np.float32)[:, None, None]
    sky = np.array([176, 205, 236], np.float32) * (1 - rows) + np.array([240, 243, 244], np.float32) * rows
    canvas[0:bottom, left:right] = sky[-top:]
    for x, y, radius, green in ((60, 330, 70, 104), (150, 345, 82, 118), (232, 322, 56, 96), (110, 300, 40, 128)):
        pane = canvas[0:bottom, left:right]
        cv2.circle(pane, (x - left, y), radius, (green - 26, green + 16, green - 44), -1, cv2.LINE_AA)
    canvas[0:bottom, left:right] = cv2.GaussianBlur(canvas[0:bottom, left:right], (0, 0), 5)
    _box(canvas, 140, 0, 150, bottom, (226, 224, 220))
    _box(canvas, left, 150, right, 158, (226, 224, 220))
    _box(canvas, left - 26, bottom + 10, right + 26, bottom + 26, (238, 236, 231))
    for x in range(-10, 44):
        fold = 0.5 + 0.5 * np.sin(x / 5.2)
        shade = tuple(round(float(c * (0.80 + 0.2 * fold))) for c in (150, 166, 178))
        cv2.line(canvas, (x, 0), (x + 6, 540), shade, 2, cv2.LINE_AA)


def _shelf(canvas: np.ndarray, rng: np.random.Generator) -> None:
    """On the right: two boards with books."""
    spines = ((142, 62, 48), (52, 84, 112), (196, 168, 112), (72, 98, 78), (94, 76, 108), (208, 200, 186), (58, 58, 64))
    for board in (178, 318):
        _box(canvas, 668, board, 968, board + 13, (142, 104, 72))
        _box(canvas, 668, board + 13, 968, board + 18, (96, 72, 54))
        x = 690 if board == 178 else 752
        while x < (880 if board == 178 else 950):
            width, height = int(rng.integers(13, 25)), int(rng.integers(66, 104))
            spine = spines[int(rng.integers(len(spines)))]
            _box(canvas, x, board - height, x + width, board - 1, spine)
            _box(canvas, x + width - 2, board - height, x + width, board - 1, tuple(round(0.65 * c) for c in spine))
            label = tuple(min(255, c + 50) for c in spine)
            _box(canvas, x + 3, board - height + 14, x + width - 4, board - height + 24, label)
            x += width + 1


def _picture(canvas: np.ndarray, rng: np.random.Generator) -> None:
    """Between window and shelf: hills at dusk in a dark frame."""
    left, top, right, bottom = 304, 52, 452, 158
    _box(canvas, left - 9, top - 9, right + 9, bottom + 9, (62, 50, 42))
    _box(canvas, left, top, right, bottom, (236, 232, 222))
    inner = canvas[top + 10 : bottom - 10, left + 10 : right - 10]
    rows = np.linspace(0, 1, inner.shape[0], dtype=np.float32)[:, None, None]
    inner[:] = np.array([92, 108, 150], np.float32) * (1 - rows) + np.array([236, 170, 120], np.float32) * rows
    for hill, colour in enumerate(((112, 98, 118), (78, 74, 96), (48, 50, 66))):
        heights = 44 + 14 * hill + 9 * np.sin(np.arange(0, inner.shape[1]) / (15 + 7 * hill) + rng.uniform(0, 6))
        for x, y in enumerate(heights):
            inner[round(float(y)) :, x] = colour


def _plant(canvas: np.ndarray, rng: np.random.Generator) -> None:
    """A pot with long leaves on the lower board."""
    cv2.fillPoly(canvas, [np.array([(690, 272), (738, 272), (731, 317), (697, 317)])], (186, 110, 78), cv2.LINE_AA)
    for _ in range(26):
        lean, length = rng.uniform(-1.15, 1.15), rng.uniform(36, 78)
        steps = np.linspace(0, 1, 9)
        x = 714 + 8 * lean + length * np.sin(lean) * steps**1.3
        y = 274 - length * np.cos(lean) * (steps - 0.42 * abs(lean) * steps**2.4)
        green = int(rng.integers(84, 134))
        leaf = [np.stack([x, y], 1).round().astype(np.int32)]
        cv2.polylines(canvas, leaf, False, (green - 46, green, green - 54), int(rng.integers(3, 6)), cv2.LINE_AA)


def _daylight() -> np.ndarray:
    """How much light falls where: most near the window, less in the corners."""
    x, y = np.meshgrid(np.linspace(-1, 1, 960, dtype=np.float32), np.linspace(-1, 1, 540, dtype=np.float32))
    window = 0.12 * np.exp(-((x + 0.7) ** 2 + (y + 0.3) ** 2) / 0.5)
    corners = 0.16 * np.clip((x**2 + y**2) / 2 - 0.25, 0, 1)
    return (0.96 + window - corners)[..., None]
