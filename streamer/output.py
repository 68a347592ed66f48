"""The sinks of a run: every composed frame goes to all of them, and those that somebody watches show no old person."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from streamer.frames import Frame, Image, Size
from streamer.interfaces import ReplacingSink, Sink, WatchedSink
from streamer.stats import Stats

logger = logging.getLogger(__name__)


class Output:
    """Writes to the sinks in order and remembers which of them failed. One thread uses it.

    Args:
        sinks: written in this order, closed in the reverse order.
        stats: gets the stage ``output``, the latency, the counter ``stalls``.
        size: of the safe picture before the first frame.
        is_live: whether a picture that no longer holds is replaced before the next frame comes.
        on_stall: makes the picture of a given size that watched sinks show while there is no frame; None = none.
        last_look: what goes to the sinks in a composed frame's place.
        state: another object than before = the picture that is shown may no longer be the right one.
        is_resting: whether no frame comes because none is wanted, which is no stall to warn of and to count.
        on_shown: told each picture once the sinks have it that it is for, safe ones too.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        stats: Stats,
        *,
        size: Size,
        is_live: bool,
        on_stall: Callable[[Size], Image] | None,
        last_look: Callable[[Frame], Frame],
        state: Callable[[], object],
        is_resting: Callable[[], bool],
        on_shown: Callable[[Frame], None],
    ) -> None:
        self._sinks = tuple(sinks)
        self._watched = [sink for sink in self._sinks if isinstance(sink, WatchedSink)]
        self._stats = stats
        self._size = size
        self._is_live = is_live
        self._on_stall = on_stall
        self._last_look = last_look
        self._state = state
        self._state_shown = state()
        self._is_resting = is_resting
        self._on_shown = on_shown
        self._is_stalled = False
        self._failed: list[object] = []
        self._written: Frame | None = None

    @property
    def is_empty(self) -> bool:
        """Whether not one frame was written."""
        return self._written is None

    def write(self, frame: Frame) -> Frame:
        """Give a composed frame to all sinks; the result is what they got."""
        self._state_shown = self._state()
        with self._stats.time("output"):
            for sink in self._sinks:
                frame = self._last_look(frame)  # a window among the sinks hears keys while it is written to
                with self._blamed(sink):
                    sink.write(frame)
        self._on_shown(frame)
        self._stats.record_latency(frame.captured_at_s)
        self._written = frame
        self._is_stalled = False
        return frame

    def idle(self) -> None:
        """Call it often while no frame comes: watched sinks care for themselves, and show what holds now."""
        for sink in self._watched:
            self._follow_state()  # before each: it may send its last picture again, and a window before it hears keys
            with self._blamed(sink):
                sink.idle()
        self._follow_state()

    def _follow_state(self) -> None:
        """Show what holds now, if that may be another picture than the one that is shown."""
        if not self._is_live or self._state() is self._state_shown:
            return
        self._state_shown = self._state()
        if self._written is None or self._is_stalled:
            self.show_safe_picture()
        else:
            self._show(self._last_look(self._written))

    def note_stall(self, after_s: float) -> None:
        """No frame came for so long."""
        if not self._is_stalled:
            self._is_stalled = True
            if not self._is_resting():
                self._stats.count("stalls")
                logger.warning("no frame came for %g s: showing the safe picture", after_s)
        self.show_safe_picture()

    def show_safe_picture(self) -> None:
        """Let no old picture of a person stand still before those who watch."""
        if self._on_stall is None or not self._watched:
            return
        last = self._written
        size = self._size if last is None else last.size
        index, pts_s = (0, 0.0) if last is None else (last.index, last.pts_s)
        self._show(Frame(self._on_stall(size), index, pts_s, time.monotonic()))

    def close(self, *, is_spoilt: bool, is_whole: bool = True) -> list[Exception]:
        """Finish the sinks, or give up those that failed, or all if what they hold must not pass for an output.

        Args:
            is_spoilt: it must not.
            is_whole: all that was to come has come; else nothing is replaced by it.

        Returns:
            What went wrong meanwhile; a sink that fails is given up, and the others are closed all the same.
        """
        errors: list[Exception] = []
        for sink in reversed(self._sinks):
            try:
                if is_spoilt or self._written is None or any(sink is failed for failed in self._failed):
                    sink.abort()
                elif not is_whole and isinstance(sink, ReplacingSink):
                    sink.close_early()
                else:
                    sink.close()
            except Exception as error:
                errors.append(error)
                self._failed.append(sink)
                _abort(sink)
        return errors

    def _show(self, frame: Frame) -> None:
        """To those sinks that somebody watches."""
        for sink in self._watched:
            with self._blamed(sink):
                sink.write(frame)
        self._on_shown(frame)

    @contextmanager
    def _blamed(self, sink: object) -> Iterator[None]:
        """Remember which sink failed."""
        try:
            yield
        except BaseException:
            self._failed.append(sink)
            raise


def _abort(sink: Sink) -> None:
    try:
        sink.abort()
    except Exception:
        logger.warning("an output could not be given up cleanly", exc_info=True)
