"""A short clip of a moving person that needs no camera, file or network; its true matte is known."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from fractions import Fraction

import cv2
import numpy as np

from streamer.errors import SourceError
from streamer.frames import Alpha, Frame, Image, Size
from streamer.interfaces import SourceInfo
from streamer.sources.demo_person import CUT_AT_PX, astronaut, cut_out
from streamer.sources.demo_room import draw_room

SIZE = Size(960, 540)
FPS = Fraction(30)
FRAME_COUNT = 150
"""Five seconds; she ends where she began, so that the clip may be repeated."""
SCALE = 1.5
"""Pixels of the frame per pixel of the portrait."""
BELOW_PX = 14.0
"""How far the portrait reaches below the frame, so that no movement shows where it ends."""
NOISE = 1.8
"""Standard deviation of the sensor noise, of 255."""


class DemoScene:
    """Every frame of the demo, and the matte it was made with. The same index gives the same pixels, always."""

    def __init__(self) -> None:
        self._colours, self._alpha = cut_out(astronaut())
        self._room = draw_room(SIZE).astype(np.float32)
        rng = np.random.default_rng(1)
        self._noise = rng.normal(0.0, NOISE, (SIZE.height + 64, SIZE.width + 64, 3)).astype(np.float32)

    def alpha(self, index: int) -> Alpha:
        """The true matte of frame ``index``: float32 (540, 960) in [0, 1]."""
        flags = cv2.INTER_LINEAR
        warped = cv2.warpAffine(self._alpha, pose(index), SIZE, flags=flags, borderMode=cv2.BORDER_CONSTANT)
        return np.clip(warped, 0.0, 1.0)

    def image(self, index: int) -> Image:
        """Frame ``index``: RGB (540, 960, 3)."""
        flags = cv2.INTER_CUBIC
        person = cv2.warpAffine(self._colours, pose(index), SIZE, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        alpha = self.alpha(index)[..., None]
        clean = self._room + alpha * (person.astype(np.float32) - self._room)
        rng = np.random.default_rng(index)  # other grains on every frame, without drawing 1.5 million numbers for each
        left, top = (int(offset) for offset in rng.integers(0, 64, 2))
        noisy = clean + self._noise[top : top + SIZE.height, left : left + SIZE.width]
        return np.clip(noisy + 0.5, 0, 255).astype(np.uint8)


def pose(index: int) -> np.ndarray:
    """Where she is in frame ``index``: 2 x 3, from pixels of the portrait to pixels of the frame.

    She sways and leans about the middle of the lower edge and comes a little nearer and back.
    """
    turn = 2 * math.pi * index / FRAME_COUNT
    lean = math.radians(1.7) * math.sin(turn + 0.5) + math.radians(0.5) * math.sin(3 * turn)
    scale = SCALE * (1.0 + 0.022 * math.sin(turn + 2.0))
    x_px = SIZE.width / 2 - 10 + 36 * math.sin(turn) + 6 * math.sin(2 * turn + 1.0)
    y_px = SIZE.height + BELOW_PX + 2.0 * math.sin(2 * turn)
    c, s = scale * math.cos(lean), scale * math.sin(lean)
    pivot_x, pivot_y = 198.0, float(CUT_AT_PX)
    return np.array([[c, -s, x_px - c * pivot_x + s * pivot_y], [s, c, y_px - s * pivot_x - c * pivot_y]])


def demo_alpha(index: int) -> Alpha:
    """The true matte of frame ``index`` of the demo: float32 (540, 960). For several frames keep a ``DemoScene``."""
    return DemoScene().alpha(index)


class DemoSource:
    """The scene as a source: 150 frames of 960x540 at 30 fps.

    Args:
        start_s: first presentation time to give.
        end_s: presentation time at which it stops; None = after five seconds.
        is_endless: begin again after the last frame, with the times going on.
    """

    def __init__(self, *, start_s: float = 0.0, end_s: float | None = None, is_endless: bool = False) -> None:
        self.scene = DemoScene()
        self._first = math.ceil(start_s * FPS - Fraction(1, 1000))
        past = None if end_s is None else math.ceil(end_s * FPS - Fraction(1, 1000))
        if not is_endless:
            past = FRAME_COUNT if past is None else min(past, FRAME_COUNT)
        self._past = past
        self._is_closed = False
        if past is not None and past <= self._first:
            raise SourceError(f"the demo has no frame at {start_s:g} s: it is {float(FRAME_COUNT / FPS):g} s long")
        count = None if past is None else past - self._first
        self.info = SourceInfo(name="demo", size=SIZE, fps=FPS, is_live=False, frame_count=count)

    @property
    def bad_frames(self) -> int:
        """Always 0."""
        return 0

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames in order; ``pts_s`` counts from the clip's beginning, ``index`` from the first one given."""
        at = self._first
        while not self._is_closed and (self._past is None or at < self._past):
            image = self.scene.image(at % FRAME_COUNT)
            yield Frame(image, at - self._first, float(at / FPS), time.monotonic())
            at += 1

    def close(self) -> None:
        """Stop at the next frame. May be called twice, from any thread."""
        self._is_closed = True
