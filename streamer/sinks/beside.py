"""A recording beside what somebody watches: a disk that is slow must not hold up the picture, nor the panic key."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading

from streamer.errors import SinkError
from streamer.frames import Frame
from streamer.interfaces import Sink

WAITING_FRAMES = 16
"""So many frames wait for the disk; then the recording loses one."""
FINISH_S = 60.0
"""How long the frames that wait at the end may take."""
LEAVE_S = 2.0
"""How long a write that hangs is waited for when the recording is given up."""

logger = logging.getLogger(__name__)


class Beside:
    """A sink that is written to on a thread of its own. The contract is ``Sink``; ``write`` never waits.

    A failure is raised by the next ``write``, or by ``close``.

    Args:
        sink: nobody else uses it from now on.
        name: of the recording, for people.
    """

    def __init__(self, sink: Sink, name: str) -> None:
        self._sink = sink
        self._name = name
        self._waiting: queue.Queue[Frame | None] = queue.Queue(WAITING_FRAMES)
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._given_up = threading.Event()
        self._failure: Exception | None = None
        self._missing = 0

    @property
    def notes(self) -> list[str]:
        """What the sink has to tell, and what it did not get."""
        frames = "1 frame is" if self._missing == 1 else f"{self._missing} frames are"
        lost = [f"{frames} missing in {self._name}: it could not be written as fast."] if self._missing else []
        return [*getattr(self._sink, "notes", ()), *lost]

    def write(self, frame: Frame) -> None:
        """Have one frame written soon. Raises what went wrong with an earlier one."""
        if self._failure is not None:
            raise self._failure
        if self._thread.ident is None:
            self._thread.start()
        try:
            self._waiting.put_nowait(frame)
        except queue.Full:
            self._missing += 1

    def close(self) -> None:
        """Finish the recording. Raises ``SinkError`` where that does not end, and what went wrong before."""
        if self._thread.is_alive():
            with contextlib.suppress(queue.Full):  # the thread still lives then, and that is told
                self._waiting.put(None, timeout=FINISH_S)
                self._thread.join(FINISH_S)
            if self._thread.is_alive():
                raise SinkError(f"{self._name}: the disk does not answer; the recording is not finished")
        if self._failure is not None:
            raise self._failure
        self._sink.close()

    def abort(self) -> None:
        """Give the recording up. May be called twice."""
        self._given_up.set()
        if self._thread.is_alive():
            with contextlib.suppress(queue.Full):  # then it waits for none
                self._waiting.put_nowait(None)
            self._thread.join(LEAVE_S)
        if self._thread.is_alive():
            logger.warning("%s: the disk does not answer, and is left behind", self._name)
        else:
            self._sink.abort()

    def _run(self) -> None:
        while not self._given_up.is_set():
            frame = self._waiting.get()
            if frame is None:
                return
            if self._failure is not None:
                continue  # whoever closes must not wait for room
            try:
                self._sink.write(frame)
            except Exception as error:
                self._failure = error
