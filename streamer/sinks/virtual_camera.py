"""A virtual camera that other programs can choose, through the optional pyvirtualcam."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from streamer.errors import MissingExtra, SinkError
from streamer.frames import Frame, Image, Size
from streamer.sinks.flatten import flat_rgb

LOAD_LOOPBACK = "sudo modprobe v4l2loopback devices=1 exclusive_caps=1 card_label=Backlot"
REPEAT_S = 0.2
"""After so long without a new frame the last one is sent again: programs take a silent camera for a broken one."""


class VirtualCameraSink:
    """Sends frames to v4l2loopback on Linux, OBS's virtual camera on macOS and Windows. It never paces.

    RGBA lies on black, grey is spread over the three channels. Virtual cameras carry 4:2:0, which readers only take at
    even sizes: the last column or row of an odd one is repeated.

    Args:
        size: of every frame.
        fps: what the camera announces.
        device: ``/dev/videoN``; None = the first that is free.
        open_camera: what opens the camera, for tests: ``(width, height, fps, device)``.
        clock: the time in seconds.

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
    ) -> None:
        self._size = size
        self._clock = clock
        self._last: Image | None = None
        self._sent_at_s = 0.0
        try:
            even = (size.width + size.width % 2, size.height + size.height % 2)
            self._camera: Any = (open_camera or _open)(*even, float(fps), device)
        except (RuntimeError, ValueError, OSError) as error:
            raise SinkError(_explained(str(error), device)) from None
        self.device = str(self._camera.device)
        """What other programs see."""

    def write(self, frame: Frame) -> None:
        """Send a frame of the size given at the start."""
        if frame.size != self._size:
            raise SinkError(f"the virtual camera was opened for {self._size}, but a frame is {frame.size}")
        image = flat_rgb(frame.image)
        if self._size.width % 2 or self._size.height % 2:
            image = np.pad(image, ((0, self._size.height % 2), (0, self._size.width % 2), (0, 0)), "edge")
        self._last = np.ascontiguousarray(image)
        self._send(self._last)

    def idle(self) -> None:
        """Send the last frame again if it was a while ago."""
        if self._last is not None and self._clock() - self._sent_at_s >= REPEAT_S:
            self._send(self._last)

    def close(self) -> None:
        """Give the camera back. May be called twice."""
        self._last = None
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()

    def abort(self) -> None:
        """As ``close``: a camera keeps nothing."""
        self.close()

    def _send(self, image: Image) -> None:
        if self._camera is None:
            raise SinkError("the virtual camera is closed")
        try:
            self._camera.send(image)
        except (RuntimeError, ValueError, OSError) as error:
            raise SinkError(f"the virtual camera {self.device} failed: {_one_line(str(error))}") from None
        self._sent_at_s = self._clock()


def _open(width: int, height: int, fps: float, device: str | None) -> Any:
    try:
        import pyvirtualcam
    except ImportError:
        raise MissingExtra("a virtual camera needs pyvirtualcam (GPL-2.0): pip install pyvirtualcam") from None
    return pyvirtualcam.Camera(width, height, fps, fmt=pyvirtualcam.PixelFormat.RGB, device=device)


def _explained(reason: str, device: str | None) -> str:
    name = device or "a virtual camera"
    if sys.platform.startswith("linux"):
        mend = f"load the driver with `{LOAD_LOOPBACK}`, or end the program that sends to it"
    else:
        mend = "install OBS Studio, start its virtual camera once, stop it, and try again"
    return f"{name} cannot be opened ({_one_line(reason)}); {mend}"


def _one_line(reason: str) -> str:
    return " ".join(reason.split()).rstrip(".") or "no reason given"
