"""Decoding a video or gif again and again, each picture scaled to fill a frame."""

from __future__ import annotations

import logging
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

from streamer.color_matrix import effective_matrix
from streamer.frames import Image, Size
from streamer.orientation import orientation_of

FALLBACK_FRAME_S = 1 / 25
"""How long the last frame of a loop is shown when the file does not say."""
MOST_GAP_S = 60.0
"""A frame that would come so much later than the one before ends is taken to follow it: the file's clock has jumped."""

logger = logging.getLogger(__name__)


class LoopReader:
    """Decodes a file from its beginning whenever it has come to its end.

    Args:
        path: of the video.
        size: of the pictures.
    """

    def __init__(self, path: Path, size: Size) -> None:
        self._path = path
        self._size = size
        self._pixel_aspect = Fraction(1)
        self.trouble = ""
        """Why decoding ended before the file did, if it did."""

    def first(self) -> Image | None:
        """The first picture; None if there is none (``trouble`` says why)."""
        frames = self._one_pass()
        for _, _, frame in frames:
            frames.close()
            return self.picture(frame)
        return None

    def frames(self) -> Generator[tuple[float, VideoFrame], None, None]:
        """Frames with their times in seconds from the first, without end; a single frame comes once.

        Ends when the file can no longer be read.
        """
        begins_s = 0.0
        while True:
            count, ends_s = 0, 0.0
            for at_s, shown_s, frame in self._one_pass():
                count, ends_s = count + 1, at_s + shown_s
                yield begins_s + at_s, frame
            if count <= 1:
                return
            begins_s += ends_s

    def picture(self, frame: VideoFrame) -> Image:
        """The frame as RGB uint8 of the size asked for: upright, with square pixels, cut to fill it evenly."""
        orientation = orientation_of(frame)
        target = orientation.size_of(self._size)
        width = frame.width * self._pixel_aspect
        scale = max(target.width / width, Fraction(target.height, frame.height))
        scaled = Size(max(target.width, round(width * scale)), max(target.height, round(frame.height * scale)))
        matrix = effective_matrix(frame.colorspace, frame.height)
        rgb = frame.reformat(
            scaled.width, scaled.height, "rgb24", src_colorspace=matrix, interpolation="BICUBIC"
        ).to_ndarray()
        left, top = (scaled.width - target.width) // 2, (scaled.height - target.height) // 2
        picture = rgb[top : top + target.height, left : left + target.width]
        return orientation.upright(np.ascontiguousarray(picture, np.uint8))

    def _one_pass(self) -> Generator[tuple[float, float, VideoFrame], None, None]:
        """Each frame with its time from the first and how long it is shown, in seconds; damage ends the pass."""
        try:
            # Absolute, or a name with a colon would be taken for an address.
            with av.open(str(self._path.absolute()), "r", metadata_errors="replace") as container:
                if not container.streams.video:
                    self._note("it has no video stream")
                    return
                stream = container.streams.video[0]
                self._pixel_aspect = stream.sample_aspect_ratio or Fraction(1)
                first_s: float | None = None
                last_s, ends_s = -1.0, 0.0
                for frame in container.decode(stream):
                    shown_s = _shown_s(frame, stream.average_rate)
                    first_s = frame.time if first_s is None else first_s
                    at_s = ends_s if frame.time is None or first_s is None else frame.time - first_s
                    if not last_s < at_s <= ends_s + MOST_GAP_S:
                        at_s = ends_s
                    last_s, ends_s = at_s, at_s + shown_s
                    yield at_s, shown_s, frame
        except (av.error.FFmpegError, OSError) as error:
            self._note(error.strerror or str(error))

    def _note(self, trouble: str) -> None:
        if not self.trouble:  # once, not at every loop
            self.trouble = trouble
            logger.info("background video '%s' ends early: %s", self._path, trouble)


def _shown_s(frame: VideoFrame, rate: Fraction | None) -> float:
    """How long the frame is shown, in seconds."""
    if frame.duration and frame.time_base is not None:
        return float(frame.duration * frame.time_base)
    return float(1 / rate) if rate else FALLBACK_FRAME_S
