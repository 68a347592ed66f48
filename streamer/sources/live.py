"""The newest picture of a device that delivers at its own pace, and may stop delivering at any moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

from streamer.channels import Channel, ChannelClosed
from streamer.errors import SourceError
from streamer.frames import Frame, Image, Size

Read: TypeAlias = Callable[[], Image | None]
"""Blocks until the next picture; None = the device's own end. Raises ``SourceError``."""

LEAVE_S = 1.0
"""How long ``close`` waits for a read that is under way."""


class NewestFrames:
    """Reads on a thread of its own, so that a read that hangs holds up nobody, and keeps only the newest frame.

    The thread starts with the iteration. It alone touches the device: releasing one while it is being read crashes some
    drivers. So a hung read keeps its device until it returns, while everybody else goes on.

    Args:
        name: the source's, for messages and the thread.
        size: of every frame; another one is an error, because later stages were built for this one.
        read: gives the next picture.
        release: gives the device back; called once.
        timeout_s: after how long without a picture the source has failed.
    """

    def __init__(self, name: str, size: Size, read: Read, release: Callable[[], None], *, timeout_s: float) -> None:
        self._name = name
        self._size = size
        self._read = read
        self._release = release
        self._timeout_s = timeout_s
        self._newest: Channel[Frame] = Channel(1, leaky=True)
        self._failure: Exception | None = None
        self._lock = threading.Lock()
        self._is_closed = False
        self._thread: threading.Thread | None = None

    def __iter__(self) -> Iterator[Frame]:
        """Yield each time the newest frame; ``index`` counts what the device gave, so gaps are frames not seen here."""
        if not self._start():
            return
        while True:
            try:
                yield self._newest.get(self._timeout_s)
            except ChannelClosed:
                break
            except TimeoutError:
                raise SourceError(
                    f"{self._name} gave no picture for {self._timeout_s:g} s: it was unplugged, is asleep, or another "
                    "program took it"
                ) from None
        if self._failure is not None and not self._is_closed:
            raise self._failure

    def close(self) -> None:
        """End the iteration at once, also one that waits, and give the device back. May be called twice."""
        with self._lock:
            was_closed, self._is_closed = self._is_closed, True
            thread = self._thread
        self._newest.close(discard=True)
        if thread is None:
            if not was_closed:
                self._release()
        elif thread is not threading.current_thread():
            thread.join(LEAVE_S)

    def _start(self) -> bool:
        with self._lock:
            if self._thread is not None:
                raise RuntimeError(f"{self._name} can be iterated once")
            if self._is_closed:
                return False
            self._thread = threading.Thread(target=self._run, name=f"{self._name} reader", daemon=True)
            self._thread.start()
            return True

    def _run(self) -> None:
        try:
            self._read_on()
        except ChannelClosed:
            pass  # close() was called
        except Exception as error:  # raised again where the frames are used
            self._failure = error
        finally:
            self._newest.close()
            self._release()

    def _read_on(self) -> None:
        begun_at_s: float | None = None
        index = 0
        while not self._is_closed:
            image = self._read()
            if image is None:
                return
            captured_at_s = time.monotonic()
            if begun_at_s is None:
                begun_at_s = captured_at_s
            frame = Frame(image, index, captured_at_s - begun_at_s, captured_at_s)
            if frame.size != self._size:
                raise SourceError(f"{self._name} changed its picture from {self._size} to {frame.size}")
            self._newest.put(frame)
            index += 1
