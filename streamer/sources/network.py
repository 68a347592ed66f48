"""Cameras and files behind a URL, through PyAV.

PyAV rather than OpenCV: its connections time out (OpenCV's wheel waits up to 90 s for a silent one), it turns pictures
by the stream's own colour matrix, and it is there already for the files.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame

from streamer.errors import SourceError
from streamer.frames import Frame, Image, Size
from streamer.interfaces import SourceInfo
from streamer.sources.live import NewestFrames

SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https")
WORDS = "user|usr|name|pass|pwd|psw|auth|token|key|secret|login"
SECRETS = (
    re.compile(rf"([?&](?:[^=&#]*(?:{WORDS})[^=&#]*|u|p)=)[^&#]*", re.IGNORECASE),
    re.compile(rf"([/;_](?:[^=&#/;_?]*(?:{WORDS})[^=&#/;_?]*|u|p)=)(?:(?!_[^=&#/;_?]+=)[^&#/;])*", re.IGNORECASE),
)
"""What a cheap camera wants behind the question mark, or in the path, where the next name may stand behind a ``_``."""
PATIENCE_S = 10.0
"""How long a connection may take to open, and how long it may be silent."""


def without_password(url: str) -> str:
    """The URL as it may be shown and logged."""
    scheme, mark, rest = url.partition("://")
    place = rest.rpartition("@")[2]  # a password may hold a slash, or all else that divides a URL
    for secret in SECRETS:
        place = secret.sub(r"\1...", place)
    return scheme + mark + place


class NetworkSource:
    """A stream behind an rtsp, rtmp or http(s) URL: live, the newest frame wins.

    A whole file behind a URL plays at its own speed: it is a stream that happens to end.

    Args:
        url: with user and password if the camera asks for them; they are never shown.
        timeout_s: how long the connection may take to open, and how long it may be silent.

    Raises:
        SourceError: nobody answers, access is denied, or there is no video in it.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = PATIENCE_S,
        sleep: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shown = without_password(url)
        self._closing = threading.Event()
        self._sleep = sleep or self._closing.wait
        self._clock = clock
        self._bad_frames = 0
        self._container = self._open(url, timeout_s)
        try:
            stream = self._container.streams.video[0]
            stream.thread_type = "SLICE"  # decoding frames side by side holds back as many of them
            self._decoded = self._decode()
            self._first: Image | None = next(self._decoded, None)
            if self._first is None:
                raise SourceError(f"{self._shown} holds no picture")
        except (av.FFmpegError, OSError, IndexError) as error:
            self._container.close()
            raise self._explained(error) from None
        except BaseException:
            self._container.close()
            raise
        size = Size(self._first.shape[1], self._first.shape[0])
        fps = Fraction(stream.average_rate or 30)
        self.info = SourceInfo(name=self._shown, size=size, fps=fps, is_live=True)
        self._frames = NewestFrames(self._shown, size, self._read, self._container.close, timeout_s=timeout_s + 1)

    @property
    def bad_frames(self) -> int:
        """Packets so far that could not be decoded."""
        return self._bad_frames

    def __iter__(self) -> Iterator[Frame]:
        """Yield the newest frame each time; ``pts_s`` counts from the first one."""
        return iter(self._frames)

    def close(self) -> None:
        """Disconnect. May be called twice, from any thread."""
        self._closing.set()
        self._frames.close()

    def _open(self, url: str, timeout_s: float) -> InputContainer:
        options = {}
        if url.lower().startswith("rtsp"):  # over UDP lost packets tear the picture; what was probed is old by now
            options = {"rtsp_transport": "tcp", "fflags": "nobuffer"}
        try:
            return av.open(url, timeout=(timeout_s, timeout_s), options=options)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._explained(error) from None

    def _explained(self, error: BaseException) -> SourceError:
        if isinstance(error, IndexError):
            return SourceError(f"{self._shown} holds no video")
        if isinstance(error, av.ExitError):
            return SourceError(f"{self._shown} does not answer; check the address and that the camera is switched on")
        reason = getattr(error, "strerror", None) or type(error).__name__
        return SourceError(f"{self._shown} cannot be read: {reason}; check the address, user and password")

    def _read(self) -> Image | None:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        try:
            return next(self._decoded, None)
        except (av.FFmpegError, OSError) as error:
            raise self._explained(error) from None

    def _decode(self) -> Iterator[Image]:
        """Every picture, and of a file that ends each one not before its time."""
        is_file = self._container.duration is not None
        begun_at_s: float | None = None
        for packet in self._container.demux(video=0):
            try:
                frames = packet.decode()
            except av.InvalidDataError:  # what was lost on the way; the stream goes on
                self._bad_frames += 1
                continue
            for frame in frames:
                if is_file and frame.time is not None:
                    now_s = self._clock()
                    begun_at_s = now_s - frame.time if begun_at_s is None else begun_at_s
                    self._sleep(max(0.0, begun_at_s + frame.time - now_s))
                yield _to_rgb(frame)
        if not is_file:  # a camera does not end: it was switched off, or the connection is gone
            raise SourceError(f"{self._shown} stopped sending")


def _to_rgb(frame: VideoFrame) -> Image:
    return np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
