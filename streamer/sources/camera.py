"""Cameras, through OpenCV."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

import cv2
import numpy as np

from streamer.errors import SourceError
from streamer.frames import Frame, Image, Size
from streamer.interfaces import SourceInfo
from streamer.sources.live import NewestFrames

logger = logging.getLogger(__name__)

SILENCE_S = 5.0
"""After how long without a picture the camera is given up."""
RETRY_S = 0.02
"""Pause after a read that failed: some drivers fail at once, and a few times while they start."""
HD_HEIGHT_PX = 720
"""From here on USB 2 has no room for 30 raw pictures a second (YUYV at 1280x720 gives 10): ask for MJPG."""


@dataclass(frozen=True, slots=True)
class CameraRequest:
    """What to ask the camera for; None = whatever it prefers. Drivers answer with the nearest they have."""

    width: int | None = None
    height: int | None = None
    fps: float | None = None
    fourcc: str | None = None
    """Four letters: ``MJPG``, ``YUYV``..."""

    def __str__(self) -> str:
        return describe(self.width, self.height, self.fps, self.fourcc)


class Capture(Protocol):
    """The part of ``cv2.VideoCapture`` that is used here; tests put a scripted one in its place."""

    def isOpened(self) -> bool: ...  # noqa: N802 - OpenCV's name
    def read(self) -> tuple[bool, np.ndarray | None]: ...
    def set(self, prop: int, value: float) -> bool: ...
    def get(self, prop: int) -> float: ...
    def release(self) -> None: ...


class CameraSource:
    """A camera: live, the newest frame wins.

    Opening takes a first picture, because drivers report sizes that they do not deliver.

    Args:
        device: index, or a device path such as ``/dev/video2``.
        request: what to ask for.
        timeout_s: after how long without a picture the camera has failed.
        open_capture: what opens the device, for tests.

    Raises:
        SourceError: there is no such camera, it may not be used, or it gives no picture.
    """

    def __init__(
        self,
        device: int | str,
        request: CameraRequest | None = None,
        *,
        timeout_s: float = SILENCE_S,
        open_capture: Callable[[int | str, int], Capture] | None = None,
    ) -> None:
        asked = request or CameraRequest()
        name = f"camera {device}"
        if open_capture is None:
            check_device(device)
        silence_opencv()
        capture = _open(device, open_capture or _opencv_capture)
        try:
            _ask(capture, asked)
            first = _first_picture(capture, name, timeout_s)
        except BaseException:
            capture.release()
            raise
        self._capture = capture
        self._closing = threading.Event()
        self._timeout_s = timeout_s
        self._name = name
        size = Size(first.shape[1], first.shape[0])
        self.given = _given(capture, size)
        """What the camera really gives."""
        _report(name, asked, self.given)
        fps = Fraction(self.given.fps or asked.fps or 30.0).limit_denominator(1001)
        self.info = SourceInfo(name=name, size=size, fps=fps, is_live=True)
        self._frames = NewestFrames(name, size, self._read, capture.release, timeout_s=timeout_s)

    @property
    def bad_frames(self) -> int:
        """Always 0: a camera drops what it cannot deliver."""
        return 0

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frame each time; ``pts_s`` counts from the first one."""
        return iter(self._frames)

    def close(self) -> None:
        """Give the camera back; a read that hangs gives it back when it returns. May be called twice."""
        self._closing.set()
        self._frames.close()

    def _read(self) -> Image | None:
        return _picture(self._capture, self._name, self._timeout_s, self._closing)


def silence_opencv() -> None:
    """Keep OpenCV's own warnings off stderr from now on: what fails is told by the exceptions here.

    It is not switched back: reading and closing warn too, on any thread. The variable ``OPENCV_LOG_LEVEL`` has the
    last word.
    """
    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def describe(width: int | None, height: int | None, fps: float | None, fourcc: str | None) -> str:
    """For people: ``1280x720, 30 fps, MJPG``; what is not known is left out."""
    parts = []
    if width or height:
        parts.append(f"{width or '?'}x{height or '?'}")
    if fps:
        parts.append(f"{fps:g} fps")
    if fourcc:
        parts.append(fourcc)
    return ", ".join(parts) or "its defaults"


def check_device(device: int | str) -> None:
    """Say more than OpenCV does about a camera that cannot be opened; only Linux shows its cameras as files."""
    if not sys.platform.startswith("linux"):
        return
    path = f"/dev/video{device}" if isinstance(device, int) else device
    if not os.path.exists(path):
        raise SourceError(f"camera {device} does not exist: there is no {path}; `streamer devices` lists the cameras")
    if not os.access(path, os.R_OK | os.W_OK):
        raise SourceError(
            f"camera {device}: no permission to open {path}; run `sudo usermod -aG video $USER`, log in again"
        )


def backends() -> Sequence[int]:
    """OpenCV's ways to the camera on this system, the best first."""
    if sys.platform.startswith("linux"):
        return (cv2.CAP_V4L2,)
    if sys.platform == "darwin":
        return (cv2.CAP_AVFOUNDATION,)
    if sys.platform == "win32":
        return (cv2.CAP_DSHOW, cv2.CAP_MSMF)  # DirectShow opens at once and knows MJPG; some cameras only do the other
    return (cv2.CAP_ANY,)


def _opencv_capture(device: int | str, backend: int) -> Capture:
    capture: Capture = cv2.VideoCapture(device, backend)
    return capture


def _open(device: int | str, open_capture: Callable[[int | str, int], Capture]) -> Capture:
    for backend in backends():
        try:
            capture = open_capture(device, backend)
        except cv2.error:
            continue
        if capture.isOpened():
            return capture
        capture.release()
    raise SourceError(
        f"camera {device} cannot be opened: another program uses it, or there is no such camera; "
        "`streamer devices` lists the cameras"
    )


def _ask(capture: Capture, asked: CameraRequest) -> None:
    """The format goes before the size: drivers offer other ones with each."""
    fourcc = asked.fourcc
    is_windows = sys.platform == "win32"
    is_hd = (asked.height or 0) >= HD_HEIGHT_PX or (asked.width or 0) >= HD_HEIGHT_PX * 16 // 9
    if fourcc is None and is_hd and (is_windows or sys.platform.startswith("linux")):
        fourcc = "MJPG"
    if is_windows and asked.fps is not None:  # after the size it would have OpenCV's DirectShow forget the format
        capture.set(cv2.CAP_PROP_FPS, asked.fps)
    if fourcc is not None:
        if len(fourcc) != 4:
            raise SourceError(f"a camera format has four letters, such as MJPG, not {fourcc!r}")
        capture.set(cv2.CAP_PROP_FOURCC, float(cv2.VideoWriter.fourcc(*fourcc)))
    if asked.width is not None:
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, float(asked.width))
    if asked.height is not None:
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, float(asked.height))
    if not is_windows and asked.fps is not None:
        capture.set(cv2.CAP_PROP_FPS, asked.fps)
    # A queue in the driver is latency. But with one buffer alone USB cameras leave out the picture that begins while it
    # is read, which is half of them; its own reader never lets two fill up.
    capture.set(cv2.CAP_PROP_BUFFERSIZE, 2.0)


def _given(capture: Capture, size: Size) -> CameraRequest:
    fps = capture.get(cv2.CAP_PROP_FPS)
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    letters = "".join(chr(code >> shift & 0xFF) for shift in (0, 8, 16, 24)) if code > 0 else ""
    given = CameraRequest(size.width, size.height)
    if 1 <= fps <= 1000:  # some drivers answer 0, -1 or 1e7
        given = replace(given, fps=fps)
    if letters.isprintable() and letters.strip():
        given = replace(given, fourcc=letters.strip())
    return given


def _report(name: str, asked: CameraRequest, given: CameraRequest) -> None:
    logger.info("%s: asked for %s; got %s", name, asked, given)


def _first_picture(capture: Capture, name: str, timeout_s: float) -> Image:
    try:
        first = _picture(capture, name, timeout_s, threading.Event())
        assert first is not None
        return first
    except SourceError:
        raise SourceError(
            f"{name} opens but gives no picture: another program may be using it; close it, or choose another camera "
            "(`streamer devices` lists them)"
        ) from None


def _picture(capture: Capture, name: str, timeout_s: float, closing: threading.Event) -> Image | None:
    """The next picture as RGB, after as many failed reads as fit into ``timeout_s``; None once it is being closed."""
    give_up_at_s = time.monotonic() + timeout_s
    while not closing.is_set():
        try:
            ok, bgr = capture.read()
            picture = _to_rgb(bgr) if ok and bgr is not None and bgr.size else None
        except (cv2.error, IndexError):  # a damaged MJPG picture, one of no kind that we know, or the device is gone
            picture = None
        if picture is not None:
            return picture
        if time.monotonic() >= give_up_at_s:
            raise SourceError(f"{name} stopped giving pictures: it was unplugged, or another program took it")
        closing.wait(RETRY_S)
    return None


def _to_rgb(picture: np.ndarray) -> Image:
    if picture.dtype != np.uint8:  # 10- to 16-bit infrared and depth cameras
        picture = cv2.convertScaleAbs(picture, alpha=1 / 256)
    if picture.ndim == 2 or picture.shape[2] == 1:
        return cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
    if picture.shape[2] == 4:
        return cv2.cvtColor(picture, cv2.COLOR_BGRA2RGB)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
