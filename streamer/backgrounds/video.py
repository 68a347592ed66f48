"""A video or animated gif behind the person, looped, on a clock of its own.

For a file the clock is the frames' own time, so that the same input gives the same output. Live, it is the time of
capture, and a small thread decodes ahead: the frame path never waits for a decoder.
"""

from __future__ import annotations

import logging
import queue
import threading
from pathlib import Path
from typing import NamedTuple, Protocol

from streamer.backgrounds.looped import LoopReader
from streamer.errors import ConfigError
from streamer.frames import Alpha, Frame, Image, Size
from streamer.scaling import cover

AHEAD_FRAMES = 3
"""How many pictures the live decoder is ahead."""
MAX_LAG_S = 0.5
"""A live video further behind its clock than this plays on from where it is, instead of rushing after."""
LEAVE_S = 2.0
"""How long the decoder may take to leave: a file on a drive that is gone hangs."""

ROUNDING_S = 0.002
"""So much earlier than it says a picture may be due: the times of many files are rounded to a millisecond."""

logger = logging.getLogger(__name__)


class Shot(NamedTuple):
    """One picture of the background and when it is due, in seconds from the first, loops added up."""

    at_s: float
    image: Image


class Shots(Protocol):
    """Where the pictures come from: decoded when asked for, or ahead by a thread."""

    def due(self, now_s: float) -> Shot | None:
        """The latest new picture that is due at ``now_s``, if there is one; older ones are forgotten."""
        ...

    def close(self) -> None:
        """Release the file. May be called twice."""
        ...


class VideoBackground:
    """Shows the picture that is due; keeps the one before until then.

    Args:
        first: the first picture.
        shots: the ones after it.
        is_live: the clock is the time of capture instead of presentation, and lag is forgiven.
    """

    shows_room = False

    def __init__(self, first: Image, shots: Shots, *, is_live: bool) -> None:
        self._shown = first
        self._shots = shots
        self._is_live = is_live
        self._begun_at_s: float | None = None

    def image_for(self, frame: Frame, alpha: Alpha) -> Image:
        """The picture due at this frame's time, at its size. Never blocks when live."""
        clock_s = frame.captured_at_s if self._is_live else frame.pts_s
        if self._begun_at_s is None:
            self._begun_at_s = clock_s
        now_s = clock_s - self._begun_at_s
        shot = self._shots.due(now_s)
        if shot is not None:
            self._shown = shot.image
            if self._is_live and now_s - shot.at_s > MAX_LAG_S:
                self._begun_at_s += now_s - shot.at_s
        return self.safe_image(frame.size)

    def safe_image(self, size: Size) -> Image:
        """The picture shown last, or the first: it never held a pixel of the room."""
        return cover(self._shown, size)

    def close(self) -> None:
        """Stop the decoder and release the file. May be called twice."""
        self._shots.close()


class InlineShots:
    """Decodes when asked, on the caller's thread."""

    def __init__(self, reader: LoopReader) -> None:
        self._frames = reader.frames()
        self._reader = reader
        self._next = next(self._frames, None)

    def due(self, now_s: float) -> Shot | None:
        """See ``Shots``. Only the picture that is shown is converted."""
        latest = None
        while self._next is not None and self._next[0] <= now_s + ROUNDING_S:
            latest = self._next
            self._next = next(self._frames, None)
        return Shot(latest[0], self._reader.picture(latest[1])) if latest else None

    def close(self) -> None:
        """See ``Shots``."""
        self._next = None
        self._frames.close()


class AheadShots:
    """Decodes on a thread of its own, a few pictures ahead. The thread starts with the first question."""

    def __init__(self, reader: LoopReader) -> None:
        self._reader = reader
        self._ready: queue.Queue[Shot] = queue.Queue(AHEAD_FRAMES)
        self._next: Shot | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="background-video", daemon=True)

    def due(self, now_s: float) -> Shot | None:
        """See ``Shots``. Never waits."""
        if self._thread.ident is None and not self._stopped.is_set():
            self._thread.start()
        latest = None
        while True:
            if self._next is None:
                try:
                    self._next = self._ready.get_nowait()
                except queue.Empty:
                    return latest
            if self._next.at_s > now_s + ROUNDING_S:
                return latest
            latest, self._next = self._next, None

    def close(self) -> None:
        """See ``Shots``."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(LEAVE_S)
            if self._thread.is_alive():
                logger.warning("the background video does not answer, and is left behind")

    def _run(self) -> None:
        frames = self._reader.frames()
        try:
            for at_s, frame in frames:
                shot = Shot(at_s, self._reader.picture(frame))
                while not self._stopped.is_set():
                    try:
                        self._ready.put(shot, timeout=0.1)
                        break
                    except queue.Full:
                        continue
                if self._stopped.is_set():
                    return
        except Exception:
            logger.exception("the background video stopped; its last picture stays")
        finally:
            frames.close()


def open_video(path: Path, *, size: Size, is_live: bool) -> VideoBackground:
    """Open a video or gif as a background and decode its first picture.

    Raises:
        ConfigError: the file holds no picture that can be decoded.
    """
    reader = LoopReader(path, size)
    first = reader.first()
    if first is None:
        raise ConfigError(f"background '{path}' is neither a picture nor a video that can be read: {reader.trouble}")
    shots = AheadShots(reader) if is_live else InlineShots(reader)
    return VideoBackground(first, shots, is_live=is_live)
