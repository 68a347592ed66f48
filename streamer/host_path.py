"""The frame path on the CPU: the thread that mattes leaves the edges at full size to the thread that composes."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from streamer.compositing import Compositor
from streamer.frames import Alpha, Drawing, Frame, Image, Levels, Pixels, Planes
from streamer.segmentation.predictor import Settled


@runtime_checkable
class SettlingSegmenter(Protocol):
    """A segmenter that finds the small alpha first, and refines its edges when it is asked to."""

    def settled(self, pixels: Pixels) -> Settled:
        """The small alpha of a picture."""
        ...

    def refined(self, pixels: Pixels, settled: Settled) -> Levels:
        """The alpha at the picture's size, in 0..255, of that picture and its small alpha. From one thread."""
        ...


class HeldHere:
    """A frame and its small alpha; a ``ComposingMatte``."""

    def __init__(self, path: HostPath, frame: Frame, settled: Settled) -> None:
        self.size = frame.size
        self.small = settled.alpha
        self.settled = settled
        self._path = path
        self._frame = frame

    def revised(self, alpha: Alpha) -> HeldHere:
        """The same frame with another small alpha, of the same size."""
        return HeldHere(self._path, self._frame, self.settled._replace(alpha=alpha))

    def full(self) -> Alpha:
        """See ``HeldMatte``."""
        return self._levels() * np.float32(1 / 255)

    def over(self, background: Image) -> tuple[Drawing, Planes | None]:
        """See ``ComposingMatte``."""
        return self._path.compositor.compose(self._frame, self._levels(), background)

    def _levels(self) -> Levels:
        return self._path.segmenter.refined(self._frame.pixels, self.settled)


class HostPath:
    """Mattes frames and lays the person over a picture. ``hold`` is for one thread, what it gives for one other.

    Args:
        segmenter: finds the person.
    """

    def __init__(self, segmenter: SettlingSegmenter) -> None:
        self.segmenter = segmenter
        self.compositor = Compositor()

    def hold(self, frame: Frame) -> HeldHere:
        """Matte the frame, but for its edges.

        Raises:
            SegmentationError: it cannot be matted, or its alpha is unusable.
        """
        return HeldHere(self, frame, self.segmenter.settled(frame.pixels))
