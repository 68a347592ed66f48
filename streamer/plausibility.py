"""Whether a matte can be true. A segmenter that fails may not say so, and a matte of everything shows the room.

Nobody can tell a wrong matte from a right one in general. These rules catch how a broken network, driver or queue gets
it wrong wholesale: everything is a person, nothing is sure, the matte is the last picture's, the person is a flood.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from streamer.frames import Alpha, Area, Frame, Image, Size
from streamer.scaling import shrink

Levels: TypeAlias = NDArray[np.uint8]
"""One value 0..255 a pixel, ``(h, w)``."""

HEIGHT_PX = 180
"""Mattes and pictures are judged at about this height."""
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
FITS_BEFORE = 2.0
"""A matte whose outline follows the edges of the picture before so much better than its own picture's is that one's.
On real clips the true matte gave at most 1.7, the last picture's up to 12 where somebody moved fast."""
LARGE, FOLLOWS = 0.65, 1.2
"""The outline of a person who covers more than the first lies on edges, so much stronger than elsewhere in the picture;
on real clips twice as strong and more."""
OUTLINE_PX = 40
"""A shorter outline tells nothing."""


def is_everything(alpha: Alpha) -> bool:
    """Whether a matte, float32 ``(h, w)`` in [0, 1], takes all of its picture for a person."""
    return float(alpha.mean()) > EVERYTHING


class PlausibilityGate:
    """Judges the mattes of one stream, each against its own picture and the one before. Not thread-safe.

    Args:
        is_live: judge also what needs frames that follow each other at a camera's pace: late mattes and floods.
        picture: where in the frame the picture lies; None = everywhere. Bars around it are not judged.
    """

    def __init__(self, *, is_live: bool = True, picture: Area | None = None) -> None:
        self._picture = picture
        self._is_live = is_live
        self._edges: Levels | None = None
        self._area: float | None = None
        self._flood: tuple[float, float] | None = None

    def doubt(self, frame: Frame, alpha: Alpha | None) -> str | None:
        """Why this matte cannot be true, in words for people; None = nothing speaks against it.

        Call it for every frame that the segmenter was given.

        Args:
            frame: RGB uint8 ``(h, w, 3)`` and the time it was captured.
            alpha: its matte, float32 ``(h, w)`` in [0, 1], or a smaller one of all the frame; None = it got none.
        """
        step = max(1, round(frame.size.height / HEIGHT_PX))
        edges_before = self._edges
        seen = np.s_[:, :] if self._picture is None else self._picture.slices
        self._edges = _edges(frame.image[seen], step) if self._is_live else None
        if alpha is None:
            return None
        small = _sampled(alpha, frame.size, seen, step)
        area = float(small.mean())
        if is_everything(small):
            return "it takes all of the picture for a person"
        if float(((small > 0.1) & (small < 0.9)).mean()) > UNSURE:
            return "it is unsure about most of the picture"
        if self._edges is None:
            return None
        outline = _outline(small)
        if area > LARGE and _fit(outline, self._edges) < FOLLOWS:
            return "it covers most of the picture, and its outline follows nothing there"
        if _is_late(outline, self._edges, edges_before):
            return "it belongs to the picture before"
        return self._flooded(area, frame.captured_at_s)

    def restart(self) -> None:
        """The person may have come or gone since the last frame: no growth is a flood."""
        self._area = self._flood = None

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


def _sampled(alpha: Alpha, size: Size, seen: tuple[slice, slice], step: int) -> Alpha:
    """Every so many pixels of what is seen of a frame of that size, from its matte, which may be smaller."""
    if alpha.shape == (size.height, size.width):
        return alpha[seen][::step, ::step]
    rows = np.arange(size.height)[seen[0]][::step] * alpha.shape[0] // size.height
    columns = np.arange(size.width)[seen[1]][::step] * alpha.shape[1] // size.width
    return alpha[np.ix_(rows, columns)]


def _edges(image: Image, step: int) -> Levels:
    """How strong the edges of a picture are in all colours together, each within a pixel of where it lies."""
    size = Size(len(range(0, image.shape[1], step)), len(range(0, image.shape[0], step)))
    small = shrink(image, size)  # averaged, or the noise of dim light outdoes the edges
    edges = np.zeros(small.shape[:2], np.uint8)
    all_colors = np.ones((1, 3), np.float32)
    edges[:, 1:] = cv2.transform(cv2.absdiff(small[:, 1:], small[:, :-1]), all_colors)  # 255 at most
    edges[1:] = cv2.add(edges[1:], cv2.transform(cv2.absdiff(small[1:], small[:-1]), all_colors))
    return np.asarray(cv2.dilate(edges, np.ones((3, 3), np.uint8)), np.uint8)


def _outline(alpha: Alpha) -> Levels:
    """1 where the person begins, 0 elsewhere."""
    person = (alpha > 0.5).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(person, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)), np.uint8)


def _is_late(outline: Levels, edges: Levels, edges_before: Levels | None) -> bool:
    """Whether the matte's outline follows the edges of the picture before and not those of its own."""
    if edges_before is None or edges_before.shape != edges.shape or cv2.countNonZero(outline) < OUTLINE_PX:
        return False
    return _fit(outline, edges_before) > FITS_BEFORE * _fit(outline, edges)


def _fit(outline: Levels, edges: Levels) -> float:
    """How much stronger the edges are along that outline than in the whole picture; 1 = no more."""
    return (cv2.mean(edges, outline)[0] + 1) / (cv2.mean(edges)[0] + 1)
