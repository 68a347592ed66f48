"""A virtual camera that other programs can choose, through the optional pyvirtualcam."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from typing import Any

import numpy as np

from streamer.errors import MissingExtra, SinkError
from streamer.frames import Frame, Image, Size
from streamer.sinks.flatten import flat_rgb
from streamer.sinks.virtual_setup import why_not_opened

logger = logging.getLogger(__name__)

REOPEN_S = 3.0
"""Pause between two tries to open a camera again that failed."""
_FAULTS = (RuntimeError, ValueError, OSError)
"""What pyvirtualcam raises."""


class VirtualCameraSink:
    """Sends frames to v4l2loopback on Linux, OBS's virtual camera on macOS and Windows. It never paces.

    Programs take a camera that falls silent or slow for a broken one. So size and rate are those of the start,
    whatever comes: time is cut into slots of one picture each, and for one that passes without a picture the last is
    sent again. A new picture is always sent at once.

    A camera that fails later is opened again every few seconds, on a thread of its own; what is written meanwhile is
    dropped.

    RGBA lies on black, grey is spread over the three channels. Virtual cameras carry 4:2:0, which readers only take at
    even sizes: the last column or row of an odd one is repeated.

    Args:
        size: of every frame.
        fps: what the camera announces.
        device: ``/dev/videoN``, or the name of a camera on Windows and macOS; None = the first that is free.
        open_camera: what opens the camera, for tests: ``(width, height, fps, device)``.
        clock: the time in seconds.
        reopen_s: pause between two tries to open a camera again that failed.

    Raises:
        MissingExtra: pyvirtualcam is not installed.
        SinkError: there is no virtual camera, or another program sends to it.
    """

    def __init__(
        self,
        size: Size,
        fps: Fraction,
        *,
        device: str | None = None,
        open_camera: Callable[[int, int, float, str | None], Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
        reopen_s: float = REOPEN_S,
    ) -> None:
        self._size = size
        self._fps = float(fps)
        self._clock = clock
        self._reopen_s = reopen_s
        self._open_camera = open_camera or _open
        self._last: Image | None = None
        self._begun_at_s = clock()
        self._filled_slot = -1
        self._lock = threading.Lock()
        self._is_closed = False
        self._is_reopening = False
        self._reopen_at_s = 0.0
        try:
            self._camera: Any = self._opened(device)
        except _FAULTS as error:
            name = device or "a virtual camera"
            raise SinkError(f"{name} cannot be opened ({_one_line(error)}); {why_not_opened(device)}") from None
        self.device = str(self._camera.device)
        """What other programs see."""

    def write(self, frame: Frame) -> None:
        """Send a frame of the size given at the start."""
        if frame.size != self._size:
            raise SinkError(f"the virtual camera was opened for {self._size}, but a frame is {frame.size}")
        if self._is_closed:
            raise SinkError("the virtual camera is closed")
        image = flat_rgb(frame.image)
        if self._size.width % 2 or self._size.height % 2:
            image = np.pad(image, ((0, self._size.height % 2), (0, self._size.width % 2), (0, 0)), "edge")
        self._last = np.ascontiguousarray(image)
        self._send(self._last)
        self._fill_slot()

    def idle(self) -> None:
        """Send the last frame again if a slot has passed without one."""
        if self._last is not None and self._slot() - 1 > self._filled_slot:
            self._send(self._last)
            self._fill_slot()

    def close(self) -> None:
        """Give the camera back. May be called twice."""
        with self._lock:
            self._is_closed = True
            camera, self._camera = self._camera, None
        self._last = None
        if camera is not None:
            camera.close()

    def abort(self) -> None:
        """As ``close``: a camera keeps nothing."""
        self.close()

    def _slot(self) -> int:
        return int((self._clock() - self._begun_at_s) * self._fps)

    def _fill_slot(self) -> None:
        """Count one picture as sent: never ahead of time, and making good no more than one slot that was missed."""
        slot = self._slot()
        self._filled_slot = min(slot, max(self._filled_slot + 1, slot - 2))

    def _send(self, image: Image) -> None:
        camera = self._camera
        if camera is None:
            self._try_again()
            return
        try:
            camera.send(image)
        except _FAULTS as error:
            logger.warning(
                "the virtual camera %s failed: %s; it is opened again when it is back", self.device, _one_line(error)
            )
            self._camera = None
            self._reopen_at_s = self._clock() + self._reopen_s
            with suppress(*_FAULTS):  # it is broken anyway
                camera.close()

    def _try_again(self) -> None:
        if self._is_reopening or self._clock() < self._reopen_at_s:
            return
        self._is_reopening = True
        self._reopen_at_s = self._clock() + self._reopen_s
        threading.Thread(target=self._reopen, name="virtual camera opening", daemon=True).start()

    def _reopen(self) -> None:
        camera: Any = None
        with suppress(*_FAULTS):  # not yet; the next try follows
            camera = self._opened(self.device)
        with self._lock:
            is_late = self._is_closed
            if not is_late:
                self._camera = camera
            self._is_reopening = False
        if camera is None:
            return
        if is_late:
            camera.close()
        else:
            logger.info("the virtual camera %s is back", self.device)

    def _opened(self, device: str | None) -> Any:
        even = (self._size.width + self._size.width % 2, self._size.height + self._size.height % 2)
        return self._open_camera(*even, self._fps, device)


def _open(width: int, height: int, fps: float, device: str | None) -> Any:
    try:
        import pyvirtualcam
    except ImportError:
        raise MissingExtra("a virtual camera needs pyvirtualcam (GPL-2.0): pip install pyvirtualcam") from None
    return pyvirtualcam.Camera(width, height, fps, fmt=pyvirtualcam.PixelFormat.RGB, device=device)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or "no reason given"
