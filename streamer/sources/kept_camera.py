"""A live source that outlives its device: it waits for a camera that is gone, and lets one rest that nobody wants."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterator
from queue import SimpleQueue

from streamer.errors import SourceError
from streamer.frames import Frame, Size
from streamer.interfaces import FrameSource, SourceInfo
from streamer.scaling import cover

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 5.0
"""Pauses between two tries double from the one to the other."""
STEADY_S = 5.0
"""A camera that gave pictures for so long is sound: its next failure is met with the shortest pause again."""
POLL_S = 0.1
"""How often a resting camera looks whether it is wanted again."""


class KeptCamera:
    """Opens a live source again whenever it fails, until it is closed.

    While there is no camera no frame comes, so whoever shows the frames has to fill the gap. Pictures of another size,
    after the camera came back or changed its format, are scaled and cropped to the size of the first ones, because all
    that follows was opened for that. Numbers and times of the frames go on rising.

    Opening may hang in a driver, so it has a thread of its own, and a hung one is left behind when this is closed.

    Args:
        open_source: opens the camera or stream; called here for the first time, and its failure is passed on then.
        first_pause_s: before the first try to open it again.
        longest_pause_s: between two later tries.

    Raises:
        SourceError: it cannot be opened now: a wrong name must not be waited for.
    """

    def __init__(
        self,
        open_source: Callable[[], FrameSource],
        *,
        first_pause_s: float = FIRST_PAUSE_S,
        longest_pause_s: float = LONGEST_PAUSE_S,
    ) -> None:
        self._open_source = open_source
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s
        self._pause_s = first_pause_s
        self._is_wanted: Callable[[], bool] = lambda: True
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._openings: SimpleQueue[FrameSource | Exception | None] = SimpleQueue()  # how each ended; None = closed
        self._is_asleep = False
        self._is_lost = False
        self._begun_at_s: float | None = None
        self._lasted_s = 0.0  # from the first to the last frame: the silence before a failure does not count
        self._next_index = 0
        self._scene = -1
        self._bad_frames_before = 0
        self._source: FrameSource | None = open_source()
        self.info: SourceInfo = self._source.info

    @property
    def bad_frames(self) -> int:
        """Frames so far that could not be decoded, over all connections."""
        with self._lock:
            return self._bad_frames_before + (self._source.bad_frames if self._source else 0)

    @property
    def is_asleep(self) -> bool:
        """Whether no frames come because none are wanted."""
        return self._is_asleep

    def keep_open_while(self, is_wanted: Callable[[], bool]) -> None:
        """Close the device whenever ``is_wanted`` says no; asked often, on the thread that iterates."""
        self._is_wanted = is_wanted

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frame each time; ends when this is closed, or a stream that has an end is over."""
        while not self._closing.is_set():
            if not self._is_wanted():
                self._sleep()
                continue
            source = self._source or self._reopened()
            if source is None:
                continue
            try:
                is_over = yield from self._frames_of(source)
            except SourceError as error:
                if self._lasted_s >= STEADY_S:
                    self._pause_s = self._first_pause_s
                self._lose(error)
                continue
            if is_over:
                return
            self._sleep()

    def close(self) -> None:
        """End the iteration at once, also one that waits, and give the device back. May be called twice."""
        with self._lock:
            self._closing.set()
            source = self._source
        self._openings.put(None)
        if source is not None:
            source.close()

    def _frames_of(self, source: FrameSource) -> Generator[Frame, None, bool]:
        """Its frames; the result is whether they have ended for good, and not because none are wanted for now."""
        first_index = self._next_index
        first_at_s: float | None = None
        size: Size | None = None
        self._lasted_s = 0.0
        for frame in source:
            first_at_s = frame.captured_at_s if first_at_s is None else first_at_s
            self._lasted_s = frame.captured_at_s - first_at_s
            if not self._is_wanted():
                return False
            if self._begun_at_s is None:
                self._begun_at_s = frame.captured_at_s
            self._note_frame()
            if frame.size != size:
                size = frame.size
                self._scene += 1
            index = first_index + frame.index
            self._next_index = index + 1
            image = cover(frame.image, self.info.size)
            yield Frame(image, index, frame.captured_at_s - self._begun_at_s, frame.captured_at_s, self._scene)
        return True

    def _note_frame(self) -> None:
        if self._is_lost:
            logger.info("%s is back", self.info.name)
        elif self._is_asleep:
            logger.info("%s is on again", self.info.name)
        self._is_lost = self._is_asleep = False

    def _lose(self, error: SourceError) -> None:
        """Give the device back, and pause before the next try."""
        if not self._closing.is_set() and not self._is_lost:
            logger.warning("%s; waiting until it is back", error)
        self._is_lost, self._is_asleep = True, False
        self._give_back()
        self._closing.wait(self._pause_s)
        self._pause_s = min(2 * self._pause_s, self._longest_pause_s)

    def _sleep(self) -> None:
        """Give the device back until it is wanted."""
        if self._closing.is_set():
            return
        self._is_asleep = True
        logger.info("%s is off until its picture is wanted", self.info.name)
        self._give_back()
        self._pause_s = self._first_pause_s
        while not self._closing.is_set() and not self._is_wanted():
            self._closing.wait(POLL_S)

    def _give_back(self) -> None:
        with self._lock:
            source, self._source = self._source, None
            if source is not None:
                self._bad_frames_before += source.bad_frames
        if source is not None:
            source.close()

    def _reopened(self) -> FrameSource | None:
        """The source, opened anew; None when that failed or this was closed meanwhile."""
        threading.Thread(target=self._open, name=f"{self.info.name} opening", daemon=True).start()
        opened = self._openings.get()
        if isinstance(opened, SourceError):
            self._lose(opened)
            return None
        if isinstance(opened, Exception):
            raise opened
        with self._lock:
            if not self._closing.is_set():
                self._source = opened
                return opened
        if opened is not None:
            opened.close()
        return None

    def _open(self) -> None:
        opened: FrameSource | Exception
        try:
            opened = self._open_source()
        except Exception as error:  # raised again on the thread that iterates
            opened = error
        with self._lock:
            is_late = self._closing.is_set()
            if not is_late:
                self._openings.put(opened)
        if is_late and not isinstance(opened, Exception):
            opened.close()
