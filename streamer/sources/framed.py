"""What is seen of a source, and at which size: mirrored, cropped, enlarged, brought to the size of the output.

It is done right where frames come in, so that matte, backgrounds and sinks all see the same picture.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import cv2
import numpy as np

from streamer.frames import Area, Frame, Image, Size
from streamer.interfaces import FrameSource, SourceInfo
from streamer.scaling import shrink


@dataclass(frozen=True, slots=True)
class PictureRules:
    """The settings; the defaults change nothing."""

    mirror: bool = False
    crop: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Percent that is cut off on the left, at the top, on the right and at the bottom of the picture as it is shown."""
    zoom: float = 1.0
    """How many times the middle of what is left is enlarged."""
    size: Size | None = None
    """Of the result, in square pixels; None = the source's after cropping, in the source's pixels."""
    fit: Literal["cover", "contain"] = "cover"
    """Whether the picture fills ``size`` and what sticks out is cut off evenly, or all of it is shown."""


def framed(source: FrameSource, rules: PictureRules) -> FrameSource:
    """The source as the rules want it; the very source where they want nothing."""
    is_untouched = dataclasses.replace(rules, fit="cover") == PictureRules()
    return source if is_untouched else FramedSource(source, rules)


class FramedSource:
    """Another source whose frames are mirrored, cropped, enlarged and sized, in that order.

    Every frame comes out at one size, also when the source's own changes in between. With ``contain`` the picture
    stands on the lower edge of the frame, so that a person whom that edge cuts does not float, and the rest of the
    frame is black; ``info.picture`` says where it lies.

    Args:
        source: closed with this one.
        rules: what is wanted.
    """

    def __init__(self, source: FrameSource, rules: PictureRules) -> None:
        self._source = source
        self._rules = rules
        video = source.info.video
        self._pixel_aspect = video.pixel_aspect if video else Fraction(1)
        cropped = cropped_area(source.info.size, rules).size
        self._size = rules.size or cropped
        self._aspect_out = Fraction(1) if rules.size else self._pixel_aspect
        self._picture = Area(0, 0, *self._size)
        if rules.fit == "contain":
            self._picture = contained(cropped, self._pixel_aspect / self._aspect_out, self._size)
        self.info: SourceInfo = dataclasses.replace(
            source.info,
            size=self._size,
            picture=None if self._picture.size == self._size else self._picture,
            video=dataclasses.replace(video, pixel_aspect=self._aspect_out) if video else None,
        )

    @property
    def bad_frames(self) -> int:
        """Those of the source."""
        return self._source.bad_frames

    def __iter__(self) -> Iterator[Frame]:
        """Yield the source's frames with other pixels and the same times."""
        for frame in self._source:
            yield frame.with_image(self._framed(frame.image))

    def close(self) -> None:
        """Close the source. May be called twice, from any thread."""
        self._source.close()

    def _framed(self, image: Image) -> Image:
        cut = self._cut(Size(image.shape[1], image.shape[0]))
        piece = image[cut.slices]
        wanted = self._picture.size
        if cut.size != wanted:
            is_smaller = wanted.width <= cut.width and wanted.height <= cut.height
            piece = shrink(piece, wanted) if is_smaller else cv2.resize(piece, wanted, interpolation=cv2.INTER_LINEAR)
        if self._rules.mirror:
            piece = cv2.flip(piece, 1)
        if wanted == self._size:
            return np.ascontiguousarray(piece)
        whole = np.zeros((self._size.height, self._size.width, 3), np.uint8)
        whole[self._picture.slices] = piece
        return whole

    def _cut(self, size: Size) -> Area:
        """What of a frame of that size is shown, before it is mirrored."""
        area = cropped_area(size, self._rules)
        wanted = self._picture.size
        width, height = area.width / self._rules.zoom, area.height / self._rules.zoom
        aspect = float(Fraction(wanted.width, wanted.height) * self._aspect_out / self._pixel_aspect)
        width, height = min(width, height * aspect), min(height, width / aspect)
        kept = Size(max(1, round(width)), max(1, round(height)))
        left, top = area.left + (area.width - kept.width) // 2, area.top + (area.height - kept.height) // 2
        if self._rules.mirror:
            left = size.width - left - kept.width
        return Area(left, top, *kept)


def cropped_area(size: Size, rules: PictureRules) -> Area:
    """What cropping leaves of a picture of that size, mirrored already if it is to be.

    A side that is cropped comes out even, which video encoders like.
    """
    left, width = _cropped_side(size.width, rules.crop[0], rules.crop[2])
    top, height = _cropped_side(size.height, rules.crop[1], rules.crop[3])
    return Area(left, top, width, height)


def contained(size: Size, pixel_aspect: Fraction, frame: Size) -> Area:
    """Where all of a picture of ``size`` lies in a frame: as large as it can be, in the middle of the lower edge.

    Args:
        size: of the picture.
        pixel_aspect: width over height of its pixels, in those of the frame.
        frame: size of the frame.
    """
    shown_width = float(size.width * pixel_aspect)
    scale = min(frame.width / shown_width, frame.height / size.height)
    width = min(frame.width, max(1, round(shown_width * scale)))
    height = min(frame.height, max(1, round(size.height * scale)))
    return Area((frame.width - width) // 2, frame.height - height, width, height)


def _cropped_side(length: int, before_percent: float, after_percent: float) -> tuple[int, int]:
    """Where it begins and how long it is."""
    if before_percent == after_percent == 0:
        return 0, length
    before = round(length * before_percent / 100)
    kept = length - before - round(length * after_percent / 100)
    return before, max(1, kept - kept % 2 if kept > 2 else kept)
