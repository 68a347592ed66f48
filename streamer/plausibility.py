"""Whether a matte can be true. A segmenter that fails may not say so, and a matte of everything shows the room.

Nobody can tell a wrong matte from a right one in general. These rules catch how a broken network or driver
gets it wrong wholesale: everything is a person, nothing is sure, another picture's matte, a sudden flood.
"""

from __future__ import annotations

import numpy as np

from streamer.frames import Alpha, Frame, Image

EVERYTHING = 0.98
"""A person who covers more of the picture than this is not believed: even a face at the lens leaves corners free."""
UNSURE = 0.5
"""Edges and hair are unsure (alpha 0.1 to 0.9), half of the picture is not."""
FLOOD = 0.5
"""Nobody comes to cover so much more of the picture from one frame to the next."""
FLOOD_HOLD_S = 1.0
"""After a flood has lasted so long it is believed: somebody did sit down before the camera."""
STEADY = 0.15
"""What may change meanwhile, as a share of the picture; beyond it the hold begins anew."""
GRID_PX = 4
"""Areas are taken on every fourth pixel of every fourth row."""
CHANGED_LEVELS, CHANGED_SHARE = 40, 0.01
"""A colour value that changed by more than so many of 255 is no noise; nor is it where so much of the person did."""


class PlausibilityGate:
    """Judges the mattes of one stream, each against its own picture and the one before. Not thread-safe.

    Args:
        judges_floods: refuse sudden growth; for live work, where frames come at the pace of the camera.
    """

    def __init__(self, *, judges_floods: bool = True) -> None:
        self._judges_floods = judges_floods
        self._before: tuple[Image, Alpha] | None = None
        self._area: float | None = None
        self._flood: tuple[float, float] | None = None

    def doubt(self, frame: Frame, alpha: Alpha) -> str | None:
        """Why this matte cannot be true, in words for people; None = nothing speaks against it.

        Args:
            frame: RGB uint8 ``(h, w, 3)`` and the time it was captured.
            alpha: its matte, float32 ``(h, w)`` in [0, 1].
        """
        small, picture = alpha[::GRID_PX, ::GRID_PX].copy(), frame.image[::GRID_PX, ::GRID_PX].copy()
        before, self._before = self._before, (picture, small)
        area = float(small.mean())
        if area > EVERYTHING:
            return "it takes all of the picture for a person"
        if float(((small > 0.1) & (small < 0.9)).mean()) > UNSURE:
            return "it is unsure about most of the picture"
        if before is not None and _is_of_another_picture(picture, small, *before):
            return "it belongs to an earlier picture"
        return self._flooded(area, frame.captured_at_s) if self._judges_floods else None

    def reset(self) -> None:
        """Forget earlier frames: the next one begins a new scene."""
        self._before = self._area = self._flood = None

    def _flooded(self, area: float, at_s: float) -> str | None:
        if self._area is None or area - self._area <= FLOOD:
            self._area, self._flood = area, None
            return None
        if self._flood is None or abs(area - self._flood[0]) > STEADY:
            self._flood = (area, at_s)
        elif at_s - self._flood[1] >= FLOOD_HOLD_S:
            self._area, self._flood = area, None
            return None
        return "the person covers much more of the picture from one frame to the next"


def _is_of_another_picture(picture: Image, alpha: Alpha, picture_before: Image, alpha_before: Alpha) -> bool:
    """Whether the matte is bit for bit the one before, though the person in it has changed."""
    if alpha.shape != alpha_before.shape or not np.array_equal(alpha, alpha_before):
        return False
    inside = alpha > 0
    if not inside.any():
        return False  # nobody is there, then as now
    change = np.abs(picture[inside].astype(np.int16) - picture_before[inside]).max(axis=-1)
    return float((change > CHANGED_LEVELS).mean()) > CHANGED_SHARE
