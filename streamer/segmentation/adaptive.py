"""Live, the matte is computed at a smaller size while the machine cannot keep up. Says so, and goes back by itself."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from streamer.errors import SegmentationError
from streamer.frames import Alpha, Image, Levels, Pixels
from streamer.segmentation.predictor import NetworkSegmenter, Settled
from streamer.segmentation.quality import QualityControl

Matte = TypeVar("Matte", Alpha, Settled)

logger = logging.getLogger(__name__)

LEAVE_S = 2.0
"""How long ``close`` waits for a size that is being prepared."""


class AdaptiveSegmenter:
    """Chooses the size at which a segmenter computes, by the time that it takes.

    A new size is prepared on a thread of its own, for that may take a second, while the old one is still used.

    Args:
        segmenter: computes the mattes; closed with this one.
        control: chooses; made for as many sizes as the segmenter has.
        clock: the time in seconds.
    """

    def __init__(
        self, segmenter: NetworkSegmenter, control: QualityControl, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._segmenter = segmenter
        self._control: QualityControl | None = control
        self._clock = clock
        self._preparing: threading.Thread | None = None
        self._is_untried = False

    def segment(self, image: Image) -> Alpha:
        """See ``Segmenter``."""
        return self._judged(lambda: self._segmenter.segment(image))

    def settled(self, pixels: Pixels) -> Settled:
        """See ``NetworkSegmenter``."""
        return self._judged(lambda: self._segmenter.settled(pixels))

    def refined(self, pixels: Pixels, settled: Settled) -> Levels:
        """See ``NetworkSegmenter``."""
        return self._segmenter.refined(pixels, settled)

    def reset(self) -> None:
        """Forget earlier frames; the size stays."""
        self._segmenter.reset()

    def close(self) -> None:
        """Release the segmenter. May be called twice."""
        preparing = self._preparing  # a thread that was left behind may still be in ``segment``
        if preparing is not None:
            preparing.join(LEAVE_S)
        self._segmenter.close()

    def _judged(self, matte: Callable[[], Matte]) -> Matte:
        self._change_if_prepared()
        begun_at_s = self._clock()
        try:
            alpha = matte()
        except SegmentationError as error:
            self._take_back(error)
            raise
        self._is_untried = False
        self._judge(begun_at_s, self._clock() - begun_at_s)
        return alpha

    def _judge(self, begun_at_s: float, took_s: float) -> None:
        control, segmenter = self._control, self._segmenter
        if control is None or self._preparing is not None or not segmenter.may_change_size:
            return
        if not control.note(begun_at_s, took_s):
            return
        self._preparing = threading.Thread(
            target=self._prepare, args=(control.step,), name="size of the matte", daemon=True
        )
        self._preparing.start()

    def _prepare(self, step: int) -> None:
        try:
            self._segmenter.prepare(step)
        except Exception:  # the first picture at that size will say the same
            logger.debug("the matte's size %d cannot be prepared", step, exc_info=True)

    def _change_if_prepared(self) -> None:
        if self._preparing is None or self._preparing.is_alive() or self._control is None:
            return
        self._preparing = None
        before, step = self._work(), self._control.step
        is_less = step > self._segmenter.step
        self._segmenter.step = step
        self._is_untried = True
        now = self._work()
        if now == before:
            return
        if is_less:
            logger.warning("the machine cannot keep up: the matte is computed at %s instead of %s", now, before)
        else:
            logger.info("the machine has time again: the matte is computed at %s instead of %s", now, before)

    def _work(self) -> str:
        return f"{self._segmenter.input_size}{' (twice in doubt)' if self._segmenter.looks_in_doubt else ''}"

    def _take_back(self, error: SegmentationError) -> None:
        """A network that takes no other size than its usual one goes back to it for good."""
        if self._is_untried and self._segmenter.step > 0:
            logger.warning("the matte cannot be computed at another size, and goes back to the usual one: %s", error)
            self._segmenter.step = 0
            self._control = None
