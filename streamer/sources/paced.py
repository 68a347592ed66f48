"""A file as if it were a camera."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator

from streamer.frames import Frame
from streamer.interfaces import FrameSource


class PacedSource:
    """Gives each frame of another source not before its time, so that a file plays at its own speed.

    Frames that come late (a slow decoder) pass at once; the pace is kept from the first frame on, never stretched.

    Args:
        source: a source that is not live.
        clock: the time in seconds.
        wait: waits so many seconds, less once the source is closed.
    """

    def __init__(
        self,
        source: FrameSource,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self._source = source
        self._clock = clock
        self._closed = threading.Event()
        self._wait = wait or self._closed.wait
        self.info = dataclasses.replace(source.info, is_live=True)

    @property
    def bad_frames(self) -> int:
        """Those of the source."""
        return self._source.bad_frames

    def __iter__(self) -> Iterator[Frame]:
        """Yield the source's frames; ``captured_at_s`` is the moment at which each was due or passed."""
        begun_at_s: float | None = None
        for frame in self._source:
            if begun_at_s is None:
                begun_at_s = self._clock() - frame.pts_s
            early_s = begun_at_s + frame.pts_s - self._clock()
            if early_s > 0:
                self._wait(early_s)
            if self._closed.is_set():
                return
            # Whoever watches wants RGB, and it is made here, where a failure costs no more than a read does.
            yield dataclasses.replace(frame, drawing=frame.image, planes=None, captured_at_s=self._clock())

    def close(self) -> None:
        """Close the source; a wait ends at once. May be called twice, from any thread."""
        self._closed.set()
        self._source.close()
